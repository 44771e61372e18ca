"""Rest: since when each object stands still. Pure.

An object rests while its box lies in the place where it came to rest. A box wobbles, and somebody
who walks by in front hides a part of it for a moment; neither is movement. So the place is a
little larger than the box, a part of the box may stick out of it, and one that stood is given a
second to be seen there again before it has moved.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.detections import Mask
from edge.tracks import Points

Slots = NDArray[np.intp]

GROWN = 0.1
"""The place of rest is larger than the box by this share of its size, on each side."""

COVERED = 0.8
"""Share of a box that lies in the place while it rests. With `GROWN`, a shift of about 0.3 sizes is
movement: three times the worst wobble of ADR 0007, and 0.2 m for a person seen from the side."""

SHRUNK, SWOLLEN = 0.4, 1.6
"""Area of the box at rest, against that when it came to rest. Less is hidden, or drives away."""

SETTLED_S = 2.0
"""One that rested this long is allowed a lapse ..."""

LAPSE_S = 1.0
"""... of this long: a passer-by at walking pace takes about a second to clear a person."""


class Rest:
    """The resting places of objects, one row a slot.

    Args:
        n: Number of rows.
    """

    def __init__(self, n: int) -> None:
        self._place = np.zeros((n, 4))
        self._area = np.zeros(n)
        self._since = np.zeros(n)
        self._lapsed = np.full(n, np.nan)

    def grow(self, n: int) -> None:
        """Make room for more objects, up to `n` rows."""
        more = Rest(n - len(self._since))
        self._place = np.concatenate([self._place, more._place])
        self._area = np.concatenate([self._area, more._area])
        self._since = np.concatenate([self._since, more._since])
        self._lapsed = np.concatenate([self._lapsed, more._lapsed])

    def since(self, slots: Slots) -> NDArray[np.float64]:
        """(K,) stream time from which on they have been where they are."""
        since: NDArray[np.float64] = self._since[slots]
        return since

    def since_when(self, slot: int) -> float:
        """The same of one."""
        return float(self._since[slot])

    def fitted(self, slots: Slots) -> Mask:
        """(K,) whether they were where they rest when last looked at."""
        fitted: Mask = np.isnan(self._lapsed[slots])
        return fitted

    def is_lapsed(self, slot: int) -> bool:
        """Whether it was last seen elsewhere than where it rests."""
        return not np.isnan(self._lapsed[slot])

    def start(self, slots: Slots, boxes: Points, now: float) -> None:
        """Take some boxes for the places where their objects come to rest.

        Args:
            slots: (K,) whose.
            boxes: (K, 4) xyxy in fractions of the picture.
            now: Stream time.
        """
        margin = GROWN * (boxes[:, 2:] - boxes[:, :2])
        self._place[slots, :2] = boxes[:, :2] - margin
        self._place[slots, 2:] = boxes[:, 2:] + margin
        self._area[slots] = _area(boxes)
        self._since[slots] = now
        self._lapsed[slots] = np.nan

    def update(self, slots: Slots, boxes: Points, now: float) -> None:
        """Note where objects are now; as `start`, for those that have been seen before."""
        fits = self.fits(slots, boxes)
        self._lapsed[slots[fits]] = np.nan
        out = (~fits).nonzero()[0]
        if len(out):
            self._leave(slots[out], boxes[out], now)

    def _leave(self, slots: Slots, boxes: Points, now: float) -> None:
        """Note that some objects are elsewhere than where they rest."""
        lapsed = self._lapsed[slots]
        since = np.fmin(lapsed, now)  # now, where there is no lapse yet
        has_moved = (since - self._since[slots] < SETTLED_S) | (now - since >= LAPSE_S)
        self._lapsed[slots] = since
        self.start(slots[has_moved], boxes[has_moved], now)

    def fits(self, slots: Slots, boxes: Points) -> Mask:
        """(K,) whether boxes, (K, 4) in fractions, lie where the objects of some slots rest."""
        place = self._place[slots]
        shared = np.minimum(boxes[:, 2:], place[:, 2:])
        shared -= np.maximum(boxes[:, :2], place[:, :2])
        np.maximum(shared, 0.0, out=shared)
        area, rested = _area(boxes), self._area[slots]
        fits: Mask = shared[:, 0] * shared[:, 1] >= COVERED * area
        fits &= area >= SHRUNK * rested
        fits &= area <= SWOLLEN * rested
        return fits


def _area(boxes: Points) -> NDArray[np.float64]:
    size = boxes[:, 2:] - boxes[:, :2]
    area: NDArray[np.float64] = size[:, 0] * size[:, 1]
    return area
