"""Event: the message an event becomes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from edge.event import Direction, Event, Kind, Lost, Phase, Priority, Sighting
from edge.message._wire import (
    Count,
    Message,
    Origin,
    Sha256,
    Share,
    Timestamp,
    Trial,
    Uuid7,
    Words,
    encode,
)
from edge.options import Identifier

MAX_BYTES = 8192
"""Longest event message; what does not fit loses objects from the end and says how many."""


class SeenObject(Message):
    """One object named by an event."""

    track: int = Field(description="Track id, unique within the camera.")
    label: str = Field(
        validation_alias="class", serialization_alias="class", description="Class name."
    )
    confidence: Share = Field(description="Of the deciding frame, two decimals.")
    box: tuple[Share, Share, Share, Share] = Field(
        description="`[x, y, width, height]` in fractions of the picture, three decimals."
    )


class Evidence(Message):
    """One file that supports an event, kept on the box."""

    ref: str = Field(description="Name of the file in the evidence vault.")
    sha256: Sha256 = Field(description="Hex digest of its bytes.")


class LostMessages(Message):
    """Messages that were decided and will never arrive."""

    first: int = Field(
        ge=1, validation_alias="from", serialization_alias="from", description="Lowest `seq`."
    )
    last: int = Field(
        ge=1, validation_alias="to", serialization_alias="to", description="Highest `seq`."
    )
    n: int = Field(
        ge=1,
        validation_alias="count",
        serialization_alias="count",
        description="How many; a number between that arrives is not one of them.",
    )


class EventMessage(Message):
    """An event as the control room receives it. Field order is the wire order."""

    v: Literal[1] = 1
    id: Uuid7 = Field(description="Key for removing duplicates; time-ordered.")
    seq: int = Field(ge=1, description="Rises by one a message and node; a gap proves a loss.")
    site: Identifier
    node: Identifier
    camera: Identifier
    kind: Kind = Field(description="What happened.")
    rule: Identifier | None = Field(
        default=None, description="Absent for the appliance's own kinds."
    )
    phase: Phase = Field(description="A pulse is a moment; the others share one incident.")
    incident: Uuid7 = Field(description="The id of the message that began it.")
    priority: Priority
    at: Timestamp = Field(description="UTC at which the scene happened.")
    clock_ms: Count = Field(description="How far `at` may be wrong, in milliseconds.")
    where: str | None = Field(default=None, description="Name of the zone or line.")
    direction: Direction | None = Field(default=None, description="Side a line was crossed to.")
    objects: tuple[SeenObject, ...] | None = None
    model: str | None = Field(default=None, description="Short hash that `about` resolves.")
    config: str = Field(description="Short hash of the configuration, as in `about`.")
    evidence: tuple[Evidence, ...] | None = None
    n_objects: int | None = Field(
        default=None,
        description="How many objects there were, where not all fitted into the message.",
    )
    reason: Words | None = Field(default=None, description="Why, in words.")
    lost: LostMessages | None = Field(
        default=None, description="For `events_dropped`: what a full outbox threw away."
    )
    profile: Trial = None


def compose(
    event: Event,
    origin: Origin,
    *,
    id: str,  # noqa: A002 - the wire's name
    seq: int,
    incident: str,
    evidence: Sequence[Evidence] = (),
) -> tuple[EventMessage, bytes]:
    """Give an event its number and address.

    Args:
        event: What was decided.
        origin: Who says so.
        id: A UUIDv7, from the event's time.
        seq: This node's next number.
        incident: The id of the message that began it; `id` itself for a pulse or a begin.
        evidence: Files that support it; may be empty.

    Returns:
        The message, and its JSON, which has to be written in order to know that it fits. Shares
        outside [0, 1] are clipped to it (a box may touch the picture's edge and rounding go past
        it), and a NaN becomes 0: an event is worth more than its decoration.

    Raises:
        ValueError: A name that cannot stand in a topic, or `at` without a time zone.
    """
    message = EventMessage(
        id=id,
        seq=seq,
        site=origin.site,
        node=origin.node,
        camera=event.camera,
        kind=event.kind,
        rule=event.rule or None,
        phase=event.phase,
        incident=incident,
        priority=event.priority,
        at=event.at,
        clock_ms=event.clock_ms,
        where=event.where or None,
        direction=event.direction,
        objects=tuple(_seen(sighting) for sighting in event.objects) or None,
        model=event.model or None,
        config=origin.config[:8],
        evidence=tuple(evidence) or None,
        reason=event.reason or None,
        lost=lost_messages(event.lost) if event.lost is not None else None,
        profile=origin.profile,
    )
    return _fitted(message)


def lost_messages(lost: Lost) -> LostMessages:
    """A loss as the message has it."""
    return LostMessages(first=lost.first, last=lost.last, n=lost.n)


def _seen(sighting: Sighting) -> SeenObject:
    x, y, width, height = (round(_share(value), 3) for value in sighting.box)
    return SeenObject(
        track=sighting.track,
        label=sighting.label,
        confidence=round(_share(sighting.confidence), 2),
        box=(x, y, width, height),
    )


def _share(value: float) -> float:
    if value >= 0.0:
        return min(value, 1.0)
    return 0.0  # negative, or NaN, which compares false


def _fitted(message: EventMessage) -> tuple[EventMessage, bytes]:
    """Take objects from the end until the message fits; gives it and its JSON."""
    objects, payload = message.objects or (), encode(message)
    n_objects = len(objects)
    while (size := len(payload)) > MAX_BYTES and objects:
        # One cut by proportion is nearly right: objects are alike in length.
        objects = objects[: min(len(objects) - 1, len(objects) * MAX_BYTES // size)]
        message = message.model_copy(update={"objects": objects or None, "n_objects": n_objects})
        payload = encode(message)
    if size > MAX_BYTES:
        raise ValueError(
            f"event message of {message.camera}/{message.rule}: {size} bytes without objects, "
            f"expected at most {MAX_BYTES}; its names or evidence list are too long"
        )
    return message, payload
