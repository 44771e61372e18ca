"""The box says when its own clock cannot be believed."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from edge.runtime.clock import GRACE_S, STEPPED_S, BoxClock, is_synchronised

START = datetime(2026, 11, 24, 8, 0, tzinfo=timezone.utc)


class Time:
    """Two clocks a test can move apart."""

    def __init__(self) -> None:
        self.monotonic = 1000.0
        self.utc = START
        self.is_synchronised: bool | None = True
        self.clock = BoxClock(
            lambda: self.monotonic, lambda: self.utc, lambda: self.is_synchronised
        )

    def pass_s(self, seconds: float) -> None:
        self.monotonic += seconds
        self.utc += timedelta(seconds=seconds)


def test_a_clock_that_runs_is_not_doubted() -> None:
    """Hours of normal time, and steering as a time server does it."""
    time = Time()
    for _ in range(3600):
        time.pass_s(1.0)
        time.utc += timedelta(milliseconds=0.5)
        assert time.clock.doubt == ""


@pytest.mark.parametrize("step_s", [3600.0, -3600.0, 1.5])
def test_a_step_is_told_for_a_while(step_s: float) -> None:
    """Forward and back, by how much, and then it is over."""
    time = Time()
    time.pass_s(10)
    time.utc += timedelta(seconds=step_s)
    time.pass_s(2)
    assert f"{step_s:+.1f} s" in time.clock.doubt
    time.pass_s(STEPPED_S - 2)
    assert time.clock.doubt
    time.pass_s(10)
    assert time.clock.doubt == ""


def test_without_a_time_server_it_is_told_after_a_grace() -> None:
    """Not in the first minutes, when a box may still look for its server; gone once it has it."""
    time = Time()
    time.is_synchronised = False
    for _ in range(int(GRACE_S)):
        time.pass_s(1)
        assert time.clock.doubt == ""
    time.pass_s(2)
    assert "not synchronised" in time.clock.doubt
    time.is_synchronised = True
    time.pass_s(2)
    assert time.clock.doubt == ""


def test_a_kernel_that_does_not_tell_is_not_held_against_the_box() -> None:
    """Other systems than Linux."""
    time = Time()
    time.is_synchronised = None
    time.pass_s(GRACE_S * 10)
    assert time.clock.doubt == ""


def test_a_dead_battery_is_told_at_once() -> None:
    """1970 cannot be now."""
    time = Time()
    time.utc = datetime(1970, 1, 1, tzinfo=timezone.utc)
    time.clock = BoxClock(lambda: time.monotonic, lambda: time.utc, lambda: False)
    time.pass_s(1)
    assert "1970-01-01" in time.clock.doubt


def test_this_kernel_answers() -> None:
    """Reading is allowed to everyone, and sets nothing."""
    assert is_synchronised() in (True, False, None)
