"""DETR head: a fixed set of queries that already are boxes (RT-DETR, D-FINE, DEIM).

One query answers for one object, so there is no suppression of duplicates. Source: Carion et al.,
"End-to-End Object Detection with Transformers", ECCV 2020 (arXiv 2005.12872).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from edge.detectors import _heads
from edge.errors import DetectorStalled


class Head:
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
        if not np.isfinite(scores).all():
            raise DetectorStalled("the network answered with scores that are not numbers")
        rows = np.flatnonzero(scores >= min_confidence)
        rows = rows[np.argsort(-scores[rows], kind="stable")]
        xyxy = outputs["boxes"][0][rows].astype(np.float32)
        class_id = outputs["labels"][0][rows].astype(np.int32)
        if not np.isfinite(xyxy).all():
            raise DetectorStalled("the network answered with boxes that are not numbers")
        if len(rows) and not 0 <= class_id.min() <= class_id.max() < self._n_labels:
            raise DetectorStalled(
                f"the network answered with class {class_id.max()}, the card has "
                f"{self._n_labels} labels"
            )
        return _heads.Candidates(xyxy, scores[rows].astype(np.float32), class_id)
