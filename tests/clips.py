"""Clips the tests encode themselves, so that no recording needs to be in the repository."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    size_wh: tuple[int, int] = (WIDTH, HEIGHT),
    ticks: Sequence[int] | None = None,
    container_options: Mapping[str, str] | None = None,
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
        size_wh: Of the picture, even numbers; the box stays where it is.
        ticks: When each frame is shown, in units of 1 / fps; evenly if None.
        container_options: FFmpeg's options of the container, such as `output_ts_offset`.
    """
    width, height = size_wh
    with av.open(str(path), "w", options=dict(container_options or {})) as container:
        stream: Any = container.add_stream(codec, rate=fps)
        stream.width, stream.height = width, height
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.options = _encoder_options(codec, gop, b_frames)
        stream.time_base = Fraction(1, fps)
        for index in range(n_frames):
            picture = np.full((height * 3 // 2, width), 128, np.uint8)
            picture[:height] = 90 if is_steady else 40 + 2 * index
            if has_box:
                left = 10 + 3 * index
                picture[60:120, left : left + 40] = 235
            frame = av.VideoFrame.from_ndarray(picture, format=stream.pix_fmt)
            frame.pts = index if ticks is None else ticks[index]
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def _encoder_options(codec: str, gop: int, b_frames: int) -> dict[str, str]:
    if codec == "libx264":
        return {
            "g": str(gop),
            "bf": str(b_frames),
            "crf": "10",
            "sc_threshold": "0",
            "preset": "veryfast",
        }
    if codec == "libx265":
        own = f"keyint={gop}:min-keyint={gop}:bframes={b_frames}:scenecut=0:log-level=none"
        return {"preset": "ultrafast", "crf": "10", "x265-params": f"{own}:pools=1"}
    if codec == "mjpeg":  # RTP knows JPEG's standard tables only
        return {"huffman": "default", "qmin": "3", "qmax": "3"}
    return {}


def background_number(luma: NDArray[np.uint8]) -> int:
    """The frame's number as its luma tells it."""
    return round((float(np.median(luma)) - 40) / 2)
