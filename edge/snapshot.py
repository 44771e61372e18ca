"""Snapshot: a frame as a JPEG that fits into a message, or onto a page. Pure.

Takes the frame as analysed, with its privacy masks applied; nothing here could undo them.
"""

from __future__ import annotations

import cv2
import numpy as np

from edge.frame import Frame
from edge.jpeg import as_jfif, coded

_QUALITIES = (90, 75, 60, 45)
_LIVE_QUALITY = 70


def jpeg(frame: Frame, max_bytes: int) -> tuple[bytes, tuple[int, int]]:
    """Code a frame in the best quality that fits.

    Args:
        frame: Masks applied.
        max_bytes: Upper bound; quality is lowered first, then the size is halved.

    Returns:
        The file's bytes, and the picture's width and height in pixels.

    Raises:
        ValueError: Not even the smallest picture fits.
    """
    picture = as_jfif(frame)
    while min(picture.size_wh) >= 8:
        for quality in _QUALITIES:
            file = coded(picture, quality)
            if len(file) <= max_bytes:
                return file, picture.size_wh
        picture = _smaller(picture, picture.size_wh[0] // 2)
    raise ValueError(f"no picture of {frame.size_wh} fits into {max_bytes} bytes")


def small_jpeg(frame: Frame, max_width: int) -> bytes:
    """Code a frame for somebody who looks on.

    Args:
        frame: Masks applied.
        max_width: In pixels; a wider picture is made smaller.
    """
    return coded(_smaller(frame, max_width), _LIVE_QUALITY)


def _smaller(frame: Frame, max_width: int) -> Frame:
    """A frame at most so wide, sides even; one that is no wider as it is."""
    width, height = frame.size_wh
    if width <= max_width:
        return frame
    half_wh = (max(1, max_width // 2), max(1, round(height * max_width / width) // 2))
    full_wh = (2 * half_wh[0], 2 * half_wh[1])
    y, u, v = (
        np.asarray(cv2.resize(plane, size_wh, interpolation=cv2.INTER_AREA), np.uint8)
        for plane, size_wh in ((frame.y, full_wh), (frame.u, half_wh), (frame.v, half_wh))
    )
    return Frame(frame.stamp, y, u, v, frame.colour)
