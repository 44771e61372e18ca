"""DETR heads: a fixed set of queries, each of them one box (RT-DETR, D-FINE, DEIM, RF-DETR).

One query answers for one object, so there is no suppression of duplicates. Source: Carion et al.,
"End-to-End Object Detection with Transformers", ECCV 2020 (arXiv 2005.12872).

`Deployed` is what `export_onnx.py` of RT-DETR, D-FINE and DEIM write: the network ends with its own
postprocessing. `Raw` is what RF-DETR's export writes (its tensors are named `dets` and `labels`),
and the Transformers library's models (`pred_boxes` and `logits`): boxes in fractions of the
picture, and a logit a class that passes through a sigmoid, not a softmax
(github.com/roboflow/rf-detr, docs/learn/export.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from math import log
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from edge.detectors import _heads


class Deployed:
    """Reads labels, boxes and scores.

    The exported network scales its boxes by the size it is told; it is told the size of its own
    input, so boxes come in network pixels as from every other head.
    """

    ROLES: ClassVar[tuple[str, ...]] = ("labels", "boxes", "scores")

    def __init__(self, size_wh: tuple[int, int], n_labels: int) -> None:
        del size_wh
        self._n_labels = n_labels

    @property
    def shapes(self) -> dict[str, _heads.Shape]:
        """A class, a box and a score a query."""
        return {"labels": (1, "queries"), "boxes": (1, "queries", 4), "scores": (1, "queries")}

    def decode(
        self, outputs: Mapping[str, NDArray[Any]], min_confidence: float
    ) -> _heads.Candidates:
        """Read the first picture of a batch; see `Head` of this package."""
        scores = outputs["scores"][0]
        _heads.check_numbers(scores, "scores")
        rows = np.flatnonzero(scores >= min_confidence)
        rows = rows[np.argsort(-scores[rows], kind="stable")]
        xyxy = outputs["boxes"][0][rows].astype(np.float32)
        class_id = outputs["labels"][0][rows]
        _heads.check_numbers(xyxy, "boxes")
        _heads.check_classes(class_id, self._n_labels)
        return _heads.Candidates(xyxy, scores[rows].astype(np.float32), class_id.astype(np.int32))


class Raw:
    """Reads boxes, (centre x, centre y, width, height) in [0, 1], and a logit a class.

    A card has a label for each column of the logits, also for one that no training picture had.
    A query answers for each class that is sure enough, and there are at most as many answers as
    queries, the surest: that is how the authors measure.
    """

    ROLES: ClassVar[tuple[str, ...]] = ("boxes", "logits")

    def __init__(self, size_wh: tuple[int, int], n_labels: int) -> None:
        self._size = np.array(size_wh, np.float32)
        self._n_labels = n_labels

    @property
    def shapes(self) -> dict[str, _heads.Shape]:
        """A box and a logit a class, a query."""
        return {"boxes": (1, "queries", 4), "logits": (1, "queries", self._n_labels)}

    def decode(
        self, outputs: Mapping[str, NDArray[Any]], min_confidence: float
    ) -> _heads.Candidates:
        """Read the first picture of a batch; see `Head` of this package."""
        logits, boxes = outputs["logits"][0], outputs["boxes"][0]
        _heads.check_numbers(logits.max(axis=1), "logits")  # NaN is the highest of its row
        # The sigmoid rises, so that nearly all logits are dismissed without one; it decides.
        near = log(min_confidence / (1 - min_confidence)) - 1e-3
        query, class_id = np.nonzero(logits >= near)
        confidence = 1 / (1 + np.exp(-logits[query, class_id].astype(np.float32)))
        sure = np.flatnonzero(confidence >= min_confidence)
        sure = sure[np.argsort(-confidence[sure], kind="stable")[: len(boxes)]]
        box = boxes[query[sure]].astype(np.float32)
        _heads.check_numbers(box, "boxes")
        centre, half = box[:, :2] * self._size, box[:, 2:] * self._size / 2
        xyxy = np.concatenate([centre - half, centre + half], axis=1)
        return _heads.Candidates(xyxy, confidence[sure], class_id[sure].astype(np.int32))


LAYOUTS = (Deployed, Raw)
