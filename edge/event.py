"""Event: what a rule or a health check decided, before it has a number or an address.

Pure: the same frames give the same events. Identity (`id`, `seq`, `incident`) is given once, at
the outbox, in the transaction that makes the event durable; see `edge.message` for the wire form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from edge.frame import Stamp
from edge.tracks import Tracks

Kind: TypeAlias = Literal[
    "line_crossed",
    "zone_entered",
    "loitering",
    "occupancy",
    "object_abandoned",
    "stopped_vehicle",
    "wrong_way",
    "speeding",
    "crowding",
    "camera_lost",
    "camera_frozen",
    "camera_covered",
    "camera_moved",
    "detector_stalled",
    "analysis_degraded",
    "clock_unsure",
    "events_dropped",
    "storage_degraded",
    "rule_disarmed",
]
Phase: TypeAlias = Literal["begin", "update", "end", "pulse"]
Priority: TypeAlias = Literal["info", "review", "alert"]
Direction: TypeAlias = Literal["left", "right"]


@dataclass(frozen=True, slots=True)
class Sighting:
    """One object named by an event.

    Attributes:
        track: Track id, unique within the camera.
        label: Class name.
        confidence: In [0, 1], of the deciding frame.
        box: `(x, y, width, height)` in fractions of the picture, top left origin.
    """

    track: int
    label: str
    confidence: float
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Lost:
    """Messages that were decided and will never arrive.

    Attributes:
        first: The lowest number among them.
        last: The highest.
        n: How many there are; numbers between that arrive are not among them.
    """

    first: int
    last: int
    n: int


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened, or the appliance stopped being able to tell.

    Attributes:
        camera: The camera's id.
        kind: What happened, from the contract's list.
        phase: `pulse` for a moment; `begin`, `update` and `end` share one incident.
        at: UTC of the scene.
        clock_ms: How far `at` may be wrong, in milliseconds.
        priority: How loudly it asks for a person.
        rule: Name of the rule; empty for the appliance's own conditions.
        key: Joins the phases of one incident within camera and rule; empty for a pulse.
        where: Name of the zone or line.
        direction: Side an object crossed to.
        objects: Who was involved; may be empty.
        model: Short reference of the deciding model.
        reason: Why, in words; always set on an `end` nobody saw and on the appliance's own kinds.
        lost: What was thrown away, for `events_dropped`.
    """

    camera: str
    kind: Kind
    phase: Phase
    at: datetime
    clock_ms: int
    priority: Priority = "review"
    rule: str = ""
    key: str = ""
    where: str = ""
    direction: Direction | None = None
    objects: tuple[Sighting, ...] = ()
    model: str = ""
    reason: str = ""
    lost: Lost | None = None


@dataclass(frozen=True, slots=True)
class RuleState:
    """What a rule would answer if asked now.

    Attributes:
        is_active: Something it watches for is going on.
        count: How many objects that concerns; for a counting rule, how many so far.
        is_armed: It reports now; False outside of its schedule.
        n_withheld: What its schedule or cool-down kept from being reported, so far.
        disarmed_until: UTC until when its events are kept back; None while it is armed.
        refused: Why the policy does not let it arm; empty while it does.
    """

    is_active: bool
    count: int
    is_armed: bool = True
    n_withheld: int = 0
    disarmed_until: datetime | None = None
    refused: str = ""


def sightings(tracks: Tracks, rows: Sequence[int]) -> tuple[Sighting, ...]:
    """Describe some rows of `tracks` for an event.

    Args:
        tracks: The frame's tracks.
        rows: Indices into them; may be empty.

    Returns:
        One sighting a row, boxes in fractions clipped to the picture.
    """
    width, height = tracks.size_wh
    found = []
    for row in rows:
        left, top, right, bottom = (float(edge) for edge in tracks.xyxy[row])
        left, right = max(left, 0.0) / width, min(right, width) / width
        top, bottom = max(top, 0.0) / height, min(bottom, height) / height
        found.append(
            Sighting(
                int(tracks.track_id[row]),
                tracks.label(row),
                float(tracks.confidence[row]),
                (left, top, right - left, bottom - top),
            )
        )
    return tuple(found)


def condition(
    kind: Kind, phase: Phase, stamp: Stamp, reason: str, *, priority: Priority = "alert"
) -> Event:
    """An event about the appliance itself, such as `camera_lost`."""
    return Event(
        stamp.camera,
        kind,
        phase,
        stamp.captured_at,
        stamp.clock_ms,
        priority=priority,
        key=kind,
        reason=reason,
    )
