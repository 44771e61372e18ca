"""Calibration as a technician writes it: what was measured on the ground, and where it is seen.

Pure. The arithmetic is in `edge.calibration`.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from edge.calibration import CalibrationError, from_distances, from_heights, from_points
from edge.ground import Ground
from edge.options import Identifier, Options, Point

Metres = Annotated[float, Field(gt=0.0, le=10_000.0)]
Pixels = Annotated[int, Field(ge=16, le=16384)]
Place = tuple[float, float]


class Distance(Options):
    """How far two of the points are from each other."""

    between: Annotated[
        tuple[Identifier, Identifier],
        Field(description="Names of the two points.", examples=[["kerb", "bollard"]]),
    ]
    metres: Annotated[Metres, Field(description="Along the ground, in metres.", examples=[6.0])]


class Height(Options):
    """Something upright of known height: a pole, or a person, at one place."""

    foot: Annotated[
        Point,
        Field(description="Where it touches the ground, in the picture.", examples=[[0.31, 0.82]]),
    ]
    head: Annotated[
        Point, Field(description="Its upper end, in the picture.", examples=[[0.31, 0.61]])
    ]
    metres: Annotated[Metres, Field(description="How high it is, in metres.", examples=[1.7])]


class Calibration(Options):
    """Where the ground is; one of `ground`, `distances` and `heights`."""

    size: Annotated[
        tuple[Pixels, Pixels],
        Field(
            description="Width and height of the camera's picture, in pixels.",
            examples=[[1920, 1080]],
        ),
    ]
    points: Annotated[
        dict[Identifier, Point],
        Field(
            default_factory=dict,
            description="Places on the ground by name, where they are in the picture.",
            examples=[{"kerb": [0.12, 0.91], "bollard": [0.88, 0.90]}],
        ),
    ]
    ground: Annotated[
        dict[Identifier, Place],
        Field(
            default_factory=dict,
            description="Where each of the points is on the ground, at least four: metres to the "
            "right and ahead of any mark, or to the east and north.",
            examples=[{"kerb": [0.0, 0.0], "bollard": [6.0, 0.0]}],
        ),
    ]
    distances: Annotated[
        tuple[Distance, ...],
        Field(
            description="How far points are from each other, at least five; all six between four "
            "points are best.",
            examples=[[{"between": ["kerb", "bollard"], "metres": 6.0}]],
        ),
    ] = ()
    heights: Annotated[
        tuple[Height, ...],
        Field(
            description="The same pole or person at three or more places, near and far, left and "
            "right.",
            examples=[[{"foot": [0.31, 0.82], "head": [0.31, 0.61], "metres": 1.7}]],
        ),
    ] = ()

    @property
    def measured(self) -> str:
        """What it is made from, in words."""
        if self.ground:
            return f"{len(self.ground)} points"
        if self.distances:
            return f"{len(self.distances)} distances"
        return f"{len(self.heights)} heights"

    @property
    def extent_m(self) -> float:
        """How large what was measured is, in metres: what an error is to be compared with."""
        if self.ground:
            places = np.array(list(self.ground.values()))
            return float(np.hypot(*(places - places.mean(axis=0)).T).mean())
        sizes = [one.metres for one in self.distances or self.heights]
        return float(np.mean(sizes))

    def build(self) -> Ground:
        """The ground that was measured.

        Raises:
            CalibrationError: What was measured gives none.
            KeyError: A point is named that `points` has not; checked before.
        """
        if self.ground:
            seen = [self.points[name] for name in self.ground]
            return from_points(seen, list(self.ground.values()), self.size)
        if self.distances:
            number = {name: row for row, name in enumerate(self.points)}
            pairs = [(number[d.between[0]], number[d.between[1]]) for d in self.distances]
            metres = [distance.metres for distance in self.distances]
            return from_distances(list(self.points.values()), pairs, metres, self.size)
        if self.heights:
            return from_heights(
                [height.foot for height in self.heights],
                [height.head for height in self.heights],
                [height.metres for height in self.heights],
                self.size,
            )
        raise CalibrationError(
            "nothing was measured", "write `ground:`, `distances:` or `heights:` under it"
        )
