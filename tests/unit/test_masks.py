"""What lies under a privacy mask reaches nobody."""

from __future__ import annotations

from datetime import datetime, timezone

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edge.frame import Colour, Frame, Stamp
from edge.masks import Masks

STAMP = Stamp("c", 0, 0.0, datetime(2026, 1, 1, tzinfo=timezone.utc), 0)
SQUARE = ((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75))


def frame(width: int, height: int, *, full: bool = False) -> Frame:
    chroma = ((height + 1) // 2, (width + 1) // 2)
    return Frame(
        STAMP,
        np.full((height, width), 200, np.uint8),
        np.full(chroma, 90, np.uint8),
        np.full(chroma, 160, np.uint8),
        Colour(is_full_range=full),
    )


@given(st.integers(8, 200), st.integers(8, 200), st.booleans())
def test_no_masked_pixel_is_left_in_any_plane(width: int, height: int, full: bool) -> None:
    """At any size, everything strictly inside the polygon is black and colourless."""
    masked = Masks([SQUARE]).apply(frame(width, height, full=full))
    for plane, black in ((masked.y, 0 if full else 16), (masked.u, 128), (masked.v, 128)):
        rows, columns = plane.shape
        ys = (np.arange(rows) + 0.5) / rows
        xs = (np.arange(columns) + 0.5) / columns
        inside = np.outer((ys > 0.25) & (ys < 0.75), (xs > 0.25) & (xs < 0.75))
        assert np.all(plane[inside] == black)


def test_the_rest_of_the_picture_and_the_original_stay() -> None:
    """Masking copies: the frame given is not changed, nor what is outside."""
    original = frame(64, 48)
    masked = Masks([SQUARE]).apply(original)
    assert np.all(original.y == 200)
    assert masked.y[2, 2] == 200


def test_without_masks_nothing_is_copied() -> None:
    """The common case costs nothing."""
    original = frame(64, 48)
    assert Masks([]).apply(original) is original
