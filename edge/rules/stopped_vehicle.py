"""Stopped vehicle: one stands still in a zone for too long. Pure.

The time runs from when it came to rest, also while something hides it for a moment. Reported once,
however long it stands; over when it moves.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from edge.event import Kind
from edge.rules import Scene
from edge.rules._judge import Qualify, Ruling
from edge.rules._objects import Seen
from edge.rules._zone import ZoneJudge, ZoneOptions


class Options(ZoneOptions):
    """`stopped_vehicle` in YAML."""

    reports: ClassVar[Kind] = "stopped_vehicle"
    kind: Literal["stopped_vehicle"] = "stopped_vehicle"
    classes: Annotated[
        tuple[str, ...],
        Field(
            strict=False,
            description="Classes it applies to, from the model's labels; empty means all.",
            examples=[["car", "truck"]],
        ),
    ] = ("car", "motorcycle", "bus", "truck")
    seconds: Annotated[
        float,
        Field(
            ge=2.0,
            le=86400.0,
            description="How long it stands still before it counts.",
            examples=[60],
        ),
    ] = 60.0

    def judge(self, scene: Scene) -> Stopped:
        """The kind at work."""
        return Stopped(self, scene, self.seconds)


class Stopped(ZoneJudge):
    """Says who stands still in a zone.

    Args:
        options: What is watched.
        scene: Holds the zone.
        seconds: For how long.
    """

    def __init__(self, options: ZoneOptions, scene: Scene, seconds: float) -> None:
        super().__init__(options, scene, [("holds", "?")])
        self._seconds = seconds

    def update(self, seen: Seen, qualify: Qualify) -> Ruling:  # noqa: ARG002 - each for itself
        """Who stands still for long enough; a box that wobbles at the zone's edge has not left."""
        notes = self.notes(seen)
        begins = seen.at_rest() & self.inside(seen)
        holds = (seen.still_s() >= self._seconds) & (notes["holds"][seen.slots] | begins)
        notes["holds"][seen.slots] = holds
        return Ruling(holds)
