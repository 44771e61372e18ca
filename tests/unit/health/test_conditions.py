"""A condition is said once it lasts, taken back once it is over, and always ended."""

from __future__ import annotations

from datetime import datetime, timezone

from hypothesis import given
from hypothesis import strategies as st

from edge.frame import Stamp
from edge.health import Condition


def now(pts: float) -> Stamp:
    return Stamp("c", 0, pts, datetime(2026, 1, 1, tzinfo=timezone.utc), 0)


def lost() -> Condition:
    return Condition("camera_lost", begin_s=2.0, end_s=3.0)


def phases(condition: Condition, history: list[tuple[float, str]]) -> list[tuple[float, str]]:
    return [
        (pts, event.phase)
        for pts, wrong in history
        for event in condition.update(now(pts), wrong=wrong)
    ]


def test_a_short_trouble_is_not_said() -> None:
    """Hysteresis: it must last."""
    assert phases(lost(), [(0, "x"), (1, "x"), (1.5, ""), (2.5, "x"), (3, "")]) == []


def test_a_lasting_trouble_begins_and_ends_once() -> None:
    """One begin, one end, each with its reason."""
    history = [(float(t), "no data" if 1 <= t < 10 else "") for t in range(20)]
    assert phases(lost(), history) == [(3.0, "begin"), (13.0, "end")]


def test_flicker_does_not_end_it() -> None:
    """It must be gone for a while before it is taken back."""
    history = [(float(t), "" if t > 4 and t % 3 == 0 else "x") for t in range(30)]
    assert [phase for _, phase in phases(lost(), history)] == ["begin"]


def test_closing_ends_what_is_open_and_only_that() -> None:
    """A stop ends an open condition with its reason, once."""
    condition = lost()
    assert condition.close(now(0), "stopped") == []
    condition.update(now(0), wrong="x")
    condition.update(now(5), wrong="x")
    (end,) = condition.close(now(6), "stopped")
    assert (end.phase, end.reason, end.kind) == ("end", "stopped", "camera_lost")
    assert condition.close(now(7), "stopped") == []


def test_a_condition_that_needs_no_haste_says_so_at_both_ends() -> None:
    """A doubtful clock is worth a look; a camera that shows nothing is worth an alarm."""
    condition = Condition("clock_unsure", begin_s=0.0, end_s=0.0, priority="review")
    (begin,) = condition.update(now(0), wrong="no time server")
    (end,) = condition.update(now(1), wrong="")
    assert (begin.priority, end.priority) == ("review", "review")
    (alert,) = Condition("camera_lost", begin_s=0.0, end_s=0.0).update(now(0), wrong="x")
    assert alert.priority == "alert"


@given(st.lists(st.tuples(st.floats(0, 5), st.booleans()), max_size=60))
def test_begins_and_ends_alternate(steps: list[tuple[float, bool]]) -> None:
    """Whatever happens, no begin follows a begin and no end comes without one."""
    condition, pts, seen = lost(), 0.0, []
    for wait, is_wrong in steps:
        pts += wait
        seen += [e.phase for e in condition.update(now(pts), wrong="x" if is_wrong else "")]
    seen += [e.phase for e in condition.close(now(pts), "stopped")]
    assert seen == ["begin", "end"] * (len(seen) // 2)
