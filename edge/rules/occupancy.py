"""Occupancy: more objects in a zone than are allowed, for a while. Pure.

The incident is the zone's, not one object's. Objects that are hidden for a moment are counted
where they were, until they are gone for good.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from edge.event import Kind, Phase
from edge.rules import Scene
from edge.rules._judge import Qualify, Ruling
from edge.rules._lasting import Lasting
from edge.rules._objects import Seen
from edge.rules._zone import ZoneJudge, ZoneOptions

SHOWN_S = 1.0
"""The count is told at most this often: each change is a retained message."""


class Options(ZoneOptions):
    """`occupancy` in YAML."""

    reports: ClassVar[Kind] = "occupancy"
    kind: Literal["occupancy"] = "occupancy"
    limit: Annotated[
        int,
        Field(ge=0, le=1000, description="Most objects that are allowed.", examples=[5]),
    ]
    seconds: Annotated[
        float,
        Field(
            ge=0.0,
            le=86400.0,
            description="How long there are more before it begins.",
            examples=[10],
        ),
    ] = 5.0
    grace_seconds: Annotated[
        float,
        Field(
            ge=0.0,
            le=600.0,
            description="Fewer for a shorter time than this interrupts nothing; for at least this "
            "long, it ends.",
        ),
    ] = 3.0

    def judge(self, scene: Scene) -> Occupancy:
        """The kind at work."""
        return Occupancy(self, scene)


class Occupancy(ZoneJudge):
    """Says whether there are too many in a zone, and how many there are.

    Args:
        options: What is watched.
        scene: Holds the zone.
    """

    def __init__(self, options: Options, scene: Scene) -> None:
        super().__init__(options, scene, [("counts", "?")])
        self._limit = options.limit
        self._too_many = Lasting(options.seconds, options.grace_seconds)
        self._n = self._shown = 0
        self._shown_at = float("-inf")

    def update(self, seen: Seen, qualify: Qualify) -> Ruling:
        """Whether there are more than allowed, and who is there."""
        counted = self.notes(seen)["counts"]
        if seen.gone:
            counted[seen.gone] = False
        counts = self.inside(seen) & qualify()
        counted[seen.slots] = counts
        self._n = int(np.count_nonzero(counted))
        if seen.now - self._shown_at >= SHOWN_S:
            self._shown, self._shown_at = self._n, seen.now
        whole = self._too_many.update(seen.now, is_so=self._n > self._limit)
        return Ruling(counts, whole=whole)

    def reason(self, slot: int, phase: Phase) -> str:  # noqa: ARG002 - there is only the whole
        """How many, when it begins."""
        return f"{self._n} where {self._limit} are allowed" if phase == "begin" else ""

    @property
    def count(self) -> int:
        """How many there are, as of at most a second ago."""
        return self._shown

    def forget(self) -> None:
        """Nobody is there."""
        super().forget()
        self._too_many.forget()
        self._n = self._shown = 0
        self._shown_at = float("-inf")
