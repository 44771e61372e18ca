"""Geometry as tables and as properties."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.detections import Boxes
from edge.geometry import area, contains, crossing, distance, iou, self_crossings, turn

SQUARE = [(0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0)]
NOTCHED = [(0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (2.0, 1.0), (0.0, 4.0)]
BOW_TIE = [(0.0, 0.0), (4.0, 4.0), (4.0, 0.0), (0.0, 4.0)]

whole = st.integers(-20, 20).map(float)
point = st.tuples(whole, whole)
points = st.lists(point, min_size=1, max_size=12)
side = st.integers(1, 10).map(float)
box = st.builds(lambda x, y, w, h: (x, y, x + w, y + h), whole, whole, side, side)
boxes = st.lists(box, max_size=6).map(lambda rows: np.array(rows, np.float32).reshape(-1, 4))
polygon = st.lists(point, min_size=3, max_size=8)
stretch = st.sampled_from([0.25, 0.5, 2.0, 8.0])


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        pytest.param((0, 0, 10, 10), 1.0, id="the same box"),
        pytest.param((5, 0, 15, 10), 1 / 3, id="half of each"),
        pytest.param((10, 0, 20, 10), 0.0, id="side by side"),
        pytest.param((2, 2, 4, 4), 0.04, id="inside"),
        pytest.param((3, 3, 3, 3), 0.0, id="no area"),
    ],
)
def test_iou_of_known_pairs(other: tuple[float, ...], expected: float) -> None:
    """Overlap is shared area over joint area."""
    found = iou(np.array([[0.0, 0, 10, 10]]), np.array([other], np.float64))
    assert found == pytest.approx(np.array([[expected]]))


def test_iou_of_two_boxes_without_area_is_zero() -> None:
    """Nothing over nothing is no overlap, and no warning."""
    assert iou(np.zeros((1, 4)), np.zeros((1, 4))).tolist() == [[0.0]]


def test_iou_of_nothing_keeps_the_shape() -> None:
    """No boxes on one side give an empty matrix of the right shape."""
    assert iou(np.empty((0, 4)), np.zeros((3, 4))).shape == (0, 3)


def test_iou_refuses_another_shape() -> None:
    """The message names the array, the wanted and the given shape."""
    with pytest.raises(ValueError, match=r"others: expected \(N, 4\) xyxy, got \(4,\)"):
        iou(np.zeros((1, 4)), np.zeros(4))


@given(boxes, boxes)
def test_iou_is_symmetric_and_bounded(a: Boxes, b: Boxes) -> None:
    """Swapping the sides transposes; nothing leaves [0, 1]."""
    found = iou(a, b)
    assert np.array_equal(found, iou(b, a).T)
    assert ((found >= 0) & (found <= 1)).all()


@given(boxes, stretch, stretch)
def test_iou_does_not_change_with_scale(a: Boxes, sx: float, sy: float) -> None:
    """Stretching the picture along either axis changes no overlap."""
    scale = np.array([sx, sy, sx, sy], np.float32)
    assert np.allclose(iou(a, a), iou(a * scale, a * scale))


@pytest.mark.parametrize(
    ("corners", "where", "expected"),
    [
        pytest.param(SQUARE, (2, 2), True, id="middle"),
        pytest.param(SQUARE, (5, 2), False, id="right of it"),
        pytest.param(SQUARE, (-1, 0), False, id="left, level with an edge"),
        pytest.param(SQUARE, (0, 2), True, id="left edge"),
        pytest.param(SQUARE, (4, 2), True, id="right edge"),
        pytest.param(SQUARE, (2, 0), True, id="top edge"),
        pytest.param(SQUARE, (2, 4), True, id="bottom edge"),
        pytest.param(SQUARE, (4, 4), True, id="corner"),
        pytest.param(NOTCHED, (2, 3), False, id="in the notch"),
        pytest.param(NOTCHED, (2, 1), True, id="tip of the notch"),
        pytest.param(NOTCHED, (0.5, 1), True, id="level with the tip"),
    ],
)
def test_contains(
    corners: list[tuple[float, float]], where: tuple[float, float], expected: bool
) -> None:
    """Inside and boundary belong to the polygon."""
    assert contains(corners, [where]).tolist() == [expected]


def test_contains_no_points() -> None:
    """No points give no answers."""
    assert contains(SQUARE, np.empty((0, 2))).shape == (0,)


@given(polygon, points)
def test_contains_does_not_depend_on_winding_or_first_corner(
    corners: list[tuple[float, float]], where: list[tuple[float, float]]
) -> None:
    """A polygon is the same walked backwards or from another corner."""
    expected = contains(corners, where).tolist()
    assert contains(corners[::-1], where).tolist() == expected
    assert contains(corners[1:] + corners[:1], where).tolist() == expected


@given(polygon, points, stretch, stretch)
def test_contains_does_not_change_with_scale(
    corners: list[tuple[float, float]], where: list[tuple[float, float]], sx: float, sy: float
) -> None:
    """Pixels and fractions give the same answer."""
    scaled = contains(np.array(corners) * (sx, sy), np.array(where) * (sx, sy))
    assert scaled.tolist() == contains(corners, where).tolist()


def test_right_of_a_walk_to_the_right_is_down() -> None:
    """With y down, someone who walks to the right of the picture has its bottom on the right."""
    assert turn((0.2, 0.8), (0.8, 0.8), (0.5, 0.9)) > 0
    assert turn((0.2, 0.8), (0.8, 0.8), (0.5, 0.7)) < 0
    assert turn((0.25, 0.5), (0.75, 0.5), (0.9, 0.5)) == 0


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        pytest.param((2, 3), 3.0, id="beside"),
        pytest.param((7, 4), 5.0, id="beyond the end"),
        pytest.param((-3, 0), 3.0, id="before the start, in line"),
        pytest.param((1, 0), 0.0, id="on it"),
    ],
)
def test_distance_to_a_finite_segment(where: tuple[float, float], expected: float) -> None:
    """Beyond an end, the distance is to that end."""
    assert distance((0, 0), (4, 0), where) == pytest.approx(expected)


def test_distance_to_a_segment_without_length() -> None:
    """A segment that is a point has that point's distance."""
    assert distance((1, 1), (1, 1), (4, 5)) == pytest.approx(5.0)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param((5, 7), (5, 9), 1, id="down is right"),
        pytest.param((5, 9), (5, 7), -1, id="up is left"),
        pytest.param((0, 0), (9, 16), 1, id="far, in one step"),
        pytest.param((1, 7), (1, 9), 0, id="past the first end"),
        pytest.param((9, 7), (9, 9), 0, id="past the last end"),
        pytest.param((3, 7), (7, 7), 0, id="alongside"),
        pytest.param((3, 8), (7, 8), 0, id="along it"),
        pytest.param((5, 7), (5, 7), 0, id="standing"),
        pytest.param((5, 7), (5, 8), 1, id="onto it from the left"),
        pytest.param((5, 8), (5, 9), 0, id="off it to the right"),
    ],
)
def test_crossing(before: tuple[float, float], after: tuple[float, float], expected: int) -> None:
    """A step crosses a line from (2, 8) to (8, 8)."""
    assert crossing((2, 8), (8, 8), before, after) == expected


@given(point, point, point, point)
def test_crossing_backwards_is_the_other_direction(
    start: tuple[float, float],
    end: tuple[float, float],
    before: tuple[float, float],
    after: tuple[float, float],
) -> None:
    """There and back again nets to nothing, and a line turned round swaps left and right."""
    there = crossing(start, end, before, after)
    if turn(before, after, start) != 0 and turn(before, after, end) != 0:
        assert there + crossing(start, end, after, before) == 0
    if turn(start, end, before) != 0 and turn(start, end, after) != 0:
        assert crossing(end, start, before, after) == -there


@given(point, point, st.lists(point, min_size=2, max_size=8))
def test_a_closed_path_crosses_an_endless_line_as_often_as_it_comes_back(
    start: tuple[float, float], end: tuple[float, float], path: list[tuple[float, float]]
) -> None:
    """Touching the line between two steps is neither lost nor counted twice."""
    far = 1e4
    ahead = (end[0] - start[0], end[1] - start[1])
    first = (start[0] - ahead[0] * far, start[1] - ahead[1] * far)
    last = (end[0] + ahead[0] * far, end[1] + ahead[1] * far)
    loop = [*path, path[0]]
    assert sum(crossing(first, last, a, b) for a, b in pairwise(loop)) == 0


@pytest.mark.parametrize(
    ("corners", "expected"),
    [
        pytest.param(SQUARE, [], id="square"),
        pytest.param(NOTCHED, [], id="concave"),
        pytest.param(BOW_TIE, [(0, 2)], id="bow tie"),
        pytest.param([(0, 0), (4, 0), (2, 0), (2, 3)], [(0, 1), (0, 2)], id="folds back"),
        pytest.param([(0, 0), (0, 0), (4, 0), (2, 3)], [(0, 1), (0, 3), (1, 3)], id="corner twice"),
        pytest.param([(0, 0), (4, 0), (4, 4), (2, 0), (0, 4)], [(0, 2), (0, 3)], id="touches"),
        pytest.param([(0, 0), (2, 0), (4, 0), (4, 4)], [], id="corner in a straight edge"),
    ],
)
def test_self_crossings_names_the_edges(
    corners: list[tuple[float, float]], expected: list[tuple[int, int]]
) -> None:
    """The edges that stop a polygon from being simple are named, each pair once."""
    assert self_crossings(corners) == expected


@given(polygon)
def test_self_crossings_do_not_depend_on_winding(corners: list[tuple[float, float]]) -> None:
    """A polygon walked backwards is as simple as it was."""
    assert len(self_crossings(corners)) == len(self_crossings(corners[::-1]))


@pytest.mark.parametrize(
    ("corners", "expected"),
    [
        pytest.param(SQUARE, 16.0, id="square"),
        pytest.param(SQUARE[::-1], 16.0, id="other winding"),
        pytest.param(NOTCHED, 10.0, id="concave"),
        pytest.param([(0, 0), (1, 1)], 0.0, id="no polygon"),
        pytest.param([], 0.0, id="nothing"),
    ],
)
def test_area(corners: list[tuple[float, float]], expected: float) -> None:
    """Area does not depend on winding."""
    assert area(corners) == expected
