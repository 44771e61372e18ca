"""The line between two namespaces breaks: the short form of `python -m tests.soak.outage`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.servers import MOSQUITTO
from tests.soak.network import why_not
from tests.soak.outage import FAULTS, Fault, run

pytestmark = [
    pytest.mark.alone,
    pytest.mark.network,
    pytest.mark.skipif(bool(why_not()), reason=why_not()),
    pytest.mark.skipif(MOSQUITTO is None, reason="run: apt-get install mosquitto"),
]


@pytest.mark.parametrize("fault", FAULTS[1:3], ids=lambda fault: fault.name)
def test_nothing_is_lost_and_order_is_kept(tmp_path: Path, fault: Fault) -> None:
    """Whatever the line does for two seconds, all that was decided arrives, in order."""
    outcome = run(tmp_path, fault, fault_s=2.0, calm_s=1.0)
    assert outcome.verdict.is_kept, outcome
    assert outcome.verdict.n_decided > 10
