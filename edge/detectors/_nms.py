"""Non-maximum suppression: of boxes that mean the same object, keep the surest. Pure.

OpenCV's routine does the work: 0.2 ms for 300 boxes, against 0.6 ms for the better of two NumPy
versions tried, with the same result (a property test holds it to a plain reference).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.detections import Boxes, Floats, Ints


def nms(xyxy: Boxes, confidence: Floats, class_id: Ints, max_iou: float) -> NDArray[np.intp]:
    """Keep, class by class, each box that overlaps no surer kept one too much.

    Args:
        xyxy: (N, 4) float32, pixels. May be empty. What has no area is no object and goes.
        confidence: (N,) float32, above 0.
        class_id: (N,) int32, not negative.
        max_iou: A box whose IoU with a kept one of its class is above this goes, in [0, 1].
            Raising it leaves doubles; lowering it loses people in a crowd.

    Returns:
        (K,) indices of the kept boxes, surest first; of equals, the earlier first.
    """
    rows = np.flatnonzero((xyxy[:, 2] > xyxy[:, 0]) & (xyxy[:, 3] > xyxy[:, 1]))
    if len(rows) == 0:
        return rows
    xyxy, confidence, class_id = xyxy[rows], confidence[rows], class_id[rows]
    xywh = np.concatenate([xyxy[:, :2], xyxy[:, 2:] - xyxy[:, :2]], axis=1, dtype=np.float64)
    # The routine tells classes apart by moving each one a picture further; a negative coordinate
    # would reach back into the class before, and boxes at the picture's edge have them.
    xywh[:, :2] -= np.min(xywh[:, :2])
    keep = cv2.dnn.NMSBoxesBatched(
        xywh.tolist(), confidence.tolist(), class_id.tolist(), 0.0, max_iou
    )
    return rows[np.asarray(keep, np.intp).ravel()]
