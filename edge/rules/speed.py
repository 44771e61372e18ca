"""Speed: an object goes faster through a zone than is allowed. Pure; calibrated cameras only.

Measured over the ground from place to place, a moment apart, twice in a row: one jump of a box, or
of an identity, is no speed. What is told is the lower of the two.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from edge.event import Kind, Phase
from edge.rules import Scene
from edge.rules._judge import Qualify, Rows, Ruling
from edge.rules._objects import Seen
from edge.rules._zone import ZoneJudge, ZoneOptions, ground_of
from edge.tracks import Points

KMH = 3.6
MPH = 0.621371


class Options(ZoneOptions):
    """`speed` in YAML."""

    reports: ClassVar[Kind] = "speeding"
    needs_ground: ClassVar[bool] = True
    kind: Literal["speed"] = "speed"
    limit_kmh: Annotated[
        float,
        Field(
            gt=0.0,
            le=500.0,
            description="Greatest allowed speed in km/h; 20 and 30 mph are 32.2 and 48.3 km/h.",
            examples=[48.3],
        ),
    ]
    seconds: Annotated[
        float,
        Field(
            ge=0.2,
            le=10.0,
            description="Each of the two measurements takes this long. Longer errs less, and needs "
            "a longer zone.",
        ),
    ] = 0.5

    def judge(self, scene: Scene) -> Speed:
        """The kind at work."""
        return Speed(self, scene)


class Speed(ZoneJudge):
    """Says who is too fast in a zone.

    Args:
        options: What is watched.
        scene: Holds the zone, and the ground.

    Raises:
        ValueError: The camera is not calibrated; `edge check` says so before.
    """

    def __init__(self, options: Options, scene: Scene) -> None:
        super().__init__(
            options,
            scene,
            [
                ("is_timed", "?"), ("holds", "?"), ("was_over", "?"), ("at", "f8"),
                ("place", "f8", 2), ("kmh", "f8"), ("told", "f8"),
            ],
        )  # fmt: skip
        self._ground = ground_of(options, scene)
        self._limit_kmh, self._seconds = options.limit_kmh, options.seconds

    def update(self, seen: Seen, qualify: Qualify) -> Ruling:  # noqa: ARG002 - each for itself
        """Who was too fast twice in a row, until slow enough twice in a row or out of the zone."""
        notes, slots = self.notes(seen), seen.slots
        is_inside = self.inside(seen)
        metres = seen.metres(self._ground, self._anchor)
        is_there = is_inside & seen.on_ground(self._ground, self._anchor)
        passed_s = seen.now - notes["at"][slots]
        goes_on = is_there & notes["is_timed"][slots]
        due = (goes_on & (passed_s >= self._seconds)).nonzero()[0]
        if len(due):
            self._measure(notes, slots[due], metres[due], passed_s[due])
        starts = (is_there ^ goes_on).nonzero()[0]
        if len(due) or len(starts):
            starts = np.concatenate([due, starts])
            begun = slots[starts]
            notes["at"][begun], notes["place"][begun] = seen.now, metres[starts]
        notes["is_timed"][slots] = is_there
        left = slots[~is_inside]
        notes["holds"][left] = notes["was_over"][left] = False
        return Ruling(notes["holds"][slots])

    def _measure(
        self, notes: NDArray[np.void], slots: Rows, metres: Points, passed_s: NDArray[np.float64]
    ) -> None:
        """Note how fast some were since their time began."""
        moved = metres - notes["place"][slots]
        kmh = np.hypot(moved[:, 0], moved[:, 1]) / passed_s * KMH
        is_over = kmh > self._limit_kmh
        agrees = is_over == notes["was_over"][slots]
        notes["holds"][slots[agrees]] = is_over[agrees]
        notes["told"][slots] = np.minimum(kmh, notes["kmh"][slots])
        notes["was_over"][slots], notes["kmh"][slots] = is_over, kmh

    def reason(self, slot: int, phase: Phase) -> str:
        """How fast, when it begins."""
        if phase != "begin":
            return ""
        kmh = float(self._notes["told"][slot])
        return f"{kmh:.0f} km/h ({kmh * MPH:.0f} mph) where {self._limit_kmh:g} km/h are allowed"
