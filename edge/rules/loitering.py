"""Loitering: an object stays in a zone, short absences included. Pure.

The time runs from when it came in, and goes on while it is outside for less than the grace, so
that somebody who paces to and fro across the edge is as noticeable as somebody who stands.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from edge.event import Kind
from edge.rules import Scene
from edge.rules._presence import Presence, Stay
from edge.rules._zone import ZoneOptions


class Options(ZoneOptions):
    """`loitering` in YAML."""

    reports: ClassVar[Kind] = "loitering"
    kind: Literal["loitering"] = "loitering"
    seconds: Annotated[
        float,
        Field(
            gt=0.0,
            le=86400.0,
            description="How long an object stays before it is loitering.",
            examples=[30],
        ),
    ]
    grace_seconds: Annotated[
        float,
        Field(
            ge=0.0,
            le=600.0,
            description="An absence shorter than this does not interrupt the stay; one at least "
            "this long starts the time anew, or ends what has begun.",
        ),
    ] = 3.0

    def judge(self, scene: Scene) -> Presence:
        """The kind at work."""
        stay = Stay(begin=self.seconds, pause=self.grace_seconds, end=self.grace_seconds)
        return Presence(self, scene, stay)
