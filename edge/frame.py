"""Frame: one decoded picture, still YUV 4:2:0, with the two clocks it was seen at.

Pure. Pixels stay as the decoder gave them; a detector converts what it needs at network size.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Plane: TypeAlias = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Stamp:
    """Whose picture, and when. Rides along with everything derived from a frame.

    Attributes:
        camera: The camera's id.
        index: Number of this analysed frame since the camera started, from 0.
        pts: Stream time in seconds; monotonic, the only clock used for durations.
        captured_at: UTC, for people and other systems; may step.
        clock_ms: How far `captured_at` may be wrong, in milliseconds.
    """

    camera: str
    index: int
    pts: float
    captured_at: datetime
    clock_ms: int


@dataclass(frozen=True, slots=True)
class Colour:
    """How YUV becomes RGB in this stream.

    Attributes:
        matrix: `bt601` or `bt709`.
        is_full_range: Luma spans 0..255 (JPEG range) instead of 16..235.
    """

    matrix: str = "bt709"
    is_full_range: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture.

    Attributes:
        stamp: Camera and times.
        y: (H, W) uint8 luma, read-only.
        u: (ceil(H/2), ceil(W/2)) uint8 blue difference, read-only.
        v: (ceil(H/2), ceil(W/2)) uint8 red difference, read-only.
        colour: Matrix and range of the three planes.
    """

    stamp: Stamp
    y: Plane
    u: Plane
    v: Plane
    colour: Colour = Colour()

    def __post_init__(self) -> None:
        """Check that the planes belong together.

        Raises:
            ValueError: A plane is not two-dimensional uint8, or chroma is not half the luma.
        """
        height, width = self.y.shape
        wanted = ((height + 1) // 2, (width + 1) // 2)
        for name, plane, shape in (
            ("y", self.y, self.y.shape),
            ("u", self.u, wanted),
            ("v", self.v, wanted),
        ):
            if plane.dtype != np.uint8 or plane.shape != shape:
                raise ValueError(
                    f"frame plane {name}: expected uint8 {shape}, got {plane.dtype} {plane.shape}"
                )
            plane.setflags(write=False)

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height in pixels."""
        height, width = self.y.shape
        return width, height
