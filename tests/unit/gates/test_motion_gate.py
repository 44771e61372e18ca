"""Gates look where something moves, and never close on what is followed."""

from __future__ import annotations

from datetime import datetime, timezone

import numpy as np
import pytest

from edge.frame import Frame, Plane, Stamp
from edge.gates import Rate
from edge.gates.motion import Motion, Options

RANDOM = np.random.default_rng(7)


def frame(pts: float, luma: Plane) -> Frame:
    stamp = Stamp("c", 0, pts, datetime(2026, 1, 1, tzinfo=timezone.utc), 0)
    half = np.full((luma.shape[0] // 2, luma.shape[1] // 2), 128, np.uint8)
    return Frame(stamp, luma, half, half.copy())


def scene(*, noise: float = 0.0, box_at: int | None = None) -> Plane:
    luma = np.full((360, 640), 90.0) + RANDOM.normal(0, noise, (360, 640))
    if box_at is not None:
        luma[200:260, box_at : box_at + 24] = 180
    return luma.clip(0, 255).astype(np.uint8)


def opened(gate: Motion, lumas: list[Plane], *, start: float = 0.0, fps: float = 8) -> list[bool]:
    return [
        gate.is_open(frame(start + index / fps, luma), is_following=False)
        for index, luma in enumerate(lumas)
    ]


@pytest.mark.parametrize("noise", [0.0, 4.0, 10.0])
def test_a_still_scene_is_looked_at_once_a_second(noise: float) -> None:
    """Sensor noise does not open the gate; the regular look does."""
    gate = Options().build()
    opened(gate, [scene(noise=noise) for _ in range(32)])
    still = opened(gate, [scene(noise=noise) for _ in range(80)], start=4.0)
    assert 8 <= sum(still) <= 12


def test_a_small_mover_opens_it_at_once() -> None:
    """The first frame with something new in it is looked at."""
    gate = Options().build()
    opened(gate, [scene(noise=3) for _ in range(40)])
    moving = opened(gate, [scene(noise=3, box_at=50 + 8 * i) for i in range(16)], start=5.0)
    assert all(moving)


def test_it_stays_open_while_something_is_followed() -> None:
    """A track is never left alone."""
    gate = Options().build()
    assert all(gate.is_open(frame(i / 8, scene()), is_following=True) for i in range(60))


@pytest.mark.parametrize(
    ("stream_fps", "wanted", "expected"),
    [(25, 8, 80), (12.5, 8, 80), (10, 8, 80), (5, 8, 50), (8, 8, 80)],
)
def test_the_rate_is_kept_on_average(stream_fps: float, wanted: float, expected: int) -> None:
    """Ten seconds of stream give the wanted number of frames, or all of a slower stream."""
    rate = Rate(wanted)
    n = sum(rate.is_due(i / stream_fps) for i in range(int(10 * stream_fps)))
    assert abs(n - expected) <= 2


def test_after_a_gap_the_rate_does_not_catch_up() -> None:
    """A reconnection is not followed by a burst."""
    rate = Rate(2)
    assert rate.is_due(0)
    assert [rate.is_due(100 + i / 10) for i in range(6)] == [True] + [False] * 3 + [True, False]
