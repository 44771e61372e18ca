"""Clips the tests encode themselves, so that no recording needs to be in the repository."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 320, 180


def encode(
    path: Path,
    *,
    n_frames: int = 30,
    fps: int = 10,
    gop: int = 10,
    b_frames: int = 0,
    codec: str = "libx264",
    is_steady: bool = False,
    has_box: bool = True,
) -> Path:
    """Write a clip whose luma tells the frame's number: 40 + 2 a frame, a white box moving right.

    Args:
        path: Where to; the suffix chooses the container.
        n_frames: At most 90, so that the luma stays in range.
        fps: Frames a second.
        gop: Frames between keyframes.
        b_frames: Frames that are decoded later than shown.
        codec: FFmpeg's name of an encoder.
        is_steady: Leave the background alone, so that only the box changes.
        has_box: Draw the box.
    """
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=fps)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        if codec == "libx264":
            stream.options = {
                "g": str(gop),
                "bf": str(b_frames),
                "crf": "10",
                "sc_threshold": "0",
                "preset": "veryfast",
            }
        stream.time_base = Fraction(1, fps)
        for index in range(n_frames):
            picture = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
            picture[:HEIGHT] = 90 if is_steady else 40 + 2 * index
            if has_box:
                left = 10 + 3 * index
                picture[60:120, left : left + 40] = 235
            frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def background_number(luma: NDArray[np.uint8]) -> int:
    """The frame's number as its luma tells it."""
    return round((float(np.median(luma)) - 40) / 2)
