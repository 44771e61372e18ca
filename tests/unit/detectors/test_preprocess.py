"""Planes to tensor, and boxes back."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.detectors._card import Input
from edge.detectors._preprocess import Canvas, Letterbox, _resize, to_tensor
from edge.frame import Colour, Frame
from tests.unit.detectors.tiny_model import frame, stamp

Fit = Literal["top_left", "stretch"]
sizes = st.tuples(st.integers(1, 4000), st.integers(1, 4000))
fits: st.SearchStrategy[Fit] = st.sampled_from(("top_left", "stretch"))
fractions = st.tuples(*[st.floats(0, 1)] * 4)


def spec(fit: Fit = "top_left", size: tuple[int, int] = (64, 48), **changes: object) -> Input:
    return Input.model_validate(
        {"size_wh": size, "colour_order": "rgb", "letterbox": fit, "pad": 114, **changes}
    )


@given(sizes, st.tuples(st.integers(32, 1280), st.integers(32, 1280)), fits, fractions)
def test_boxes_come_back(
    size: tuple[int, int], network: tuple[int, int], fit: Fit, corners: tuple[float, ...]
) -> None:
    """Frame to network to frame gives the same box, to a thousandth of the frame's size."""
    placed = Letterbox.fit(size, network, fit)
    box = (np.array([corners]) * (size * 2)).astype(np.float32)
    there = placed.to_network(box)
    assert (there <= np.array(placed.picture_wh * 2) * 1.001).all()
    np.testing.assert_allclose(placed.to_frame(there), box, atol=1e-3 * max(size))


@given(sizes, st.tuples(st.integers(32, 1280), st.integers(32, 1280)))
def test_letterbox_keeps_the_shape_inside_the_network(
    size: tuple[int, int], network: tuple[int, int]
) -> None:
    """One side is filled, neither is exceeded, and the other is off by less than a pixel."""
    wide, high = Letterbox.fit(size, network, "top_left").picture_wh
    assert 1 <= wide <= network[0]
    assert 1 <= high <= network[1]
    assert wide == network[0] or high == network[1]
    scale = min(network[0] / size[0], network[1] / size[1])
    assert abs(wide - max(1, size[0] * scale)) < 1
    assert abs(high - max(1, size[1] * scale)) < 1


@given(sizes, fits, st.lists(st.floats(-1e4, 1e4, width=32), min_size=4, max_size=4))
def test_boxes_are_clipped_to_the_frame(
    size: tuple[int, int], fit: Fit, corners: list[float]
) -> None:
    """Wherever a network puts a box, it comes back inside the frame."""
    box = Letterbox.fit(size, (416, 416), fit).to_frame(np.array([corners], np.float32))
    assert box.dtype == np.float32
    assert (box >= 0).all()
    assert (box <= np.array(size * 2)).all()


@given(st.integers(1, 70), st.integers(1, 70), fits)
def test_any_size_of_frame_is_taken(width: int, height: int, fit: Fit) -> None:
    """Odd, portrait, one pixel wide: the picture is where the letterbox says, the rest is pad."""
    luma = np.full((height, width), 235, np.uint8)
    tensor, placed = to_tensor(frame(luma), spec(fit))
    assert tensor.shape == (1, 3, 48, 64)
    assert tensor.dtype == np.float32
    wide, high = placed.picture_wh
    expected = np.full((48, 64), 114.0)
    expected[:high, :wide] = 255
    np.testing.assert_array_equal(tensor[0], np.stack([expected] * 3))


def plain(picture: Frame, want: Input) -> NDArray[np.float64]:
    """The tensor from the definition, in floating point: planes resized apart, then colour."""
    (width, height), (wide, high) = (
        want.size_wh,
        Letterbox.fit(picture.size_wh, want.size_wh, want.letterbox).picture_wh,
    )
    y, u, v = (plain_resize(p, wide, high) for p in (picture.y, picture.u, picture.v))
    kr, kb = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722)}[picture.colour.matrix]
    if picture.colour.is_full_range:
        luma, blue, red = y, u - 128, v - 128
    else:
        luma, blue, red = (y - 16) * 255 / 219, (u - 128) * 255 / 224, (v - 128) * 255 / 224
    r = luma + 2 * (1 - kr) * red
    b = luma + 2 * (1 - kb) * blue
    g = (luma - kr * r - kb * b) / (1 - kr - kb)
    tensor = np.full((3, height, width), float(want.pad))
    for channel, plane in enumerate((r, g, b) if want.colour_order == "rgb" else (b, g, r)):
        tensor[channel, :high, :wide] = np.clip(plane, 0, 255)
    mean, std = (np.array(three)[:, None, None] for three in (want.mean, want.std))
    return np.asarray((tensor * want.scale - mean) / std, np.float64)


def plain_resize(plane: NDArray[np.uint8], wide: int, high: int) -> NDArray[np.float64]:
    """Bilinear: a pixel's centre is mapped to the source, and its four neighbours are weighed."""
    height, width = plane.shape
    result = np.empty((high, wide))
    for row in range(high):
        y = min(max((row + 0.5) * height / high - 0.5, 0), height - 1)
        above, below = int(y), min(int(y) + 1, height - 1)
        for column in range(wide):
            x = min(max((column + 0.5) * width / wide - 0.5, 0), width - 1)
            left, right = int(x), min(int(x) + 1, width - 1)
            upper = plane[above, left] * (1 - x % 1) + plane[above, right] * (x % 1)
            lower = plane[below, left] * (1 - x % 1) + plane[below, right] * (x % 1)
            result[row, column] = upper * (1 - y % 1) + lower * (y % 1)
    return result


@given(
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.tuples(*[st.sampled_from((1, 3, 5, 7))] * 2),
    st.integers(0, 99),
)
@example((640, 360), (3, 3), 0)
def test_the_pixel_in_the_middle_is_what_interpolation_gives(
    small: tuple[int, int], times: tuple[int, int], seed: int
) -> None:
    """Of a plane an odd number of times as large one pixel has all the weight: no bit differs."""
    (wide, high), (across, down) = small, times
    plane = np.random.default_rng(seed).integers(0, 256, (high * down, wide * across), np.uint8)
    taken = np.empty((high, wide), np.uint8)
    _resize(plane, taken)
    np.testing.assert_array_equal(taken, cv2.resize(plane, small, interpolation=cv2.INTER_LINEAR))


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(2, 70), st.integers(2, 70)),
    st.tuples(fits, st.sampled_from(("rgb", "bgr")), st.booleans()),
    st.builds(Colour, st.sampled_from(("bt601", "bt709")), st.booleans()),
    st.integers(0, 2**32 - 1),
)
def test_a_tensor_is_the_plain_one(
    size: tuple[int, int], network: tuple[Fit, str, bool], colour: Colour, seed: int
) -> None:
    """Every value within three levels of 255, the padding exact.

    Three: planes are rounded after resizing (half a level, times 2.1 for blue), and again after
    colour.
    """
    rng = np.random.default_rng(seed)
    (width, height), (fit, order, is_normalised) = size, network
    half = ((height + 1) // 2, (width + 1) // 2)
    y, u, v = (
        rng.integers(low, high, shape, dtype=np.uint8)
        for low, high, shape in ((16, 236, (height, width)), (16, 241, half), (16, 241, half))
    )
    picture = Frame(stamp(), y, u, v, colour)
    told = (
        {"scale": 1 / 255, "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
        if is_normalised
        else {}
    )
    want = spec(fit, (24, 18), colour_order=order, **told)
    tensor, placed = to_tensor(picture, want)
    wanted = plain(picture, want)
    level = want.scale / np.array(want.std)[:, None, None]
    assert (np.abs(tensor[0] - wanted) <= 3 * level).all()
    wide, high = placed.picture_wh
    for padding in (np.s_[:, high:], np.s_[:, :, wide:]):
        np.testing.assert_allclose(tensor[0][padding], wanted[padding], rtol=1e-6, atol=1e-6)


SWATCHES = [
    pytest.param((0, 0, 0), id="black"),
    pytest.param((255, 255, 255), id="white"),
    pytest.param((255, 0, 0), id="red"),
    pytest.param((0, 255, 0), id="green"),
    pytest.param((0, 0, 255), id="blue"),
    pytest.param((200, 160, 40), id="ochre"),
    pytest.param((30, 90, 120), id="teal"),
]


@pytest.mark.parametrize("rgb", SWATCHES)
@pytest.mark.parametrize("order", ["rgb", "bgr"])
@pytest.mark.parametrize("is_full_range", [False, True])
@pytest.mark.parametrize("matrix", ["bt601", "bt709"])
def test_colours_come_out_as_they_went_in(
    rgb: tuple[int, int, int], order: str, is_full_range: bool, matrix: str
) -> None:
    """A colour put into YUV by the standard's own formula comes back within two levels."""
    kr, kg, kb = {"bt601": (0.299, 0.587, 0.114), "bt709": (0.2126, 0.7152, 0.0722)}[matrix]
    red, green, blue = (value / 255 for value in rgb)
    luma = kr * red + kg * green + kb * blue
    cb, cr = (blue - luma) / (2 - 2 * kb), (red - luma) / (2 - 2 * kr)
    yuv = (
        (255 * luma, 255 * cb + 128, 255 * cr + 128)
        if is_full_range
        else (219 * luma + 16, 224 * cb + 128, 224 * cr + 128)
    )
    y, u, v = (
        np.full(shape, min(255, round(value)), np.uint8)
        for value, shape in zip(yuv, ((20, 30), (10, 15), (10, 15)), strict=True)
    )
    picture = Frame(stamp(), y, u, v, Colour(matrix, is_full_range))
    tensor, _ = to_tensor(picture, spec("stretch", colour_order=order))
    wanted = rgb if order == "rgb" else rgb[::-1]
    got = tensor[0].reshape(3, -1)
    assert np.abs(got - np.array(wanted)[:, None]).max() <= 2


def test_scale_mean_and_deviation_apply_to_picture_and_padding() -> None:
    """Every value of the tensor is `(value * scale - mean) / std` of its channel."""
    luma = np.full((20, 40), 235, np.uint8)
    mean, std = (0.1, 0.2, 0.3), (0.5, 0.25, 0.125)
    tensor, _ = to_tensor(frame(luma), spec(scale=1 / 255, mean=mean, std=std))
    for channel in range(3):
        np.testing.assert_allclose(
            tensor[0, channel, 0, 0], (1 - mean[channel]) / std[channel], rtol=1e-5
        )
        np.testing.assert_allclose(
            tensor[0, channel, -1, 0], (114 / 255 - mean[channel]) / std[channel], rtol=1e-5
        )


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 70), st.integers(1, 70)), min_size=2, max_size=4),
    fits,
    st.integers(0, 2**32 - 1),
)
def test_nothing_of_the_last_frame_is_left_on_a_canvas(
    frame_sizes: list[tuple[int, int]], fit: Fit, seed: int
) -> None:
    """Frames of any sizes one after the other: each tensor is the one made in fresh memory."""
    rng = np.random.default_rng(seed)
    want = spec(fit, (40, 32), scale=1 / 255, mean=(0.5, 0.4, 0.3))
    canvas = Canvas(want)
    for width, height in frame_sizes:
        picture = frame(rng.integers(0, 256, (height, width), np.uint8))
        tensor, placed = canvas.draw(picture)
        expected, where = to_tensor(picture, want)
        assert placed == where
        np.testing.assert_array_equal(tensor, expected)
