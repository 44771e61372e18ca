"""Ground: the plane objects stand on, as one calibrated camera sees it.

Pure, numpy only. From a place in the picture to metres and back, and what follows: distance,
speed, direction, and how many pixels a metre has there. How it is measured stands in
`edge.calibration`, what the pixels are good for in `edge.detail`.

Ground coordinates are metres in a frame seen from above, x to the right and y ahead (or x east
and y north): turned anticlockwise, x becomes y.

Source:
    Hartley and Zisserman, "Multiple View Geometry", 2nd edition 2004, chapters 2 and 8: the
    homography between a plane and its picture, and its horizon.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge.tracks import Points

_F = NDArray[np.float64]


class Ground:
    """The ground plane of one camera.

    Args:
        homography: (3, 3) from picture fractions `(x, y, 1)` to metres `(x, y, 1)`, up to scale.
        visible: (2,) a place in the picture, in fractions, where there is ground; tells which side
            of the horizon is below it.
        error_m: Root of the mean squared error of what it was measured from, in metres.
        n_spare: Measurements beyond those it takes to have any homography at all; with none,
            `error_m` is 0 and says nothing.

    Raises:
        ValueError: The homography has no inverse.
    """

    def __init__(
        self, homography: ArrayLike, visible: ArrayLike, *, error_m: float = 0.0, n_spare: int = 0
    ) -> None:
        to_ground = np.asarray(homography, np.float64)
        sign = np.sign(to_ground[2] @ np.append(np.asarray(visible, np.float64), 1.0))
        if sign == 0 or np.linalg.cond(to_ground) > 1 / np.finfo(np.float64).eps:
            raise ValueError("homography: expected one with an inverse")
        self._to_ground: _F = to_ground * sign
        to_picture: _F = np.linalg.inv(self._to_ground)
        self._to_picture = to_picture
        self.error_m = error_m
        self.n_spare = n_spare
        # What lies across the view keeps its depth: a step along it only changes the numerators.
        ahead = to_picture[2, :2]
        length = np.hypot(*ahead)
        across = np.array([-ahead[1], ahead[0]]) / length if length > 0 else np.array([1.0, 0.0])
        self._across: _F = to_picture[:2, :2] @ across

    def to_metres(self, points: Points) -> Points:
        """Where on the ground places of the picture are.

        Args:
            points: (N, 2) in fractions of the picture. May be empty; may lie outside it.

        Returns:
            (N, 2) float64 in metres; NaN at and above the horizon, where there is no ground.
        """
        return _mapped(self._to_ground, points)

    def to_picture(self, metres: Points) -> Points:
        """Where in the picture places on the ground are.

        Args:
            metres: (N, 2). May be empty.

        Returns:
            (N, 2) float64 in fractions of the picture, also outside it; NaN behind the camera.
        """
        return _mapped(self._to_picture, metres)

    def pixels_per_metre(self, points: Points, size_wh: tuple[int, int]) -> _F:
        """How many pixels a metre has that stands or lies there, facing the camera.

        It is the scale across the view, without the foreshortening along it: what IEC 62676-4
        means by pixels for a metre of target. Over the picture it grows in a straight line with
        the distance to the horizon, so in a polygon it is least and most at corners.

        Args:
            points: (N, 2) in fractions of the picture, where the target stands. May be empty.
            size_wh: Size of that picture in pixels.

        Returns:
            (N,) float64; NaN at and above the horizon.
        """
        points = np.asarray(points, np.float64).reshape(-1, 2)
        # Inverses of homographies: the third coordinate of one is one over that of the other.
        nearness = points @ self._to_ground[2, :2] + self._to_ground[2, 2]
        scale = float(np.hypot(*(self._across * size_wh)))
        return np.where(nearness > 0, nearness * scale, np.nan)

    def velocity(self, points: Points, moving: Points) -> Points:
        """How fast and where to something moves on the ground that moves so in the picture.

        Args:
            points: (N, 2) where it stands, in fractions of the picture.
            moving: (N, 2) its motion there, in fractions a second.

        Returns:
            (N, 2) float64 in metres a second; NaN at and above the horizon.
        """
        points = np.asarray(points, np.float64).reshape(-1, 2)
        moving = np.asarray(moving, np.float64).reshape(-1, 2)
        place = _mapped(self._to_ground, points)
        weight = points @ self._to_ground[2, :2] + self._to_ground[2, 2]
        change = moving @ self._to_ground[:, :2].T
        moved: Points = (change[:, :2] - place * change[:, 2:]) / weight[:, None]
        return moved


@dataclass(frozen=True, slots=True)
class Course:
    """How something moved over a while.

    Attributes:
        speed: Metres a second.
        direction: Degrees clockwise from the ground's y axis, in [0, 360); of no meaning at rest.
        error: Standard error of the speed, metres a second; infinite below three places.
    """

    speed: float
    direction: float
    error: float


def course(seconds: ArrayLike, metres: ArrayLike) -> Course:
    """Speed and direction of a path: the straight even motion that fits it best.

    A fit over all places does not add up the jitter of each step, as the length of the path does.

    Args:
        seconds: (N,) when it was where, ascending, N >= 2.
        metres: (N, 2) where it was on the ground; places that are NaN are left out.

    Returns:
        Its course; all NaN with fewer than two places or no time between them.
    """
    place = np.asarray(metres, np.float64).reshape(-1, 2)
    is_there = np.isfinite(place).all(axis=1)
    place, time = place[is_there], np.asarray(seconds, np.float64)[is_there]
    if len(time) < 2 or time[-1] <= time[0]:
        return Course(np.nan, np.nan, np.nan)
    time = time - time.mean()
    spread = float(time @ time)
    velocity = time @ (place - place.mean(axis=0)) / spread
    off = place - place.mean(axis=0) - time[:, None] * velocity
    n_free = 2 * len(time) - 4
    error = np.sqrt((off**2).sum() / n_free / spread) if n_free > 0 else np.inf
    direction = float(np.degrees(np.arctan2(velocity[0], velocity[1]))) % 360.0
    return Course(float(np.hypot(*velocity)), direction, float(error))


def _mapped(homography: _F, points: ArrayLike) -> Points:
    """Points through a homography whose visible side has a positive third coordinate."""
    plain = np.asarray(points, np.float64).reshape(-1, 2)
    x, y, weight = homography[:, :2] @ plain.T + homography[:, 2:]
    weight = np.where(weight > 0, weight, np.nan)
    mapped = np.empty(plain.shape)
    mapped[:, 0], mapped[:, 1] = x / weight, y / weight
    return mapped
