"""Snapshot: a frame as a JPEG that fits into a message. Pure.

Takes the frame as analysed, with its privacy masks applied; nothing here could undo them.
"""

from __future__ import annotations

import cv2
import numpy as np

from edge.annotate import bgr
from edge.frame import Frame

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
    image = bgr(frame)
    while min(image.shape[:2]) >= 8:
        for quality in _QUALITIES:
            is_coded, coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
            if is_coded and coded.size <= max_bytes:
                return coded.tobytes(), (image.shape[1], image.shape[0])
        height, width = (side // 2 for side in image.shape[:2])
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    raise ValueError(f"no picture of {frame.size_wh} fits into {max_bytes} bytes")


def small_jpeg(frame: Frame, max_width: int) -> bytes:
    """Code a frame for somebody who looks on.

    Args:
        frame: Masks applied.
        max_width: In pixels; a wider picture is made smaller, its planes before their colours.
    """
    width, height = frame.size_wh
    if width > max_width:
        half_wh = (max_width // 2, max(1, round(height * max_width / width) // 2))
        full_wh = (2 * half_wh[0], 2 * half_wh[1])
        y, u, v = (
            np.asarray(cv2.resize(plane, size_wh, interpolation=cv2.INTER_AREA), np.uint8)
            for plane, size_wh in ((frame.y, full_wh), (frame.u, half_wh), (frame.v, half_wh))
        )
        frame = Frame(frame.stamp, y, u, v, frame.colour)
    _, coded = cv2.imencode(".jpg", bgr(frame), [cv2.IMWRITE_JPEG_QUALITY, _LIVE_QUALITY])
    return coded.tobytes()
