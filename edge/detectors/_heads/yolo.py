"""YOLO heads: the two layouts Ultralytics' exports have.

`Grid` is YOLOv8's and YOLO11's: one column a cell, box and class scores, no objectness, and doubles
to suppress. `EndToEnd` is YOLO26's: one row an object, nothing to suppress. Written from the
documented shapes (docs.ultralytics.com/guides/end2end-detection); no code of theirs is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from edge.detectors import _heads
from edge.detectors._nms import nms

NMS_IOU = 0.45
"""As for `yolox`: two boxes of one class that overlap more are one object. The authors' default of
0.7 suits mAP, which rewards a second box where counting people does not."""


class Grid:
    """Reads (centre x, centre y, width, height, a score a class), in pixels, a column a cell."""

    ROLES: ClassVar[tuple[str, ...]] = ("grid",)

    def __init__(self, size_wh: tuple[int, int], n_labels: int) -> None:
        del size_wh
        self._n_labels = n_labels

    @property
    def shapes(self) -> dict[str, _heads.Shape]:
        """One column a cell: box, and a score a class."""
        return {"grid": (1, 4 + self._n_labels, "cells")}

    def decode(
        self, outputs: Mapping[str, NDArray[Any]], min_confidence: float
    ) -> _heads.Candidates:
        """Read the first picture of a batch; see `Head` of this package."""
        grid = outputs["grid"][0]
        best = grid[4:].max(axis=0)
        _heads.check_numbers(best, "class scores")  # NaN is the highest of its column
        cells = np.flatnonzero(best >= min_confidence)
        confidence = best[cells].astype(np.float32)
        # Asked of the few columns that are left: of all 8400 it would take as long as all else.
        class_id = grid[4:, cells].argmax(axis=0).astype(np.int32)
        box = grid[:4, cells].T.astype(np.float32)
        _heads.check_numbers(box, "boxes")
        half = box[:, 2:] / 2
        xyxy = np.concatenate([box[:, :2] - half, box[:, :2] + half], axis=1)
        keep = nms(xyxy, confidence, class_id, NMS_IOU)
        return _heads.Candidates(xyxy[keep], confidence[keep], class_id[keep])


class EndToEnd:
    """Reads (left, top, right, bottom, score, class), in pixels, a row an object."""

    ROLES: ClassVar[tuple[str, ...]] = ("objects",)

    def __init__(self, size_wh: tuple[int, int], n_labels: int) -> None:
        del size_wh
        self._n_labels = n_labels

    @property
    def shapes(self) -> dict[str, _heads.Shape]:
        """One row an object."""
        return {"objects": (1, "objects", 6)}

    def decode(
        self, outputs: Mapping[str, NDArray[Any]], min_confidence: float
    ) -> _heads.Candidates:
        """Read the first picture of a batch; see `Head` of this package."""
        objects = outputs["objects"][0]
        _heads.check_numbers(objects[:, 4], "scores")
        rows = np.flatnonzero(objects[:, 4] >= min_confidence)
        found = objects[rows[np.argsort(-objects[rows, 4], kind="stable")]].astype(np.float32)
        _heads.check_numbers(found, "boxes or classes")
        class_id = np.rint(found[:, 5])
        _heads.check_classes(class_id, self._n_labels)
        return _heads.Candidates(found[:, :4], found[:, 4], class_id.astype(np.int32))


LAYOUTS = (Grid, EndToEnd)
