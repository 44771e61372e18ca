"""What is done to a camera, drawn on real pictures; `disturbances` is what merely happens to it.

Each alteration takes a luma picture and the number of the look, and gives luma of the same size.
Sizes are fractions of the picture's width, levels are 8-bit luma.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from edge.frame import Plane

Alteration: TypeAlias = Callable[[Plane, int], Plane]
Levels: TypeAlias = NDArray[np.float32]

PITCH_PX = 64
"""Noise is one large tile, laid elsewhere in each picture: drawing it anew takes far longer."""

RATE = 2
"""Frames a second of what is encoded: enough for frames between keyframes."""


def looks(clip: Path, *, size_wh: tuple[int, int] | None = None) -> list[Plane]:
    """Luma of one picture a second of a recording, at its own size or at `size_wh`."""
    found: list[Plane] = []
    with av.open(str(clip)) as container:
        container.streams.video[0].thread_type = "AUTO"
        due = float("-inf")
        for picture in container.decode(video=0):
            if picture.time >= due:
                due = picture.time + 0.99
                luma = picture.to_ndarray(format="yuv420p")[: picture.height]
                if size_wh is not None:
                    luma = cv2.resize(luma, size_wh, interpolation=cv2.INTER_AREA)
                found.append(np.ascontiguousarray(luma))
    return found


@lru_cache(maxsize=4)
def _tile(shape: tuple[int, int]) -> Levels:
    size = (shape[0] + PITCH_PX, shape[1] + PITCH_PX)
    return np.random.default_rng(1).standard_normal(size, dtype=np.float32)


def noisy(luma: NDArray[Any], look: int, sigma: float) -> Plane:
    """With a sensor's noise, another at each look."""
    height, width = luma.shape
    x, y = np.random.default_rng(look).integers(0, PITCH_PX, 2)
    noise = _tile((height, width))[y : y + height, x : x + width]
    return np.asarray(np.rint(luma + np.float32(sigma) * noise).clip(0, 255), np.uint8)


def light(luma: Plane, look: int, *, gain: float, black: float = 16.0, sigma: float = 1.5) -> Plane:
    """More or less light on everything."""
    return noisy(black + gain * (luma.astype(np.float32) - black), look, sigma)


def blurred(luma: Plane, look: int, *, share: float) -> Plane:
    """Out of focus, or grease on the lens: a Gaussian of this share of the width."""
    return noisy(cv2.GaussianBlur(luma, (0, 0), share * luma.shape[1]), look, 1.0)


@lru_cache(maxsize=8)
def _blotches(shape: tuple[int, int], share: float) -> Levels:
    height, width = shape
    random = np.random.default_rng(2)
    paint = np.zeros(shape, np.uint8)
    while np.count_nonzero(paint) < share * paint.size:
        centre = (int(random.uniform(0, width)), int(random.uniform(0, height)))
        axes = (int(random.uniform(0.05, 0.2) * width), int(random.uniform(0.05, 0.2) * width))
        cv2.ellipse(paint, centre, axes, random.uniform(0, 180), 0, 360, 255, cv2.FILLED)
    soft = cv2.GaussianBlur(paint.astype(np.float32) / 255, (0, 0), 0.006 * width)
    return np.asarray(soft, np.float32)


def painted(luma: Plane, look: int, *, share: float, level: float = 40.0) -> Plane:
    """Opaque blotches with soft edges over this share of the picture."""
    paint = _blotches(luma.shape, share)
    return noisy(luma * (1 - paint) + level * paint, look, 1.5)


def cover(luma: Plane, look: int) -> Plane:
    """Something grey right before the lens: nothing but noise."""
    return noisy(np.full(luma.shape, 90.0, np.float32), look, 3.0)


def bag(luma: Plane, look: int) -> Plane:
    """A bag over the camera: folds far out of focus."""
    height, width = luma.shape
    folds = np.random.default_rng(5).uniform(60, 110, (5, 8)).astype(np.float32)
    return noisy(cv2.resize(folds, (width, height), interpolation=cv2.INTER_CUBIC), look, 3.0)


def glare(luma: Plane, look: int) -> Plane:
    """A lamp into the lens: everything else dimmed to a third, white over the middle."""
    height, width = luma.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    away = np.hypot(x - 0.5 * width, y - 0.55 * height) / width
    return noisy(0.3 * luma + 500 * np.exp(-2.2 * away), look, 2.0)


def pushed(
    luma: Plane, look: int, *, x: float = 0.0, y: float = 0.0, turn: float = 0.0, zoom: float = 1.0
) -> Plane:
    """Another pose: shifted by shares of width and height, turned by degrees anticlockwise."""
    height, width = luma.shape
    move = cv2.getRotationMatrix2D((width / 2, height / 2), turn, zoom)
    move[:, 2] += (x * width, y * height)
    moved = cv2.warpAffine(luma, move, (width, height), borderMode=cv2.BORDER_REFLECT)
    return noisy(moved, look, 1.0)


def bus(luma: Plane, look: int, *, width: float = 0.6) -> Plane:
    """A bus before the camera: this share of the width, four fifths of the height, windows."""
    rows, columns = luma.shape
    left, wide = int(0.2 * columns), int(width * columns)
    luma = luma.copy()
    luma[int(0.1 * rows) : int(0.9 * rows), left : left + wide] = 180
    for window in range(6):
        start = left + int((window + 0.15) * wide / 6)
        luma[int(0.2 * rows) : int(0.45 * rows), start : start + int(0.7 * wide / 6)] = 40
    return noisy(luma, look, 1.0)


def clocked(luma: Plane, look: int) -> Plane:
    """A clock burnt in, as cameras do after the sensor."""
    luma = luma.copy()
    luma[10:50, 10:410] = 16
    words = f"2026-11-23 10:{look // 60:02d}:{look % 60:02d}"
    cv2.putText(luma, words, (12, 42), cv2.FONT_HERSHEY_SIMPLEX, 1.0, 235, 2)
    return luma


def through_encoder(
    pictures: Sequence[Plane], path: Path, *, gop: int, bit_rate: int
) -> list[Plane]:
    """What is left of pictures after a camera's H.264, one picture a look.

    Args:
        pictures: Luma, one a look, at least one; each is encoded `RATE` times.
        path: A file to write, ending in .mp4.
        gop: Frames between keyframes.
        bit_rate: Wanted bits a second.
    """
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=RATE)
        stream.height, stream.width = pictures[0].shape
        stream.pix_fmt, stream.time_base = "yuv420p", Fraction(1, RATE)
        stream.options = {
            "preset": "superfast", "g": str(gop), "bf": "0", "sc_threshold": "0",
            "b": str(bit_rate), "maxrate": str(bit_rate), "bufsize": str(bit_rate),
        }  # fmt: skip
        for look, luma in enumerate(pictures):
            height, width = luma.shape
            planes = np.full((height * 3 // 2, width), 128, np.uint8)
            planes[:height] = luma
            for index in range(RATE):
                picture = av.VideoFrame.from_ndarray(planes, format="yuv420p")
                picture.pts = RATE * look + index
                container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return looks(path)
