"""Over ground: whom a lost track may be, by where people can have walked meanwhile.

Pure. On a calibrated camera a place in the picture is a place on the ground. Somebody who was
hidden and comes out again need not overlap the box that was expected, but cannot have gone further
than people go. In the picture that distance is another one near and far, across the view and along
it; on the ground it is one figure, in metres a second.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.detections import Boxes
from edge.ground import Ground

_F = NDArray[np.float64]

PACE = 2.0
"""Metres a second by which somebody unseen may have strayed from their way: who walks may stop,
turn off or hurry (0.8 to 1.7 m/s), who stood may walk."""

FEET = 0.15
"""The lower edges of a track's box and of another are off by so much together, in box heights:
three times what each errs by; see `CLEAR` of line crossings."""

VAGUE = 5.0
"""Metres: where so little of a box is more than that, near the horizon, its place says nothing."""


@dataclass(frozen=True, slots=True)
class OverGround:
    """Nearness on the ground of one calibrated camera."""

    ground: Ground

    def nearness(self, expected: _F, boxes: Boxes, unseen_s: _F, size_wh: tuple[int, int]) -> _F:
        """How near boxes stand to where tracks are expected.

        Args:
            expected: (N, 4) xyxy where they would be now, in pixels. May be empty.
            boxes: (M, 4) xyxy in the same frame. May be empty.
            unseen_s: (N,) seconds since each was seen.
            size_wh: Of the frame.

        Returns:
            (N, M) float64: 1 at the same place, 0 and below out of reach; 0 above the horizon.
        """
        place, blur = self._stand(expected, size_wh)
        other, _ = self._stand(boxes.astype(np.float64), size_wh)
        apart = np.hypot(*np.moveaxis(place[:, None] - other, -1, 0))
        reach = blur + PACE * unseen_s
        near: _F = np.nan_to_num(1.0 - apart / reach[:, None], nan=0.0)
        return near

    def _stand(self, boxes: _F, size_wh: tuple[int, int]) -> tuple[_F, _F]:
        """(K, 2) where boxes stand, in metres; and (K,) metres by which that may be wrong."""
        feet = np.column_stack([(boxes[:, 0] + boxes[:, 2]) / 2, boxes[:, 3]])
        # Up the picture is further away on the ground than as much down.
        higher = feet.copy()
        higher[:, 1] -= FEET * (boxes[:, 3] - boxes[:, 1])
        place = self.ground.to_metres(feet / size_wh)
        blur = np.hypot(*(self.ground.to_metres(higher / size_wh) - place).T)
        return place, np.where(blur <= VAGUE, blur, np.nan)
