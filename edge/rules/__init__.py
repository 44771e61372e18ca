"""Rules: tracks to events. One file per kind. Pure: time comes in with the data.

Boundary: a rule owns its own state, evicts it with the object, survives a short identity loss,
and ends everything it began. A kind is a judge (`edge.rules._judge`); what every rule can be told
is in `RuleOptions` here and done in one place (`edge.rules._watch`).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, ClassVar, Protocol

from pydantic import Field

from edge.detail import Detail
from edge.detections import ANY_LABEL
from edge.event import Event, Kind, Priority, RuleState
from edge.frame import Stamp
from edge.ground import Ground
from edge.options import Identifier, Options, Point
from edge.rules._schedule import Location, Window
from edge.tracks import Anchor, Tracks

if TYPE_CHECKING:
    from edge.rules._judge import Judge
    from edge.rules._objects import Objects

__all__ = ["Location", "Rule", "RuleOptions", "Scene", "build_rules"]

Fractions = Annotated[
    tuple[Annotated[float, Field(ge=0.0, le=1.0)], Annotated[float, Field(ge=0.0, le=1.0)]],
    Field(strict=False),
]
Metres = Annotated[
    tuple[Annotated[float, Field(ge=0.0, le=100.0)], Annotated[float, Field(ge=0.0, le=100.0)]],
    Field(strict=False),
]


@dataclass(frozen=True)
class Scene:
    """What is known of one camera's view; shapes in fractions of the picture.

    Attributes:
        zones: Simple polygons by name.
        lines: Directed lines by name, first point to last.
        ground: The ground plane; None where the camera is not calibrated.
        location: Whose clock and sun schedules go by; None where nobody said.
    """

    zones: Mapping[str, tuple[Point, ...]] = field(default_factory=dict)
    lines: Mapping[str, tuple[Point, ...]] = field(default_factory=dict)
    ground: Ground | None = None
    location: Location | None = None


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

    reports: ClassVar[Kind]
    """The kind of its events."""

    class_lists: ClassVar[tuple[str, ...]] = ("classes",)
    """Its options that name classes of the detector's model."""

    needs_ground: ClassVar[bool] = False
    """It can only judge where the camera is calibrated."""

    kind: str
    name: Annotated[
        Identifier,
        Field(
            description="Name of the rule, unique within the camera; a topic level.",
            examples=["gate-in"],
        ),
    ]
    purpose: Annotated[
        str,
        Field(
            max_length=200,
            description="What it is for, in words: whoever reads the alerts is told.",
            examples=["Safety of staff at the loading bay"],
        ),
    ] = ""
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
    anchor: Annotated[
        Anchor,
        Field(description="Point of the box that counts as the object's place."),
    ] = "bottom_center"
    min_confidence: Annotated[
        float,
        Field(
            ge=0.0,
            le=1.0,
            description="Least confidence of an object: the median over all that was seen of it, "
            "so that one lucky picture does not count.",
            examples=[0.5],
        ),
    ] = 0.0
    min_size: Annotated[
        Fractions | None,
        Field(
            description="Least width and height of its box, in fractions of the picture.",
            examples=[[0.01, 0.03]],
        ),
    ] = None
    max_size: Annotated[
        Fractions | None,
        Field(
            description="Greatest width and height of its box, in fractions of the picture.",
            examples=[[0.3, 0.6]],
        ),
    ] = None
    min_metres: Annotated[
        Metres | None,
        Field(
            description="Least width and height in metres; on calibrated cameras only.",
            examples=[[0.2, 1.0]],
        ),
    ] = None
    max_metres: Annotated[
        Metres | None,
        Field(
            description="Greatest width and height in metres; on calibrated cameras only.",
            examples=[[1.5, 2.5]],
        ),
    ] = None
    schedule: Annotated[
        tuple[Window, ...],
        Field(
            strict=False,
            description="When it reports; empty means always. What is open when the schedule ends "
            "is ended.",
            examples=[[{"days": ["mon", "tue"], "start": "22:00", "end": "06:00"}]],
        ),
    ] = ()
    cool_down_seconds: Annotated[
        float,
        Field(
            ge=0.0,
            le=86400.0,
            description="After something was reported, nothing else begins for this long. What "
            "still goes on then is reported then; a crossing meanwhile is only counted.",
            examples=[60],
        ),
    ] = 0.0

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

    @property
    @abstractmethod
    def where(self) -> str:
        """Name of the zone or line it watches."""

    @abstractmethod
    def judge(self, scene: Scene) -> Judge:
        """The kind at work.

        Args:
            scene: The camera's shapes; the names this rule uses are in it (checked before), and
                its ground where it needs one.
        """

    def build(self, scene: Scene, camera: str, objects: Objects | None = None) -> Rule:
        """The rule for one camera.

        Args:
            scene: As for `judge`.
            camera: The camera's id.
            objects: Shared by all rules of the camera; None for one that is alone.
        """
        # Here, because a watch knows these options.
        from edge.rules._objects import Objects
        from edge.rules._watch import Watch

        return Watch(self, self.judge(scene), scene, camera, objects or Objects())

    def lacks(
        self, *, is_calibrated: bool, location: Location | None
    ) -> Iterator[tuple[str, str, str]]:
        """What is not known of the camera and is needed.

        Args:
            is_calibrated: Its ground is known.
            location: Where it is.

        Yields:
            Key of the option that needs it, what is missing, and the remedy.
        """
        if not is_calibrated:
            remedy = "add `calibration:` to this camera"
            if self.needs_ground:
                yield "kind", f"`{self.kind}` needs a calibrated camera", remedy
            for key in ("min_metres", "max_metres"):
                if getattr(self, key) is not None:
                    other = key.replace("metres", "size")
                    cause = "metres need a calibrated camera"
                    yield key, cause, f"{remedy}, or use `{other}`"
        if self.schedule and location is None:
            remedy = "add `location: {time_zone: Europe/London}`, here or to `defaults`"
            yield "schedule", "a schedule needs a time zone", remedy
        elif location is not None and (location.latitude is None or location.longitude is None):
            for window in self.schedule:
                if window.needs_sun:
                    remedy = "add `latitude` and `longitude` to `location`"
                    yield "schedule", "sunrise and sunset need a place on earth", remedy
                    break


def build_rules(rules: Iterable[RuleOptions], scene: Scene, camera: str) -> list[Rule]:
    """The rules of one camera, which share the work of knowing who is there.

    Args:
        rules: What they were told.
        scene: The camera's shapes.
        camera: The camera's id.
    """
    from edge.rules._objects import Objects

    objects = Objects()
    return [rule.build(scene, camera, objects) for rule in rules]
