"""Privacy masks: black before anything else sees the picture. Pure.

Applied to the decoded planes, so that detector, snapshot and page all get the masked picture and
no later code can forget to.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from edge.frame import Frame, Plane
from edge.options import Point


class Masks:
    """Polygons of one camera, in fractions of the picture.

    Args:
        polygons: Simple polygons; none means frames pass unchanged and uncopied.
    """

    def __init__(self, polygons: Iterable[Sequence[Point]] = ()) -> None:
        self._polygons = [np.asarray(polygon, np.float64) for polygon in polygons]

    def __len__(self) -> int:
        """How many there are; none is false."""
        return len(self._polygons)

    def apply(self, frame: Frame) -> Frame:
        """A frame whose masked pixels are black; the frame given stays as it is.

        Chroma samples that lie partly under a mask are blacked out whole, so that no masked
        pixel's colour is left.
        """
        if not self._polygons:
            return frame
        black = 0 if frame.colour.is_full_range else 16
        return Frame(
            frame.stamp,
            self._filled(frame.y, black),
            self._filled(frame.u, 128),
            self._filled(frame.v, 128),
            frame.colour,
        )

    def _filled(self, plane: Plane, value: int) -> Plane:
        height, width = plane.shape
        filled = np.array(plane)
        for polygon in self._polygons:
            # fillPoly draws the outline too, so rounding never leaves a masked pixel clear.
            corners = np.rint(polygon * (width, height)).astype(np.int32)
            cv2.fillPoly(filled, [corners], (value,))
        return filled
