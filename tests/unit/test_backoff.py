"""Waits grow, stay bounded, and differ between cameras and boxes."""

from __future__ import annotations

import pytest

from edge.backoff import back_off_s


def test_waits_double_to_a_minute_less_jitter() -> None:
    """Exponential and capped; chance takes off up to half."""
    assert [back_off_s(n, lambda: 0.0) for n in (1, 2, 3, 7, 100)] == [1, 2, 4, 60, 60]
    assert back_off_s(3, lambda: 0.999) == pytest.approx(2.0, abs=0.01)


def test_jitter_keeps_cameras_apart() -> None:
    """Thirty-two cameras that came back together do not knock together."""
    waits = sorted(back_off_s(1) for _ in range(32))
    assert waits[0] >= 0.5
    assert waits[-1] <= 1.0
    assert len({round(wait, 3) for wait in waits}) > 20
