"""Disturbed stills: what weather, light, optics and wind do to a picture in which nobody is.

Each disturbance changes a clean luma picture as it would look at one moment. Those with a state
of their own take it from the moment, so that any two runs, at any rate of looking, see the same.
Sizes are fractions of the picture, levels are 8-bit luma.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.frame import Plane

Picture: TypeAlias = NDArray[np.float32]
Disturbance: TypeAlias = Callable[[Picture, float], Picture]
"""Takes (H, W) luma and a moment in seconds; gives luma of the same size, not yet clipped."""

NIGHT_S = 20.0
"""Moment at which the infrared filter swings away in `night`."""


def yard(width: int = 640, height: int = 360) -> Picture:
    """A textured still: smooth slopes, hard edges and gravel."""
    random = np.random.default_rng(1)
    blocks = cv2.resize(
        random.uniform(60, 170, (9, 16)).astype(np.float32), (width, height),
        interpolation=cv2.INTER_NEAREST,
    )  # fmt: skip
    slope = cv2.resize(random.uniform(-25, 25, (4, 6)).astype(np.float32), (width, height))
    gravel = cv2.GaussianBlur(random.normal(0, 24, (height, width)).astype(np.float32), (0, 0), 1.2)
    return np.asarray(cv2.GaussianBlur(blocks, (0, 0), 1.0) + slope + gravel, np.float32)


def with_walker(picture: Picture, left: float, *, contrast: float = 45.0) -> Picture:
    """The picture with a standing figure: 3 % wide, 16 % high, coat darker and legs lighter.

    Args:
        picture: (H, W) luma; not changed.
        left: The figure's left side as a fraction of the width; outside 0..1 it is cut off.
        contrast: Levels by which the coat is darker than what it hides; legs half, lighter.
    """
    height, width = picture.shape
    x0, x1 = (int(np.clip(x, 0, 1) * width) for x in (left, left + 0.03))
    top, hip, foot = (int(y * height) for y in (0.55, 0.63, 0.71))
    picture = picture.copy()
    picture[top:hip, x0:x1] -= contrast
    picture[hip:foot, x0:x1] += contrast / 2
    return picture


def clean(picture: Picture, at_s: float) -> Picture:
    """Nothing at all."""
    del at_s
    return picture


def noise(picture: Picture, at_s: float, *, sigma: float = 4.0) -> Picture:
    """A sensor's noise; 4 levels is a cheap camera at dusk."""
    return picture + _random(at_s).normal(0, sigma, picture.shape).astype(np.float32)


def dark(picture: Picture, at_s: float) -> Picture:
    """Night without infrared: two fifths of the light, and the gain's noise of 10 levels."""
    return noise(20 + 0.4 * picture, at_s, sigma=10.0)


def rain(picture: Picture, at_s: float) -> Picture:
    """300 bright streaks 0.15 % of the width thick, elsewhere in every picture."""
    random, (height, width) = _random(at_s), picture.shape
    streaks = np.zeros(picture.shape, np.uint8)
    for x, y, length in zip(
        random.uniform(0, width, 300),
        random.uniform(0, height, 300),
        random.uniform(0.03, 0.08, 300) * height,
        strict=True,
    ):
        end = (int(x + 0.1 * length), int(y + length))
        # Thinner than a pixel is fainter.
        level = min(40, 40 * width // 640)
        cv2.line(streaks, (int(x), int(y)), end, level, max(1, width // 640))
    return noise(picture + cv2.GaussianBlur(streaks, (3, 3), 0), at_s)


def snow(picture: Picture, at_s: float) -> Picture:
    """150 flakes, the near ones 1.5 % of the width."""
    random, (height, width) = _random(at_s), picture.shape
    flakes = np.zeros(picture.shape, np.uint8)
    sizes = 0.0015 * width * random.pareto(2.5, 150).clip(0.3, 5)
    for x, y, size in zip(
        random.uniform(0, width, 150), random.uniform(0, height, 150), sizes, strict=True
    ):
        cv2.circle(flakes, (int(x), int(y)), max(1, round(size)), 50, cv2.FILLED)
    return noise(picture + cv2.GaussianBlur(flakes, (3, 3), 0), at_s)


def clouds(picture: Picture, at_s: float) -> Picture:
    """The light swings by a quarter within 20 s, and a soft shadow edge crosses in 12 s."""
    gain = 1 + 0.12 * math.sin(2 * math.pi * at_s / 20)
    across = np.linspace(0, 1, picture.shape[1], dtype=np.float32)
    edge = 1 / (1 + np.exp((across - (at_s % 24) / 12) / 0.08))
    return noise(picture * np.float32(gain) * (1 - 0.12 * edge), at_s, sigma=2.0)


def night(picture: Picture, at_s: float) -> Picture:
    """At 20 s the infrared filter swings away: other tones at once, then 2 s of exposure."""
    if at_s < NIGHT_S:
        return noise(picture, at_s, sigma=2.0)
    exposure = 1 + 0.6 * math.exp(-(at_s - NIGHT_S) / 0.7)
    height, width = picture.shape
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    lamp = 1.1 - 0.5 * (x * x + y * y)
    infrared = 255 * (picture.clip(0, 255) / 255) ** 0.7 * lamp * 0.7
    return noise(infrared * np.float32(exposure), at_s, sigma=6.0)


def headlights(picture: Picture, at_s: float) -> Picture:
    """Every 15 s a beam sweeps over the ground in 2 s."""
    return noise(picture + _blob(picture, (at_s % 15) / 2, 0.6, 0.15, 80), at_s)


def insect(picture: Picture, at_s: float) -> Picture:
    """Every 10 s something near the lens flies through within a second."""
    return noise(picture + _blob(picture, at_s % 10, 0.3 + 0.02 * (at_s % 10), 0.03, -60), at_s)


def shake(picture: Picture, at_s: float) -> Picture:
    """A mast in gusts: the whole picture moves by up to 0.2 % of its width, at 1.3 Hz."""
    gust = 0.5 + 0.5 * math.sin(2 * math.pi * at_s / 17)
    by_x = 0.002 * picture.shape[1] * gust * math.sin(2 * math.pi * 1.3 * at_s)
    by_y = 0.5 * by_x * math.cos(2.0 * at_s)
    move = np.array([[1, 0, by_x], [0, 1, by_y]], np.float32)
    size_wh = (picture.shape[1], picture.shape[0])
    return noise(
        np.asarray(cv2.warpAffine(picture, move, size_wh, borderMode=cv2.BORDER_REPLICATE)),
        at_s, sigma=2.0,
    )  # fmt: skip


def tree(picture: Picture, at_s: float, *, sway: float = 0.03) -> Picture:
    """Over the right quarter leaves of 80 levels sway by 3 % of its width."""
    high, width = picture.shape
    wide = width // 4
    random = np.random.default_rng(5)
    leaves = cv2.resize(
        random.uniform(-40, 40, (high // 6, wide // 6)).astype(np.float32), (wide, high)
    )
    y, x = np.mgrid[:high, :wide].astype(np.float32)
    gust = 0.4 + 0.6 * abs(math.sin(at_s / 7))
    phase = 2 * math.pi * 0.7 * at_s + 4 * y / wide + 2 * x / wide
    swayed = cv2.remap(
        leaves,
        x + np.float32(sway * wide * gust) * np.sin(phase),
        y + np.float32(0.4 * sway * wide * gust) * np.cos(1.3 * phase),
        cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT,
    )  # fmt: skip
    picture = picture.copy()
    picture[:, -wide:] += swayed
    return noise(picture, at_s, sigma=2.0)


QUIET: dict[str, Disturbance] = {
    "clean": clean, "noise": noise, "dark": dark, "rain": rain, "snow": snow, "clouds": clouds,
    "night": night, "shake": shake, "tree": tree,
}  # fmt: skip
"""What a gate should get used to: nothing passes."""

PASSING: dict[str, Disturbance] = {"headlights": headlights, "insect": insect}
"""What may open a gate while it passes."""


def as_luma(picture: Picture) -> Plane:
    """As a decoder would give it."""
    return np.rint(picture).clip(0, 255).astype(np.uint8)


def _random(at_s: float) -> np.random.Generator:
    return np.random.default_rng(round(at_s * 1000))


def _blob(picture: Picture, x: float, y: float, sigma: float, levels: float) -> Picture:
    """Something soft at (x, y), `sigma` of the width across; outside 0..1 it is out of sight."""
    height, width = picture.shape
    if not -0.3 < x < 1.3:
        return np.zeros_like(picture)
    across = np.exp(-0.5 * ((np.arange(width) / width - x) / sigma) ** 2)
    down = np.exp(-0.5 * ((np.arange(height) - y * height) / (sigma * width)) ** 2)
    return np.asarray(levels * down[:, None] * across[None, :], np.float32)
