"""Quiet scenes through a gate: a disturbed still, and somebody who walks in where wanted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cache
from pathlib import Path

import av
import numpy as np

from edge.frame import Frame, Plane, Stamp
from edge.gates import Gate
from tests.scenes.disturbances import Disturbance, Picture, as_luma, with_walker

AT = datetime(2026, 1, 1, tzinfo=timezone.utc)
FPS = 8
WALK = 0.10
"""Of the picture's width a second: through it in 10 s."""


@dataclass(frozen=True)
class Quiet:
    """A still under a disturbance.

    Attributes:
        still: (H, W) luma.
        disturbance: What happens to it.
        walk_at: When somebody begins to walk in from the left, in seconds; None is never.
        contrast: Of the walker's coat, in levels.
    """

    still: Picture
    disturbance: Disturbance
    walk_at: float | None = None
    contrast: float = 45.0

    def luma(self, at_s: float) -> Plane:
        """The picture at a moment."""
        picture = self.still
        if self.walk_at is not None and at_s >= self.walk_at:
            left = WALK * (at_s - self.walk_at) - 0.02
            picture = with_walker(picture, left, contrast=self.contrast)
        return as_luma(self.disturbance(picture, at_s))


@dataclass(frozen=True)
class Looks:
    """What a gate did.

    Attributes:
        looked: Moments at which the detector was asked.
        awake: Moments of pictures that were decoded although no keyframe was due.
    """

    looked: list[float]
    awake: list[float]

    def looks(self, first_s: float, last_s: float) -> list[float]:
        """The looks from one moment to before another."""
        return [at for at in self.looked if first_s <= at < last_s]

    def awake_share(self, first_s: float, last_s: float) -> float:
        """The share of that time for which every picture was decoded."""
        n = sum(first_s <= at < last_s for at in self.awake)
        return n / (FPS * (last_s - first_s))


def frame(luma: Plane, at_s: float) -> Frame:
    """A grey frame."""
    half = np.full(((luma.shape[0] + 1) // 2, (luma.shape[1] + 1) // 2), 128, np.uint8)
    return Frame(Stamp("quiet", 0, at_s, AT, 0), luma, half, half)


def watch(
    gate: Gate, luma: Callable[[float], Plane], seconds: float, *, keyframe_s: float = 1.0
) -> Looks:
    """Show a scene to a gate as `Attention` does: keyframes while idle, back when one stirs.

    Args:
        gate: A new gate.
        luma: Gives the picture at a moment.
        seconds: For how long, at 8 pictures a second; nothing is ever followed.
        keyframe_s: Time between keyframes.
    """
    looked: list[float] = []
    awake: list[float] = []
    every, number, judged = round(keyframe_s * FPS), 0, -1
    while number < round(seconds * FPS):
        at_s = number / FPS
        if gate.is_idle:
            if number % every:
                number += 1
                continue
            if gate.stirs(frame(luma(at_s), at_s)):
                gate.wake(at_s)
                number = max(judged, number - every) + 1
                continue
        else:
            awake.append(at_s)
        if gate.is_open(frame(luma(at_s), at_s), is_following=False):
            looked.append(at_s)
        judged = number
        number += 1
    return Looks(looked, awake)


def remembered(scene: Quiet) -> Callable[[float], Plane]:
    """The scene's pictures, each drawn once: for showing them to several gates."""
    return cache(scene.luma)


def encoded(
    path: Path, scene: Quiet, seconds: float, *, fps: int, gop: int, kbit_s: int | None = None
) -> Path:
    """The scene as an H.264 camera would send it.

    Args:
        path: The clip to write.
        scene: What it shows.
        seconds: How long.
        fps: Pictures a second.
        gop: Pictures from keyframe to keyframe.
        kbit_s: Constant bit rate; None is constant quality.
    """
    height, width = scene.still.shape
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = camera_options(gop, kbit_s)
        for index in range(round(seconds * fps)):
            planes = np.full((height * 3 // 2, width), 128, np.uint8)
            planes[:height] = scene.luma(index / fps)
            picture = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            picture.pts = index
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


def camera_options(gop: int, kbit_s: int | None) -> dict[str, str]:
    """How libx264 encodes as a CCTV camera does: no B-frames, keyframes at fixed distances.

    Args:
        gop: Pictures from keyframe to keyframe.
        kbit_s: Constant bit rate, held over a second; None is constant quality.
    """
    options = {"g": str(gop), "keyint_min": str(gop), "sc_threshold": "0", "bf": "0"}
    options["preset"] = "veryfast"
    if kbit_s is None:
        return options | {"crf": "26"}
    rate = f"{kbit_s}k"
    return options | {
        "b": rate, "minrate": rate, "maxrate": rate, "bufsize": rate, "nal-hrd": "cbr"
    }  # fmt: skip
