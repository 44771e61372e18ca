"""Likeness: how well a box fits where a track is expected.

Pure.

Source:
    Yang et al., "Hybrid-SORT", AAAI 2024 (arXiv 2308.00783): overlap times the overlap in height.
    A person's height stays while the width changes with each step, and of two people one behind
    the other the box of the nearer one stands lower and higher.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.detections import Boxes


def fit(
    expected: NDArray[np.float64], boxes: Boxes
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Overlap of every pair of boxes, and that times their overlap in height alone.

    Both at once: they share most of the work, 26 us of 45 for 20 tracks and 16 boxes.

    Args:
        expected: (N, 4) xyxy in pixels. May be empty.
        boxes: (M, 4) xyxy in the same frame. May be empty.

    Returns:
        (N, M) float64 twice, in [0, 1]: 1 for equal boxes, 0 where they do not meet.
    """
    a, b = expected.T[:, :, None], boxes.T[:, None].astype(np.float64)
    width = np.minimum(a[2], b[2]) - np.maximum(a[0], b[0])
    height = np.minimum(a[3], b[3]) - np.maximum(a[1], b[1])
    height_a, height_b = a[3] - a[1], b[3] - b[1]
    shared = np.maximum(width, 0.0) * np.maximum(height, 0.0)
    union = (a[2] - a[0]) * height_a + (b[2] - b[0]) * height_b - shared
    meets = shared > 0
    overlap = np.divide(shared, union, out=np.zeros_like(shared), where=meets)
    # Where heights meet, they span what they have together less what they share.
    span = height_a + height_b - height
    alike = np.divide(height, span, out=np.zeros_like(shared), where=meets)
    # Rounding can put two equal boxes a hair above 1.
    np.minimum(overlap, 1.0, out=overlap)
    alike *= overlap
    return overlap, np.minimum(alike, 1.0, out=alike)
