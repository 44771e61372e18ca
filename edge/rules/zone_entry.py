"""Zone entry: an object comes into a zone. Pure.

An object that first appears inside has entered too: nobody can say that it had not.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from edge.event import Kind
from edge.rules import Scene
from edge.rules._presence import Presence, Stay
from edge.rules._zone import ZoneOptions


class Options(ZoneOptions):
    """`zone_entry` in YAML."""

    reports: ClassVar[Kind] = "zone_entered"
    kind: Literal["zone_entry"] = "zone_entry"
    dwell_seconds: Annotated[
        float,
        Field(
            ge=0.0,
            le=60.0,
            description="How long an object is inside, without a break, before it counts. "
            "0 reports at once, also what only brushes the edge.",
        ),
    ] = 0.5
    leave_seconds: Annotated[
        float,
        Field(
            ge=0.0,
            le=60.0,
            description="How long it is seen outside before it has left. Shorter reports an "
            "object that walks along the edge again and again.",
        ),
    ] = 1.0

    def judge(self, scene: Scene) -> Presence:
        """The kind at work."""
        return Presence(
            self, scene, Stay(begin=self.dwell_seconds, pause=0.0, end=self.leave_seconds)
        )
