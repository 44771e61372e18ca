"""Tracks: detections with an identity over time.

Pure. What a tracker returns for one frame and a rule judges. Identities are per camera, start at
1 and are never used again while the process lives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edge.detections import Boxes, Floats, Ids, Ints, Mask, ModelRef, check_columns
from edge.frame import Stamp

Anchor: TypeAlias = Literal["bottom_center", "center", "top_center"]
Points: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """The objects followed in one frame; N may be 0.

    Attributes:
        stamp: The frame.
        size_wh: Size of that frame in pixels.
        model: The detector behind the boxes.
        xyxy: (N, 4) float32, left, top, right, bottom in frame pixels, as detected now.
        confidence: (N,) float32 in [0, 1], of this frame's detection.
        class_id: (N,) int32, the track's class by vote, index into `model.labels`.
        track_id: (N,) int64, unique within the camera.
        age: (N,) float32, seconds of stream time since the track was first seen.
        velocity: (N, 2) float32, pixels a second of the box centre.
        removed: (K,) int64, ids that will never come back: time to evict their state.
    """

    stamp: Stamp
    size_wh: tuple[int, int]
    model: ModelRef
    xyxy: Boxes
    confidence: Floats
    class_id: Ints
    track_id: Ids
    age: Floats
    velocity: Floats
    removed: Ids

    def __post_init__(self) -> None:
        """Check shapes and freeze the arrays.

        Raises:
            ValueError: A column's shape or dtype is wrong; the text names the column.
        """
        n = len(self.xyxy)
        check_columns(
            ("xyxy", self.xyxy, (n, 4), np.float32),
            ("confidence", self.confidence, (n,), np.float32),
            ("class_id", self.class_id, (n,), np.int32),
            ("track_id", self.track_id, (n,), np.int64),
            ("age", self.age, (n,), np.float32),
            ("velocity", self.velocity, (n, 2), np.float32),
            ("removed", self.removed, self.removed.shape[:1], np.int64),
        )

    def __len__(self) -> int:
        """Number of tracks seen in this frame."""
        return len(self.xyxy)

    def __getitem__(self, mask: Mask | NDArray[np.intp]) -> Tracks:
        """Keep the rows of a (N,) boolean mask or an index array; `removed` stays whole."""
        return Tracks(
            self.stamp,
            self.size_wh,
            self.model,
            self.xyxy[mask],
            self.confidence[mask],
            self.class_id[mask],
            self.track_id[mask],
            self.age[mask],
            self.velocity[mask],
            self.removed,
        )

    def label(self, row: int) -> str:
        """Class name of one row."""
        return self.model.labels[int(self.class_id[row])]

    def anchors(self, anchor: Anchor = "bottom_center") -> Points:
        """Where each object stands.

        Args:
            anchor: Which point of the box counts as the object's place.

        Returns:
            (N, 2) float64 in fractions of the picture, x right, y down.
        """
        left, top, right, bottom = self.xyxy.T.astype(np.float64)
        y = {"bottom_center": bottom, "center": (top + bottom) / 2, "top_center": top}[anchor]
        return np.stack([(left + right) / 2, y], axis=1) / np.asarray(self.size_wh, np.float64)
