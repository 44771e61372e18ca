"""YOLOX head: one grid of raw predictions (decoded here) to boxes.

Source: Ge et al., "YOLOX: Exceeding YOLO Series in 2021", arXiv 2107.08430. Each row is
(dx, dy, log w, log h, objectness, class scores...), anchor-free, on strides 8, 16 and 32.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from edge.detectors import _heads
from edge.detectors._nms import nms

STRIDES = (8, 16, 32)
NMS_IOU = 0.45
"""Two boxes of one class that overlap more are one object. The authors' demo value: they use 0.65
to measure mAP, which rewards a second box where counting people does not."""


class Head:
    """Decodes the grid of one input size."""

    ROLES: ClassVar[tuple[str, ...]] = ("grid",)

    def __init__(self, size_wh: tuple[int, int], n_labels: int) -> None:
        width, height = size_wh
        cells, strides = [], []
        for stride in STRIDES:
            x, y = np.meshgrid(np.arange(width // stride), np.arange(height // stride))
            cells.append(np.stack([x.ravel(), y.ravel()], axis=1))
            strides.append(np.full(x.size, stride))
        self._cell = np.concatenate(cells).astype(np.float32)
        self._stride = np.concatenate(strides).astype(np.float32)[:, None]
        self._n_labels = n_labels

    @property
    def shapes(self) -> dict[str, _heads.Shape]:
        """One row a cell: box, objectness and a score a class."""
        return {"grid": (1, len(self._cell), 5 + self._n_labels)}

    def decode(
        self, outputs: Mapping[str, NDArray[Any]], min_confidence: float
    ) -> _heads.Candidates:
        """Read the first picture of a batch; see `Head` of this package."""
        grid = outputs["grid"][0]
        objectness = grid[:, 4]
        _heads.check_numbers(objectness, "objectness")
        # Confidence is objectness times a class score of at most 1, so most of the 3549 rows of a
        # 416 x 416 network fall here and their 80 class scores are never read.
        rows = np.flatnonzero(objectness >= min_confidence)
        scores = grid[rows, 5:]
        class_id = scores.argmax(axis=1).astype(np.int32)
        confidence = objectness[rows] * scores.max(axis=1, initial=0.0)
        _heads.check_numbers(confidence, "class scores")
        sure = confidence >= min_confidence
        rows, class_id, confidence = rows[sure], class_id[sure], confidence[sure]
        with np.errstate(over="ignore", invalid="ignore"):  # what comes of it is caught below
            centre = (grid[rows, 0:2] + self._cell[rows]) * self._stride[rows]
            half = np.exp(grid[rows, 2:4]) * self._stride[rows] / 2
            xyxy = np.concatenate([centre - half, centre + half], axis=1).astype(np.float32)
        _heads.check_numbers(xyxy, "boxes")
        keep = nms(xyxy, confidence, class_id, NMS_IOU)
        return _heads.Candidates(xyxy[keep], confidence[keep], class_id[keep])


LAYOUTS = (Head,)
