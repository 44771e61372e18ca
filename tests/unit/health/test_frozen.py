"""A picture that stays the same for a minute is frozen; one whose noise moves is not."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timezone

import numpy as np
import pytest

from edge.frame import Frame, Plane, Stamp
from edge.health.frozen import PATIENCE_S, STILL_S, Frozen
from tests.scenes.alterations import noisy
from tests.scenes.disturbances import as_luma, yard

YARD = as_luma(yard(320, 180))


def said(pictures: Iterable[Plane], *, step_s: float = 1.0) -> list[float]:
    """Seconds at which a series of looks is called frozen."""
    check, found = Frozen(), []
    for look, luma in enumerate(pictures):
        half = np.full(((luma.shape[0] + 1) // 2, (luma.shape[1] + 1) // 2), 128, np.uint8)
        stamp = Stamp("c", look, look * step_s, datetime(2026, 1, 1, tzinfo=timezone.utc), 0)
        if check.look(Frame(stamp, luma.copy(), half, half)):
            found.append(look * step_s)
    return found


def test_the_same_picture_is_frozen_after_a_minute_and_not_before() -> None:
    assert said([YARD] * 100) == [float(s) for s in range(int(STILL_S), 100)]


@pytest.mark.parametrize("step_s", [0.9, 1.0, 2.5])
def test_noise_of_one_level_is_life(step_s: float) -> None:
    assert said([noisy(YARD, look, 1.0) for look in range(150)], step_s=step_s) == []


def test_a_picture_that_returns_once_a_gop_is_frozen() -> None:
    """Between keyframes ten seconds apart an encoder improves the picture it repeats."""
    gop = [noisy(YARD, look, 1.2) for look in range(10)]
    assert said(gop * 9)[0] == STILL_S


def test_it_is_over_when_something_else_is_seen() -> None:
    """At once where the picture is another one, after the patience where only noise came back."""
    other = np.ascontiguousarray(YARD[::-1])
    assert said([YARD] * 80 + [other] * 5) == [float(s) for s in range(60, 80)]
    alive = [noisy(YARD, look, 1.5) for look in range(40)]
    assert said([YARD] * 80 + alive)[-1] <= 80 + PATIENCE_S


def test_a_clock_in_the_corner_does_not_hide_it() -> None:
    pictures = []
    for look in range(90):
        luma = YARD.copy()
        luma[:30, :150] = np.random.default_rng(look).integers(0, 255, (30, 150))
        pictures.append(luma)
    assert said(pictures)[0] == STILL_S


@pytest.mark.parametrize("level", [0, 16, 255])
def test_an_even_picture_says_nothing(level: int) -> None:
    """Black, or all masked: whether it is frozen cannot be told; that it is dark is said."""
    assert said([np.full((180, 320), level, np.uint8)] * 90) == []


def test_masks_and_white_sky_do_not_freeze_a_camera() -> None:
    """Three quarters of the picture never change."""
    pictures = []
    for look in range(90):
        luma = noisy(YARD, look, 1.5)
        luma[:135] = 0
        pictures.append(luma)
    assert said(pictures) == []


def test_another_size_is_another_picture() -> None:
    assert said([YARD] * 50 + [np.ascontiguousarray(YARD[:90])] * 50) == []


@pytest.mark.parametrize("shape", [(1, 1), (3, 15), (4, 16), (7, 33)])
def test_the_smallest_pictures_are_looked_at(shape: tuple[int, int]) -> None:
    """Nothing is said of a picture without a whole block, and nothing fails."""
    said([np.zeros(shape, np.uint8)] * 70)
