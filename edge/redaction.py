"""Redaction: people made unrecognisable in a picture, for everybody who needs no more. Pure.

Works on the decoded planes, as masks do, so that whatever is made of the frame afterwards, drawn on
or coded, has nothing of the original left in it.

Why it cannot be undone: a head is cut into three cells across and each becomes its own average, in
16 steps. What is left of a face of any size is about 12 numbers of 4 bits. Networks still recognise
faces out of mosaics of 6 by 7 cells when they may choose among 40 known people (McPherson, Shokri,
Shmatikov, arXiv 1609.00408); a cell of a third of a head is a quarter of that. The cells are as
large as the head is, not a fixed number of pixels, so coming nearer gives nothing away.

What it cannot do: it hides what the detector found. Somebody it missed, or behind a windscreen, is
not hidden; clothes, gait and place stay. Where that is not enough, keep no pictures at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.detections import ANY_LABEL, Boxes, Detections
from edge.frame import Frame, Plane

Redaction: TypeAlias = Literal["none", "heads", "figures"]

PEOPLE = frozenset({"person", "people", "pedestrian", "rider", ANY_LABEL})
"""Classes that are, or may be, people: a detector without classes tells nobody apart."""

NOBODY: Boxes = np.empty((0, 4), np.float32)

CELLS = 3
"""Cells across the shorter side of what is hidden."""

LEAST_PX = 8
"""Smallest side of a cell. A head of 10 pixels, which nobody recognises, becomes one cell."""

STEPS = 16
"""Levels an average is rounded to."""

_HEAD = 0.28
"""Share of a standing figure's height that is hidden: a head is an eighth of it, and boxes are
loose: they begin up to a tenth above it, and a bent head hangs below its place."""

_MARGIN = 0.1
_UPRIGHT = 0.75  # width by height; a wider box sits, lies or rides: its head may be anywhere


def people(detections: Detections) -> Boxes:
    """(N, 4) float32 xyxy in pixels of all that is or may be a person."""
    labels = detections.model.labels
    rows = [i for i, class_id in enumerate(detections.class_id) if labels[class_id] in PEOPLE]
    return detections.xyxy[rows]


def redacted(frame: Frame, boxes: Boxes, how: Redaction) -> Frame:
    """A frame in which people are pixelated; the frame given stays as it is.

    Args:
        frame: Masks applied.
        boxes: (N, 4) float32 xyxy in pixels; none gives the frame itself.
        how: What of them.
    """
    if how == "none" or not len(boxes):
        return frame
    y, u, v = (np.array(plane) for plane in (frame.y, frame.u, frame.v))
    hide((y, u, v), boxes, how)
    return Frame(frame.stamp, y, u, v, frame.colour)


def hide(planes: Sequence[Plane], boxes: Boxes, how: Redaction) -> None:
    """Pixelate people in planes that are the caller's own.

    Args:
        planes: Luma, blue and red difference of one picture; changed.
        boxes: (N, 4) float32 xyxy in pixels; may be empty.
        how: What of them.
    """
    if how == "none":
        return
    for region in _regions(boxes, how):
        for plane, by in zip(planes, (1, 2, 2), strict=True):
            _pixelate(plane, region / by)


def _regions(boxes: Boxes, how: Redaction) -> NDArray[np.float64]:
    """(N, 4) xyxy to hide: a margin around the box, and of an upright one only the top."""
    left, top, right, bottom = boxes.T.astype(np.float64)
    width, height = right - left, bottom - top
    if how == "heads":
        is_upright = width <= _UPRIGHT * height
        bottom = np.where(is_upright, top + _HEAD * height, bottom)
    return np.stack(
        [
            left - _MARGIN * width,
            top - _MARGIN * height / (2 if how == "heads" else 1),
            right + _MARGIN * width,
            bottom + (0 if how == "heads" else _MARGIN * height),
        ],
        axis=1,
    )


def _pixelate(plane: Plane, region: NDArray[np.float64]) -> None:
    """Replace a region by the rounded averages of its cells."""
    height, width = plane.shape
    left, top = (max(0, int(np.floor(edge))) for edge in region[:2])
    right = min(width, int(np.ceil(region[2])))
    bottom = min(height, int(np.ceil(region[3])))
    if left >= right or top >= bottom:
        return
    part = plane[top:bottom, left:right]
    side = max(LEAST_PX, -(-min(part.shape) // CELLS))
    cells = (max(1, part.shape[1] // side), max(1, part.shape[0] // side))
    small = np.asarray(cv2.resize(part, cells, interpolation=cv2.INTER_AREA), np.uint8)
    step = 256 // STEPS
    small = small // step * step + step // 2
    size_wh = (part.shape[1], part.shape[0])
    part[:] = cv2.resize(small, size_wh, interpolation=cv2.INTER_NEAREST)
