"""Detections: what a detector saw in one frame, as a struct of arrays.

Pure. A mask filters all columns at once; arrays are made read-only here so that nothing
downstream can change what another camera, a snapshot or a test still looks at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from edge.frame import Stamp

Boxes: TypeAlias = NDArray[np.float32]
Floats: TypeAlias = NDArray[np.float32]
Ints: TypeAlias = NDArray[np.int32]
Ids: TypeAlias = NDArray[np.int64]
Mask: TypeAlias = NDArray[np.bool_]

ANY_LABEL = "object"
"""The class of a detector that sees change and knows no classes; matches every class filter."""


@dataclass(frozen=True, slots=True)
class ModelRef:
    """Which model said so; travels with the data, because engines change while running.

    Attributes:
        name: The model card's name.
        sha256: Hex digest of the weights, or of the method's version where there are none.
        labels: Class names; `class_id` indexes them.
    """

    name: str
    sha256: str
    labels: tuple[str, ...]

    def __str__(self) -> str:
        """Short form used in messages, such as `yolox-nano@3fa1c2d4`."""
        return f"{self.name}@{self.sha256[:8]}"


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """Boxes of one frame; N may be 0, which means the detector looked and saw nothing.

    Attributes:
        stamp: The frame they were seen in.
        size_wh: Size of that frame in pixels.
        model: Who saw them.
        xyxy: (N, 4) float32, left, top, right, bottom in frame pixels.
        confidence: (N,) float32 in [0, 1].
        class_id: (N,) int32, index into `model.labels`.
    """

    stamp: Stamp
    size_wh: tuple[int, int]
    model: ModelRef
    xyxy: Boxes
    confidence: Floats
    class_id: Ints

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
        )

    @classmethod
    def none(cls, stamp: Stamp, size_wh: tuple[int, int], model: ModelRef) -> Detections:
        """The detector looked and saw nothing."""
        return cls(
            stamp,
            size_wh,
            model,
            np.empty((0, 4), np.float32),
            np.empty(0, np.float32),
            np.empty(0, np.int32),
        )

    def __len__(self) -> int:
        """Number of boxes."""
        return len(self.xyxy)

    def __getitem__(self, mask: Mask | NDArray[np.intp]) -> Detections:
        """Keep the rows of a (N,) boolean mask or an index array."""
        return Detections(
            self.stamp,
            self.size_wh,
            self.model,
            self.xyxy[mask],
            self.confidence[mask],
            self.class_id[mask],
        )


def check_columns(
    *columns: tuple[str, NDArray[np.generic], tuple[int, ...], type[np.generic]],
) -> None:
    """Check columns of a struct of arrays and make them read-only.

    Args:
        columns: Name, array, wanted shape and wanted dtype of each.

    Raises:
        ValueError: The first column that differs, with expected against got.
    """
    for name, array, shape, dtype in columns:
        if array.shape != shape or array.dtype != dtype:
            raise ValueError(
                f"column {name}: expected {np.dtype(dtype)} {shape}, "
                f"got {array.dtype} {array.shape}"
            )
        array.setflags(write=False)
