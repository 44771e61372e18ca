"""Pictures of one colour, as cameras of every matrix and range send them."""

from __future__ import annotations

from datetime import datetime, timezone

import numpy as np

from edge.frame import Colour, Frame, Stamp

RGB = [(200, 30, 40), (20, 160, 60), (30, 60, 220), (250, 250, 250), (0, 0, 0), (230, 210, 20)]

STAMP = Stamp("gate", 0, 1.0, datetime(2026, 1, 1, tzinfo=timezone.utc), 40)
RED_BLUE = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722)}


def seen_as(rgb: tuple[int, int, int], colour: Colour, size_wh: tuple[int, int]) -> Frame:
    """One colour, as a camera with that matrix and range sends it."""
    red, green, blue = (one / 255 for one in rgb)
    of_red, of_blue = RED_BLUE[colour.matrix]
    luma = of_red * red + (1 - of_red - of_blue) * green + of_blue * blue
    blueness, redness = (blue - luma) / (2 - 2 * of_blue), (red - luma) / (2 - 2 * of_red)
    black, span, chroma = (0, 255, 255) if colour.is_full_range else (16, 219, 224)
    width, height = size_wh
    half = ((height + 1) // 2, (width + 1) // 2)
    values = np.rint((black + span * luma, 128 + chroma * blueness, 128 + chroma * redness))
    shapes = ((height, width), half, half)
    y, u, v = (np.full(*pair, np.uint8) for pair in zip(shapes, values.clip(0, 255), strict=True))
    return Frame(STAMP, y, u, v, colour)
