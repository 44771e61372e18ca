"""A JPEG shows the colours that the camera sent, whatever its matrix, range and size."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from edge.frame import Colour, Frame, Stamp
from edge.jpeg import JFIF, as_jfif, coded
from edge.masks import Masks
from tests.unit.coloured import RGB, seen_as
from tests.unit.evidence.scene import AT

STAMP = Stamp("gate", 0, 1.0, AT, 40)


@pytest.mark.parametrize("is_full_range", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("matrix", ["bt601", "bt709"])
@pytest.mark.parametrize("rgb", RGB)
def test_colours_are_the_camera_s(
    rgb: tuple[int, int, int], matrix: str, is_full_range: bool
) -> None:
    """Read as every viewer reads a JPEG; an odd size loses its last row and column."""
    frame = seen_as(rgb, Colour(matrix, is_full_range), (67, 35))
    image: Any = cv2.imdecode(np.frombuffer(coded(frame, 95), np.uint8), cv2.IMREAD_COLOR)
    assert image.shape == (34, 66, 3)
    assert np.abs(image.astype(int) - rgb[::-1]).max() <= 5


@pytest.mark.parametrize("colour", [Colour(), Colour("bt601"), Colour("bt709", is_full_range=True)])
def test_what_is_masked_stays_black_and_nothing_wraps(colour: Colour) -> None:
    """Also where a camera sends blacker than black beside it."""
    random = np.random.default_rng(3)
    y, u, v = (random.integers(0, 256, shape, np.uint8) for shape in ((36, 64), (18, 32), (18, 32)))
    frame = Frame(STAMP, y, u, v, colour)
    masked = as_jfif(Masks([[(0, 0), (0.5, 0), (0.5, 1), (0, 1)]]).apply(frame))
    assert not masked.y[:, :32].any()
    assert (masked.u[:, :16] == 128).all()
    assert (masked.v[:, :16] == 128).all()
    grey = np.full((2, 2), 128, np.uint8)
    dark = Frame(STAMP, np.full((4, 4), 3, np.uint8), grey, grey)
    assert as_jfif(dark).y.max() == 0


def test_a_picture_in_jpeg_s_colours_is_coded_as_it_is_also_from_the_middle_of_a_buffer() -> None:
    """Decoders hand out rows that are wider than the picture."""
    planes = [np.full((40, 80), 90, np.uint8)[:, :side] for side in (64, 32, 32)]
    frame = Frame(STAMP, planes[0], planes[1][:20], planes[2][:20], JFIF)
    assert as_jfif(frame) is frame
    image: Any = cv2.imdecode(np.frombuffer(coded(frame, 95), np.uint8), cv2.IMREAD_GRAYSCALE)
    assert np.abs(image.astype(int) - 90).max() <= 1
