"""A disarming outlives the process, for as long as its clock can be believed, and no longer."""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from edge.runtime.arming import Disarming
from edge.runtime.disarmings import FILE, Disarmings


def until(**later: float) -> datetime:
    return datetime.now(timezone.utc) + timedelta(**later)


def disarming(rule: str = "gate-in", **later: float) -> Disarming:
    return Disarming(rule, 0.0, until(**(later or {"hours": 1})), "by control-room: road works")


def test_the_end_is_kept(tmp_path: Path) -> None:
    """In UTC as it was, and on the new process's own monotonic clock."""
    one = disarming()
    Disarmings(tmp_path).keep("gate", [one])
    ((found,),) = Disarmings(tmp_path).going_on().values()
    assert (found.rule, found.until, found.words) == (one.rule, one.until, one.words)
    assert found.ends_at - time.monotonic() == pytest.approx(3600, abs=5)


def test_what_is_armed_or_over_is_armed(tmp_path: Path) -> None:
    """An `arm` is kept too; of several cameras only its own changes."""
    kept = Disarmings(tmp_path)
    kept.keep("gate", [disarming()])
    kept.keep("yard", [disarming(), disarming("over", seconds=-1)])
    kept.keep("gate", [])
    assert list(Disarmings(tmp_path).going_on()) == ["yard"]
    assert [one.rule for one in Disarmings(tmp_path).going_on()["yard"]] == ["gate-in"]


def test_a_clock_that_went_back_arms(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """After a power cut without a battery it is any time; a box must not stay blind for that."""
    Disarmings(tmp_path).keep("gate", [disarming()])
    file = tmp_path / FILE
    written = json.loads(file.read_text())
    written["gate"][0].update(at=until(days=300).isoformat(), until=until(days=301).isoformat())
    file.write_text(json.dumps(written))
    assert Disarmings(tmp_path).going_on() == {}
    assert "rule gate-in is armed" in caplog.text


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"gate": [{"rule": "in"}]}', '{"gate": [3]}', '{"gate": 3}', '{"gate":[{"ru'],
)
def test_a_file_that_cannot_be_read_arms(text: str, tmp_path: Path) -> None:
    """And nothing fails at the start because of it."""
    (tmp_path / FILE).write_text(text)
    assert Disarmings(tmp_path).going_on() == {}


def test_a_disk_that_takes_nothing_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The rule is disarmed all the same, and armed after a restart."""
    (tmp_path / "storage").write_text("a file, where a folder should be")
    Disarmings(tmp_path / "storage" / "deeper").keep("gate", [disarming()])
    assert "disarmings end with this run" in caplog.text
