"""A JPEG shows the colours that the camera sent, whatever its matrix, range and size."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from edge.frame import Colour, Frame, Stamp
from edge.jpeg import BAND, JFIF, as_jfif, coded, coded_twice
from edge.masks import Masks
from tests.unit.evidence.scene import AT

STAMP = Stamp("gate", 0, 1.0, AT, 40)
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
    values = np.rint((black + span * luma, 128 + chroma * blueness, 128 + chroma * redness)).clip(
        0, 255
    )
    shapes = ((height, width), half, half)
    y, u, v = (np.full(*pair, np.uint8) for pair in zip(shapes, np.rint(values), strict=True))
    return Frame(STAMP, y, u, v, colour)


@pytest.mark.parametrize("is_full_range", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("matrix", ["bt601", "bt709"])
@pytest.mark.parametrize(
    "rgb", [(200, 30, 40), (20, 160, 60), (30, 60, 220), (250, 250, 250), (0, 0, 0), (230, 210, 20)]
)
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


def rough(size_wh: tuple[int, int], colour: Colour = JFIF) -> Frame:
    """Noise that no two bands have in common."""
    random = np.random.default_rng(5)
    width, height = size_wh
    half = ((height + 1) // 2, (width + 1) // 2)
    y, u, v = (random.integers(0, 256, shape, np.uint8) for shape in ((height, width), half, half))
    return Frame(STAMP, y, u, v, colour)


def changed(frame: Frame, plane: int, row: int) -> Frame:
    """The frame with one pixel of one plane turned."""
    planes = [np.array(one) for one in (frame.y, frame.u, frame.v)]
    planes[plane][row, 1] ^= 0xFF
    return Frame(frame.stamp, *planes, frame.colour)


@pytest.mark.parametrize("quality", [1, 50, 85, 100])
@pytest.mark.parametrize(
    "size_wh", [(64, 2), (66, BAND), (67, BAND + 1), (96, BAND + 2), (80, 11 * BAND + 35)]
)
@pytest.mark.parametrize("place", ["nowhere", "first", "last"])
def test_two_pictures_that_are_mostly_alike_become_the_files_that_each_would_be_alone(
    size_wh: tuple[int, int], quality: int, place: str
) -> None:
    """Every pixel the same, wherever they differ: what is coded once is only what is alike."""
    frame = rough(size_wh, Colour())
    row = {"nowhere": None, "first": 0, "last": size_wh[1] - size_wh[1] % 2 - 1}[place]
    other = as_jfif(frame) if row is None else changed(as_jfif(frame), 0, row)
    for twice, picture in zip(coded_twice(frame, other, quality), (frame, other), strict=True):
        files = (twice, coded(picture, quality))
        one, alone = (cv2.imdecode(np.frombuffer(f, np.uint8), cv2.IMREAD_COLOR) for f in files)
        assert one is not None
        assert np.array_equal(one, alone)


@pytest.mark.parametrize("plane", [0, 1, 2])
def test_one_changed_pixel_of_any_plane_is_in_the_other_file(plane: int) -> None:
    """Nothing that was hidden can come back with a band of the picture beside it."""
    frame = rough((96, 4 * BAND))
    for row in range(1, frame.u.shape[0], 7):
        clean, other = coded_twice(frame, changed(frame, plane, row), 85)
        assert clean != other


def test_pictures_of_two_sizes_are_not_coded_together() -> None:
    """They have no bands in common."""
    with pytest.raises(ValueError, match=r"\(64, 64\) and \(64, 66\)"):
        coded_twice(rough((64, 64)), rough((64, 66)), 85)
