"""Waits grow, stay bounded, and differ between cameras."""

from __future__ import annotations

from edge.backoff import Backoff


def test_waits_double_up_to_the_most_and_begin_small_again() -> None:
    """Exponential, capped, reset by success."""
    backoff = Backoff(first_s=1, most_s=8, uniform=max)
    assert [backoff.next_s() for _ in range(5)] == [1, 2, 4, 8, 8]
    backoff.reset()
    assert backoff.next_s() == 1


def test_jitter_keeps_cameras_apart() -> None:
    """Thirty-two cameras that came back together do not knock together."""
    waits = sorted(Backoff(first_s=1).next_s() for _ in range(32))
    assert waits[0] >= 0.5
    assert waits[-1] <= 1.0
    assert len({round(wait, 3) for wait in waits}) > 20
