"""Compare: does another engine, or another file, see what the float reference sees?

Pure arithmetic on two lists of detections. What the reference is sure of must be found by the
other, and the other way round; boxes must lie in the same place and be as sure. An object near the
threshold may fall on either side of it with any engine, so what is above `SURE` on one side is
sought down to `DOUBTFUL` on the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.detections import Boxes, Detections

SURE = 0.35
"""Detections from here on must be found by the other: the confidence detectors have in service."""

DOUBTFUL = 0.20
"""Down to here it counts as found. A difference in confidence of 0.15 is measured by its own limit
and is not a missed object as well."""

MIN_IOU = 0.5
"""Boxes of one class that overlap so much are the same object: as in COCO's easiest measure."""

MIN_OBJECTS = 20
"""Fewer objects in the reference's eyes than this say nothing about agreement."""


@dataclass(frozen=True)
class Limits:
    """Beyond these an engine is refused.

    Chosen between what was measured of sound engines and of broken ones, on 200 COCO pictures; the
    table is in docs/models.md.

    Attributes:
        min_found: Share of what one side is sure of that the other must find, both ways.
        min_iou: Mean IoU of the boxes both have.
        max_confidence_change: Mean absolute difference of the confidence in what both have.
        max_map_drop: Points of mAP, where there are annotations.
        min_objects: Fewer objects in the reference's eyes say nothing.
    """

    min_found: float = 0.95
    min_iou: float = 0.90
    max_confidence_change: float = 0.045
    max_map_drop: float = 1.5
    min_objects: int = MIN_OBJECTS


@dataclass(frozen=True)
class Agreement:
    """How far two engines agree.

    Attributes:
        n_pictures: Pictures both looked at.
        n_reference: Objects the reference is sure of.
        n_other: Objects the other is sure of.
        found: Share of the reference's that the other has too, in [0, 1].
        not_invented: Share of the other's that the reference has too, in [0, 1].
        iou: Mean IoU of what both have.
        confidence_change: Mean absolute difference of confidence in what both have.
        map_drop: Points of mAP the other has less; None without annotations.
    """

    n_pictures: int
    n_reference: int
    n_other: int
    found: float
    not_invented: float
    iou: float
    confidence_change: float
    map_drop: float | None = None

    def objections(self, limits: Limits = Limits()) -> list[str]:
        """Why the other is not to be used, each as expected against got; empty if it may."""
        if self.n_reference < limits.min_objects:
            too_few = (
                f"expected pictures with at least {limits.min_objects} objects the reference is "
                f"sure of, got {self.n_reference}; give more pictures, of streets rather than of "
                "walls"
            )
            return [too_few]
        found = []
        for share, what in (
            (self.found, "of the reference's objects found"),
            (self.not_invented, "of its objects known to the reference"),
        ):
            if share < limits.min_found:
                found.append(f"expected {limits.min_found:.0%} {what}, got {share:.1%}")
        if self.iou < limits.min_iou:
            found.append(f"expected boxes with a mean IoU of {limits.min_iou}, got {self.iou:.3f}")
        if self.confidence_change > limits.max_confidence_change:
            found.append(
                f"expected confidences within {limits.max_confidence_change} on average, "
                f"got {self.confidence_change:.3f}"
            )
        if self.map_drop is not None and self.map_drop > limits.max_map_drop:
            found.append(
                f"expected at most {limits.max_map_drop} points of mAP less, "
                f"got {self.map_drop:.2f}"
            )
        return found


def agreement(
    reference: Sequence[Detections], other: Sequence[Detections], map_drop: float | None = None
) -> Agreement:
    """Compare what two engines saw in the same pictures.

    Args:
        reference: Detections a picture, down to `DOUBTFUL` or lower.
        other: Likewise, of the same pictures in the same order.
        map_drop: Points of mAP the other has less, where they were scored.
    """
    there = [_match(one, two) for one, two in zip(reference, other, strict=True)]
    back = [_match(two, one) for one, two in zip(reference, other, strict=True)]
    ious = np.concatenate([iou for iou, _ in there]) if there else np.empty(0, np.float32)
    changes = np.concatenate([change for _, change in there]) if there else ious
    answers = np.concatenate([iou for iou, _ in back]) if back else ious
    both = ious > 0
    return Agreement(
        n_pictures=len(reference),
        n_reference=len(ious),
        n_other=len(answers),
        found=float(both.mean()) if len(ious) else 1.0,
        not_invented=float((answers > 0).mean()) if len(answers) else 1.0,
        iou=float(ious[both].mean()) if both.any() else 0.0,
        confidence_change=float(changes[both].mean()) if both.any() else 1.0,
        map_drop=map_drop,
    )


def _match(one: Detections, two: Detections) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """IoU and difference of confidence for each object `one` is sure of; 0 where `two` has none.

    The surest chooses first, and what was chosen is gone.
    """
    rows = np.flatnonzero(one.confidence >= SURE)
    rows = rows[np.argsort(-one.confidence[rows], kind="stable")]
    free = two.confidence >= DOUBTFUL
    ious, changes = np.zeros(len(rows), np.float32), np.zeros(len(rows), np.float32)
    for n, row in enumerate(rows):
        overlap = _iou(one.xyxy[row], two.xyxy)
        overlap[~free | (two.class_id != one.class_id[row])] = 0
        best = int(overlap.argmax()) if len(overlap) else -1
        if best >= 0 and overlap[best] >= MIN_IOU:
            free[best] = False
            ious[n] = overlap[best]
            changes[n] = abs(one.confidence[row] - two.confidence[best])
    return ious, changes


def _iou(box: Boxes, others: Boxes) -> NDArray[np.float32]:
    """IoU of one box (4,) with others (N, 4): (N,)."""
    side = np.clip(np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2]), 0, None)
    inside = side[:, 0] * side[:, 1]
    area = np.prod(box[2:] - box[:2]) + np.prod(others[:, 2:] - others[:, :2], axis=1)
    iou: NDArray[np.float32] = inside / np.maximum(area - inside, 1e-9)
    return iou
