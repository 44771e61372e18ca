"""Zone entry: an object comes into a zone. Pure.

An object that first appears inside has entered too: nobody can say that it had not.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from edge.rules import Scene
from edge.rules._presence import Presence, Stay, ZoneOptions


class Options(ZoneOptions):
    """`zone_entry` in YAML."""

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

    def build(self, scene: Scene, camera: str) -> Presence:
        """The rule for one camera."""
        stay = Stay(begin=self.dwell_seconds, pause=0.0, end=self.leave_seconds)
        return Presence(self, "zone_entered", stay, scene, camera)
