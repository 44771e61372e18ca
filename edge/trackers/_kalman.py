"""Motion: a constant-velocity Kalman filter over many boxes at once, with time in seconds.

Pure. Centre x, centre y, width and height are filtered independently of each other, so a track's
covariance is four 2x2 blocks and each step is a few array operations over all tracks.

Source:
    Bewley et al., "Simple Online and Realtime Tracking", ICIP 2016 (arXiv 1602.00763) for the
    model; noise in proportion to the box from Wojke et al., "Deep SORT", ICIP 2017 (arXiv
    1703.07402), and to doubt from Du et al., "GIAOTracker", ICCVW 2021 (arXiv 2202.11983). Differs:
    noise is per second, so any frame rate and any gap gives the same filter.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.detections import Boxes, Floats, Mask

_F = NDArray[np.float64]

# Standard deviations in box heights. A box is measured to h/20, and the worse the more it is
# doubted: at a confidence of 0.5 the variance is 2.25 times that of a sure box. Speed wanders by
# 0.5 h/s within a second: somebody who walks (0.8 h/s) or a car that brakes changes about so much.
# The box wanders on it by 0.15 h, for gait and turning. Deep SORT's per-frame values (0.27 and 1.0
# as rates) let a track follow every wobble of a half hidden box, and then off into the crowd.
MEASURED = 1 / 20
DOUBT = 5.0
DRIFT_PER_ROOT_S = 0.15
SPEED_PER_ROOT_S = 0.5
FIRST_SPEED_PER_S = 2.0


class Motion:
    """Where boxes are and how fast they move; one row a track.

    Attributes:
        place: (N, 4) float64 centre x, centre y, width, height in pixels.
        speed: (N, 4) float64 their change, pixels a second.
    """

    def __init__(self) -> None:
        self.place: _F = np.empty((0, 4))
        self.speed: _F = np.empty((0, 4))
        # Upper triangle of each 2x2 covariance: place-place, place-speed, speed-speed.
        self._covariance: _F = np.empty((3, 0, 4))

    def __len__(self) -> int:
        """Number of tracks."""
        return len(self.place)

    @property
    def xyxy(self) -> _F:
        """(N, 4) float64 predicted boxes in pixels."""
        half = self.place[:, 2:] / 2
        return np.concatenate([self.place[:, :2] - half, self.place[:, :2] + half], axis=1)

    def predict(self, seconds: float, is_seen: Mask) -> None:
        """Move on in time.

        Args:
            seconds: Since the last call, >= 0.
            is_seen: (N,) whether the track was seen last time; the size of one that was not
                stands still, since a half-hidden box shrinks and would go on shrinking.
        """
        self.speed[~is_seen, 2:] = 0.0
        self.place += self.speed * seconds
        self.place[:, 2:] = np.maximum(self.place[:, 2:], 1.0)
        height2 = self._height2()
        pp, ps, ss = self._covariance
        drift, wander = DRIFT_PER_ROOT_S**2, SPEED_PER_ROOT_S**2
        pp += (2 * ps + ss * seconds) * seconds + height2 * (
            drift * seconds + wander * seconds**3 / 3
        )
        ps += ss * seconds + height2 * (wander * seconds**2 / 2)
        ss += height2 * (wander * seconds)

    def correct(self, rows: NDArray[np.intp], xyxy: Boxes, confidence: Floats) -> None:
        """Take in what was seen.

        Args:
            rows: (K,) tracks, no row twice.
            xyxy: (K, 4) their boxes in pixels.
            confidence: (K,) of these boxes; the less, the less they count.
        """
        seen = _centred(xyxy)
        pp, ps, ss = self._covariance[:, rows]
        noise = MEASURED**2 * (1 + DOUBT * (1 - confidence[:, None].astype(np.float64)) ** 2)
        total = pp + noise * self._height2()[rows]
        gain_place, gain_speed = pp / total, ps / total
        surprise = seen - self.place[rows]
        self.place[rows] += gain_place * surprise
        self.speed[rows] += gain_speed * surprise
        self._covariance[:, rows] = (
            pp * (1 - gain_place),
            ps * (1 - gain_place),
            ss - gain_speed * ps,
        )

    def stop(self, mask: Mask) -> None:
        """Let the tracks under a (N,) mask stand still."""
        self.speed[mask] = 0.0

    def add(self, xyxy: Boxes) -> None:
        """Append tracks at rest.

        Args:
            xyxy: (K, 4) first boxes in pixels.
        """
        place = _centred(xyxy)
        height2 = np.broadcast_to(place[:, 3:] ** 2, place.shape)
        first = np.stack(
            [(2 * MEASURED) ** 2 * height2, np.zeros(place.shape), FIRST_SPEED_PER_S**2 * height2]
        )
        self.place = np.concatenate([self.place, place])
        self.speed = np.concatenate([self.speed, np.zeros(place.shape)])
        self._covariance = np.concatenate([self._covariance, first], axis=1)

    def keep(self, mask: Mask) -> None:
        """Forget the tracks outside a (N,) mask."""
        self.place, self.speed = self.place[mask], self.speed[mask]
        self._covariance = self._covariance[:, mask]

    def _height2(self) -> _F:
        """(N, 1) squared heights: the unit of all noise."""
        squared: _F = self.place[:, 3:] ** 2
        return squared


def _centred(xyxy: Boxes) -> _F:
    """Corners to centre and size, in float64."""
    box = xyxy.astype(np.float64)
    return np.concatenate([(box[:, :2] + box[:, 2:]) / 2, box[:, 2:] - box[:, :2]], axis=1)
