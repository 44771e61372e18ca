"""Rules: tracks to events. One file per kind. Pure: time comes in with the data.

Boundary: a rule owns its own state, evicts it with the track, survives a short identity loss,
and ends everything it began.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Protocol

from pydantic import Field

from edge.detail import Detail
from edge.detections import ANY_LABEL
from edge.event import Event, Priority, RuleState
from edge.frame import Stamp
from edge.ground import Ground
from edge.options import Identifier, Options, Point
from edge.tracks import Tracks


@dataclass(frozen=True)
class Scene:
    """The shapes of one camera, in fractions of the picture.

    Attributes:
        zones: Simple polygons by name.
        lines: Directed lines by name, first point to last.
        ground: The ground plane; None where the camera is not calibrated.
    """

    zones: Mapping[str, tuple[Point, ...]] = field(default_factory=dict)
    lines: Mapping[str, tuple[Point, ...]] = field(default_factory=dict)
    ground: Ground | None = None


class Rule(Protocol):
    """Judges the tracks of one camera."""

    @property
    def name(self) -> str:
        """The name a technician gave it."""

    def update(self, tracks: Tracks) -> list[Event]:
        """Judge one frame."""

    def close(self, stamp: Stamp, reason: str) -> list[Event]:
        """End whatever is open and forget all tracks.

        Args:
            stamp: When the last picture was seen.
            reason: Why nobody will see it end.
        """

    @property
    def state(self) -> RuleState:
        """What it would answer if asked now."""


class RuleOptions(Options):
    """What every rule can be told."""

    kind: str
    name: Annotated[
        Identifier,
        Field(
            description="Name of the rule, unique within the camera; a topic level.",
            examples=["gate-in"],
        ),
    ]
    classes: Annotated[
        tuple[str, ...],
        Field(
            strict=False,
            description="Classes it applies to, from the model's labels; empty means all.",
            examples=[["person"]],
        ),
    ] = ()
    priority: Annotated[
        Priority,
        Field(description="How loudly an event asks for a person.", examples=["alert"]),
    ] = "review"

    detail: Annotated[
        Detail | None,
        Field(
            description="Class of IEC 62676-4, of 2014 or 2025, that its zone or line must show "
            "everywhere; `edge check` warns where a calibrated camera does not. Nothing said "
            "means `detect`.",
            examples=["observe"],
        ),
    ] = None

    def applies_to(self, label: str) -> bool:
        """Whether the class filter lets a class through; a detector without classes always."""
        return not self.classes or label in self.classes or label == ANY_LABEL

    @abstractmethod
    def build(self, scene: Scene, camera: str) -> Rule:
        """The rule for one camera.

        Args:
            scene: The camera's shapes; the names this rule uses are in it (checked before).
            camera: The camera's id.
        """
