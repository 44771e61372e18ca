"""Geometry: boxes, points, polygons and directed lines, as plain array functions.

Pure, numpy only. Coordinates are x right, y down. Every function but `area` answers the same
when all its inputs are stretched along either axis, so pixels and fractions both work.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge.detections import Mask
from edge.tracks import Points

Place: TypeAlias = tuple[float, float]


def iou(boxes: NDArray[np.floating], others: NDArray[np.floating]) -> NDArray[np.float64]:
    """Intersection over union of every pair of boxes.

    Args:
        boxes: (N, 4) xyxy. May be empty.
        others: (M, 4) xyxy in the same frame. May be empty.

    Returns:
        (N, M) float64 in [0, 1]; 0 where a pair has no area at all.

    Raises:
        ValueError: An array is not (N, 4).
    """
    for name, array in (("boxes", boxes), ("others", others)):
        if array.ndim != 2 or array.shape[1] != 4:
            raise ValueError(f"{name}: expected (N, 4) xyxy, got {array.shape}")
    a, b = boxes.astype(np.float64)[:, None], others.astype(np.float64)[None]
    width = np.minimum(a[..., 2], b[..., 2]) - np.maximum(a[..., 0], b[..., 0])
    height = np.minimum(a[..., 3], b[..., 3]) - np.maximum(a[..., 1], b[..., 1])
    shared = np.maximum(width, 0.0) * np.maximum(height, 0.0)
    area_a = (a[..., 2] - a[..., 0]) * (a[..., 3] - a[..., 1])
    area_b = (b[..., 2] - b[..., 0]) * (b[..., 3] - b[..., 1])
    union = area_a + area_b - shared
    overlap: NDArray[np.float64] = np.divide(
        shared, union, out=np.zeros_like(shared), where=union > 0
    )
    # Rounding can put two equal boxes a hair above 1.
    return np.minimum(overlap, 1.0, out=overlap)


class Polygons:
    """Polygons that many points are held against, all at once.

    Args:
        polygons: Corners of each, (V, 2) in either winding, V >= 3; the last joins the first. One
            that crosses itself is read by the even-odd rule. At least one.
    """

    def __init__(self, polygons: Sequence[ArrayLike]) -> None:
        corners = [np.asarray(polygon, np.float64) for polygon in polygons]
        self._first = np.cumsum([0, *map(len, corners[:-1])])
        # (E, 1), the edges of all: numpy's inner loop then runs over the points, which are more.
        self._ax, self._ay = np.concatenate(corners).T[:, :, None]
        following = [np.roll(corner, -1, axis=0) for corner in corners]
        self._bx, self._by = np.concatenate(following).T[:, :, None]
        self._dx, self._dy = self._bx - self._ax, self._by - self._ay
        self._is_downward = self._dy > 0

    def contains(self, points: ArrayLike) -> Mask:
        """Which points lie in which polygon; its boundary belongs to it.

        Args:
            points: (N, 2). May be empty.

        Returns:
            (P, N) bool.
        """
        x, y = np.asarray(points, np.float64).reshape(-1, 2).T
        ax, ay, bx, by = self._ax, self._ay, self._bx, self._by
        side = self._dx * (y - ay)
        side -= self._dy * (x - ax)
        # An edge is passed by the ray to the right of a point when it spans the point's y (upper
        # end out, lower end in, so that a corner is passed once) and lies to the right of it.
        passes = (ay > y) != (by > y)
        passes &= (side > 0) == self._is_downward
        inside: Mask = np.bitwise_xor.reduceat(passes, self._first, axis=0)
        in_line = side == 0
        if np.count_nonzero(in_line):
            in_line &= (np.minimum(ax, bx) <= x) & (x <= np.maximum(ax, bx))
            in_line &= (np.minimum(ay, by) <= y) & (y <= np.maximum(ay, by))
            inside |= np.bitwise_or.reduceat(in_line, self._first, axis=0)
        return inside


def contains(polygon: ArrayLike, points: ArrayLike) -> Mask:
    """Which of (N, 2) points lie in a polygon; see `Polygons`."""
    within: Mask = Polygons([polygon]).contains(points)[0]
    return within


def turn(start: ArrayLike, end: ArrayLike, points: ArrayLike) -> NDArray[np.float64]:
    """Side of points for a walker from `start` to `end`: right is positive.

    Args:
        start: (2,) or (..., 2) first points of the walk.
        end: Second points, of the same shape.
        points: (..., 2), broadcast against the walk.

    Returns:
        Twice the signed area of the triangle walk-point: > 0 right of the walker, < 0 left,
        0 straight ahead or behind. Divide by the length of the walk to get the distance.
    """
    a = np.asarray(start, np.float64)
    ahead = np.asarray(end, np.float64) - a
    there = np.asarray(points, np.float64) - a
    area2: NDArray[np.float64] = ahead[..., 0] * there[..., 1] - ahead[..., 1] * there[..., 0]
    return area2


def distance(start: ArrayLike, end: ArrayLike, points: ArrayLike) -> NDArray[np.float64]:
    """Distance of points to a finite segment.

    Args:
        start: (2,) or (..., 2).
        end: Of the same shape; may equal `start`.
        points: (..., 2), broadcast against the segment.

    Returns:
        (...) float64, in the unit of the inputs.
    """
    a = np.asarray(start, np.float64)
    ahead = np.asarray(end, np.float64) - a
    there = np.asarray(points, np.float64) - a
    length2 = (ahead * ahead).sum(-1)
    along = (there * ahead).sum(-1) / np.where(length2 > 0, length2, 1.0)
    off = there - np.clip(along, 0.0, 1.0)[..., None] * ahead
    result: NDArray[np.float64] = np.sqrt((off * off).sum(-1))
    return result


def crossing(start: Place, end: Place, before: Place, after: Place) -> int:
    """Whether a step crosses a finite directed segment, and to which side.

    A point on the segment's line counts as right of it, so a path that touches the line and goes
    on is counted in exactly one of its steps, and one that touches and returns nets to zero.

    Args:
        start: First point of the segment.
        end: Last point.
        before: Where the step begins.
        after: Where it ends.

    Returns:
        1 when the step crosses to the right, -1 to the left, 0 when it does not cross.
    """
    # Plain floats: one step is a fiftieth of what it takes to ask `turn`, and sums alike.
    was_right, is_right = _turn(start, end, before) >= 0, _turn(start, end, after) >= 0
    if was_right == is_right or (_turn(before, after, start) >= 0) == (
        _turn(before, after, end) >= 0
    ):
        return 0
    return 1 if is_right else -1


def _turn(start: Place, end: Place, point: Place) -> float:
    """As `turn`, of one point, to the last bit."""
    return (end[0] - start[0]) * (point[1] - start[1]) - (end[1] - start[1]) * (point[0] - start[0])


def self_crossings(polygon: Sequence[tuple[float, float]]) -> list[tuple[int, int]]:
    """Pairs of edges that stop a polygon from being simple.

    Args:
        polygon: Corners; edge `i` runs from corner `i` to the next, the last back to the first.

    Returns:
        Edge numbers `(i, j)`, i < j, from 0: edges that cross or touch without being
        neighbours, and neighbours that fold back over each other or have no length. Empty for a
        simple polygon.
    """
    corners = [np.asarray(corner, np.float64) for corner in polygon]
    n = len(corners)
    edges = [(corners[i], corners[(i + 1) % n]) for i in range(n)]
    found = []
    for i in range(n):
        for j in range(i + 1, n):
            if j == i + 1 or (i == 0 and j == n - 1):
                first, second = (i, j) if j == i + 1 else (j, i)
                is_bad = _folds(*edges[first], edges[second][1])
            else:
                is_bad = _touch(*edges[i], *edges[j])
            if is_bad:
                found.append((i, j))
    return found


def area(polygon: ArrayLike) -> float:
    """Area of a polygon, whatever its winding, in the inputs' unit squared; 0 below 3 corners."""
    corner = np.asarray(polygon, np.float64).reshape(-1, 2)
    following = np.roll(corner, -1, axis=0)
    twice = corner[:, 0] * following[:, 1] - corner[:, 1] * following[:, 0]
    return float(abs(twice.sum()) / 2)


def _folds(a: Points, b: Points, c: Points) -> bool:
    """Whether the walk a, b, c turns back on itself or stands still."""
    back, on = a - b, c - b
    is_straight = turn(a, b, c) == 0
    return bool(is_straight and back @ on >= 0)


def _touch(a: Points, b: Points, c: Points, d: Points) -> bool:
    """Whether two segments share any point."""
    sides = [
        float(np.sign(t)) for t in (turn(a, b, c), turn(a, b, d), turn(c, d, a), turn(c, d, b))
    ]
    if sides[0] * sides[1] < 0 and sides[2] * sides[3] < 0:
        return True
    ends = ((sides[0], a, b, c), (sides[1], a, b, d), (sides[2], c, d, a), (sides[3], c, d, b))
    return any(
        side == 0 and bool(np.all(np.minimum(p, q) <= r) and np.all(r <= np.maximum(p, q)))
        for side, p, q, r in ends
    )
