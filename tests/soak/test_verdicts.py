"""The soak's own judgement: a run without fault is not blamed, and one with a fault is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.soak.box import Sample
from tests.soak.faults import POWER_CUT
from tests.soak.record import Happened, Record
from tests.soak.room import Heard
from tests.soak.verdicts import judge_losses, judge_resources


def heard(t: float, camera: str, **body: Any) -> Heard:
    return Heard(t, 0.0, {"camera": camera, **body})


@pytest.mark.parametrize(
    ("said_at", "is_met"),
    [
        pytest.param(111.5, True, id="its own group is back, the last one is not"),
        pytest.param(105.0, False, id="nothing comes from it"),
        pytest.param(100.5, True, id="what was on its way when the power failed"),
    ],
)
def test_watched_too_early_is_judged_by_the_group_of_the_camera(
    said_at: float, *, is_met: bool
) -> None:
    """A power cut ends group by group: 3 s lay between the first and the last in one soak."""
    cut = Happened(
        POWER_CUT,
        frozenset({"first", "last"}),
        began=100.0,
        ended=114.0,
        silent_until={"first": 110.0, "last": 113.0},
        back={"first": 111.0, "last": 114.0},
        watched={"first": 111.5, "last": 114.5},
    )
    room = SimpleNamespace(
        statuses=[heard(said_at, "first", state="watching")],
        of=lambda *_: [heard(105.0, "any")],
    )
    record = cast("Record", SimpleNamespace(faults=[cut], room=room))
    verdicts = {verdict.name: verdict for verdict in judge_losses(record)}
    assert verdicts["said to be watched while nothing came"].is_met is is_met
    assert cut.recovery_s == {"first": 0.5, "last": 0.5}


@pytest.mark.parametrize(("leak_mib_h", "is_met"), [(0.0, True), (30.0, False)])
def test_a_leak_is_told_from_a_heap_that_takes_its_size(leak_mib_h: float, *, is_met: bool) -> None:
    """Twenty minutes of climbing are over by the second half; a leak is not."""
    samples = [
        Sample(t, 600 + 70 * min(1.0, t / 1200) + leak_mib_h * t / 3600, 69, 75, 0.0)
        for t in map(float, range(0, 3600, 5))
    ]
    record = cast("Record", SimpleNamespace(samples=samples, sources=[None] * 32))
    verdicts = {verdict.name: verdict for verdict in judge_resources(record)}
    assert verdicts["memory, slope of the second half"].is_met is is_met
