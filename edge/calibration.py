"""Calibration: the ground plane of a camera, from what can be measured on site.

Pure. Three ways, by what is at hand: places whose position on the ground is known; places whose
distances from each other are known; things of known height, standing. The first needs nothing but
a flat ground. The others take the camera for a pinhole with square pixels and its axis through the
middle of the picture, which leaves four unknowns (lens, height, tilt, roll) instead of eight, so
that few measurements already check each other.

Source:
    Hartley and Zisserman, "Multiple View Geometry", 2nd edition 2004: algorithm 4.2 (normalised
    direct linear transformation), chapter 8 (a camera and a plane).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge.errors import InputError
from edge.ground import Ground
from edge.tracks import Points

_F = NDArray[np.float64]

LEAST_POINTS = 4
LEAST_DISTANCES = 5
LEAST_HEIGHTS = 3

# How well somebody clicks on a point, in pixels, and reads a tape, as a share. Only to judge
# whether what is measured tells anything: where this much error leaves the camera's height or lens
# uncertain by more than VAGUE, the places are too alike.
CLICK_PX = 2.0
TAPE = 0.02
VAGUE = 0.5
# Eighth over first singular value of the direct linear transformation, in normalised coordinates.
# 0.02 to 0.4 for the views tried; three of four points within a hundredth of a line: below 0.003.
DEGENERATE = 0.003


class CalibrationError(InputError):
    """What was measured does not give a ground plane.

    Attributes:
        remedy: What to do about it.
    """

    def __init__(self, cause: str, remedy: str) -> None:
        super().__init__(cause)
        self.remedy = remedy


def from_points(picture: ArrayLike, ground: ArrayLike, size_wh: tuple[int, int]) -> Ground:
    """The ground plane through places whose position is known.

    With more than four, the homography is refined so that the squared error in the picture is
    least: it is there that somebody clicked.

    Args:
        picture: (N, 2) in fractions of the picture, N >= 4.
        ground: (N, 2) the same places in metres.
        size_wh: Size of the picture in pixels.

    Returns:
        The ground, its error on these places.

    Raises:
        CalibrationError: Too few places, or they lie (nearly) on a line, or their order or
            handedness cannot be.
    """
    seen = np.asarray(picture, np.float64).reshape(-1, 2)
    metres = np.asarray(ground, np.float64).reshape(-1, 2)
    if len(seen) < LEAST_POINTS:
        raise CalibrationError(
            f"{len(seen)} points give no ground plane; it takes {LEAST_POINTS}", "add points"
        )
    to_seen, to_metres = _normaliser(seen), _normaliser(metres)
    a, b = _through(to_seen, seen), _through(to_metres, metres)
    one, none = np.ones((len(a), 1)), np.zeros((len(a), 3))
    row = np.concatenate([b, one], axis=1)
    system = np.concatenate(
        [
            np.concatenate([row, none, -a[:, :1] * row], axis=1),
            np.concatenate([none, row, -a[:, 1:] * row], axis=1),
        ]
    )
    _, size, basis = np.linalg.svd(system)
    if size[7] < DEGENERATE * size[0]:
        raise CalibrationError(
            "the points lie on one line, or all but one do, or two are the same",
            "spread them over the ground: the corners of a large rectangle are best",
        )
    solution: _F = basis[8] / basis[8][8]  # the middle of the points is never on the horizon
    if len(a) > LEAST_POINTS:
        # Pixels, whatever the shape of the picture.
        weight = np.asarray(size_wh, np.float64) / np.diag(to_seen)[:2]

        from scipy.optimize import least_squares  # 0.3 s to import: only where it is used

        def off(h: _F) -> _F:
            x, y, w = np.append(h, 1.0).reshape(3, 3) @ row.T
            return np.concatenate([(x / w - a[:, 0]) * weight[0], (y / w - a[:, 1]) * weight[1]])

        solution = np.append(least_squares(off, solution[:8], method="lm").x, 1.0)
    to_picture = np.linalg.inv(to_seen) @ solution.reshape(3, 3) @ to_metres
    return _checked(np.asarray(np.linalg.inv(to_picture), np.float64), seen, metres)


def from_distances(
    picture: ArrayLike,
    pairs: Sequence[tuple[int, int]],
    metres: ArrayLike,
    size_wh: tuple[int, int],
) -> Ground:
    """The ground plane on which some places are so far from each other.

    Args:
        picture: (N, 2) in fractions of the picture.
        pairs: (K) pairs of rows, K >= 5.
        metres: (K,) how far apart they are.
        size_wh: Size of the picture in pixels.

    Returns:
        The ground, origin below the camera and y ahead, its error on these distances.

    Raises:
        CalibrationError: Too few distances, or they fit no camera, or any.
    """
    seen = _centred(picture, size_wh)
    first, second = np.array(pairs, np.intp).reshape(-1, 2).T
    far = np.asarray(metres, np.float64)
    if len(far) < LEAST_DISTANCES:
        raise CalibrationError(
            f"{len(far)} distances give no ground plane; it takes {LEAST_DISTANCES}",
            "measure more: all six between four points are best",
        )

    def apart(camera: _F) -> _F:
        place = _on_ground(camera, seen)
        metres: _F = np.hypot(*(place[first] - place[second]).T)
        return metres

    camera = _fit(lambda camera: (apart(camera) / far - 1) / TAPE)
    error = float(np.sqrt(np.mean((apart(camera) - far) ** 2)))
    return _pinhole(camera, seen, size_wh, error, len(far) - 4)


def from_heights(
    feet: ArrayLike, heads: ArrayLike, metres: ArrayLike, size_wh: tuple[int, int]
) -> Ground:
    """The ground plane on which things of known height stand.

    Args:
        feet: (N, 2) where they touch the ground, in fractions of the picture, N >= 3.
        heads: (N, 2) their upper ends.
        metres: (N,) how high they are.
        size_wh: Size of the picture in pixels.

    Returns:
        The ground, origin below the camera and y ahead; its error is that of the heights.

    Raises:
        CalibrationError: Too few, or they fit no camera, or any.
    """
    below, above = _centred(feet, size_wh), _centred(heads, size_wh)
    high = np.asarray(metres, np.float64)
    if len(high) < LEAST_HEIGHTS:
        raise CalibrationError(
            f"{len(high)} heights give no ground plane; it takes {LEAST_HEIGHTS}",
            "add the same pole or person at other places, near and far, left and right",
        )
    height_px = float(size_wh[1])

    def off(camera: _F) -> _F:
        place = _on_ground(camera, below)
        return (_seen(camera, place, high) - above) * height_px

    camera = _fit(lambda camera: off(camera).ravel() / CLICK_PX)
    length = np.hypot(*(above - below).T) * height_px
    error = np.hypot(*off(camera).T) / np.maximum(length, 1.0) * high
    return _pinhole(camera, below, size_wh, float(np.sqrt(np.mean(error**2))), 2 * len(high) - 4)


# A pinhole camera as four numbers: logarithm of the focal length in picture heights, tilt of its
# axis below the horizontal and roll in radians, logarithm of its height over ground in metres.
_LEAST = np.array([np.log(0.3), -0.2, -0.6, np.log(0.5)])
_MOST = np.array([np.log(20.0), 1.56, 0.6, np.log(200.0)])
_STARTS = [
    np.array([np.log(focal), tilt, 0.0, np.log(5.0)])
    for focal in (0.8, 1.8, 5.0)
    for tilt in (0.1, 0.4, 1.0)
]


def _fit(off: Callable[[_F], _F]) -> _F:
    """The pinhole camera with the least squared errors, each in units of what is to be expected.

    Raises:
        CalibrationError: The measurements leave the camera open.
    """
    from scipy.optimize import least_squares

    found = min(
        (least_squares(off, start, bounds=(_LEAST, _MOST), x_scale=0.3) for start in _STARTS),
        key=lambda result: float(result.cost),
    )
    # Standard deviation of each number, were every measurement off by as much as expected.
    curvature = found.jac.T @ found.jac
    vague = np.sqrt(np.abs(np.diag(np.linalg.pinv(curvature, rcond=1e-12))))
    if np.linalg.matrix_rank(curvature, tol=1e-9) < 4 or vague[[0, 3]].max() > VAGUE:
        raise CalibrationError(
            "the measurements are too alike: cameras of very different height or lens fit them",
            "measure at more places, near and far, left and right",
        )
    camera: _F = found.x
    return camera


def _plane(camera: _F, z: float | _F = 0.0) -> _F:
    """(..., 3, 3) from ground (x, y, 1) at height z to picture heights from the middle."""
    focal, height = np.exp(camera[0]), np.exp(camera[3]) - np.asarray(z, np.float64)
    sin, cos = np.sin(camera[1]), np.cos(camera[1])
    roll = np.array(
        [[np.cos(camera[2]), -np.sin(camera[2])], [np.sin(camera[2]), np.cos(camera[2])]]
    )
    plane = np.zeros((*height.shape, 3, 3))
    plane[..., 0, 0] = 1.0
    plane[..., 1, 1], plane[..., 1, 2] = -sin, height * cos
    plane[..., 2, 1], plane[..., 2, 2] = cos, height * sin
    plane[..., :2, :] = focal * (roll @ plane[..., :2, :])
    return plane


def _on_ground(camera: _F, seen: Points) -> Points:
    """Where on the ground (N, 2) places of the picture are; very far at the horizon and above."""
    back = np.linalg.inv(_plane(camera))
    # The camera itself is at a positive depth over the ground it sees.
    x, y, weight = back[:, :2] @ seen.T + back[:, 2:]
    weight = np.maximum(weight, 1e-4)
    return np.stack([x / weight, y / weight], axis=1)


def _seen(camera: _F, place: Points, z: _F) -> Points:
    """Where in the picture things at (N, 2) places and (N,) heights are."""
    flat = np.concatenate([place, np.ones((len(place), 1))], axis=1)
    x, y, depth = np.einsum("nij,nj->in", _plane(camera, z), flat)
    depth = np.maximum(depth, 1e-3)
    return np.stack([x / depth, y / depth], axis=1)


def _pinhole(
    camera: _F, seen: Points, size_wh: tuple[int, int], error_m: float, n_spare: int
) -> Ground:
    """The ground of a pinhole camera, for fractions of the picture."""
    width, height = size_wh
    centred = np.array([[width / height, 0, -width / height / 2], [0, 1, -0.5], [0, 0, 1]])
    to_ground = np.linalg.inv(_plane(camera)) @ centred
    places = seen / [width / height, 1.0] + 0.5
    if (places @ to_ground[2, :2] + to_ground[2, 2]).min() <= 0:
        raise CalibrationError(
            "no camera fits the measurements: a point on the ground lies above the horizon",
            "check which points each of them is about",
        )
    return Ground(to_ground, places.mean(axis=0), error_m=error_m, n_spare=n_spare)


def _checked(to_ground: _F, seen: Points, metres: Points) -> Ground:
    """A homography as a ground, if a camera above the ground can have it."""
    weight = seen @ to_ground[2, :2] + to_ground[2, 2]
    if weight.min() * weight.max() <= 0:
        raise CalibrationError(
            "no camera sees these points so: the horizon would run between them",
            "check that each point has its own coordinates; two may be swapped",
        )
    ground = Ground(to_ground, seen.mean(axis=0))
    # Seen from above, x turns anticlockwise to y; in a picture, whose y runs down, clockwise.
    middle = seen.mean(axis=0)
    right, down = ground.velocity(np.array([middle, middle]), np.eye(2))
    if right[0] * down[1] - right[1] * down[0] >= 0:
        raise CalibrationError(
            "the coordinates are a mirror image of what the picture shows",
            "write x to the right and y ahead, or x east and y north; two points may be swapped",
        )
    off = ground.to_metres(seen) - metres
    ground.error_m = float(np.sqrt((off**2).sum(axis=1).mean()))
    ground.n_spare = 2 * len(seen) - 8
    return ground


def _normaliser(points: Points) -> _F:
    """(3, 3) that puts points around the origin, at a mean distance of the root of two."""
    middle = points.mean(axis=0)
    spread = np.hypot(*(points - middle).T).mean()
    scale = np.sqrt(2.0) / spread if spread > 0 else 1.0
    return np.array([[scale, 0, -scale * middle[0]], [0, scale, -scale * middle[1]], [0, 0, 1]])


def _through(similarity: _F, points: Points) -> Points:
    moved: Points = points * np.diag(similarity)[:2] + similarity[:2, 2]
    return moved


def _centred(points: ArrayLike, size_wh: tuple[int, int]) -> Points:
    """(N, 2) fractions of the picture as picture heights from its middle."""
    off = np.asarray(points, np.float64).reshape(-1, 2) - 0.5
    return off * [size_wh[0] / size_wh[1], 1.0]
