"""Message: an event with a number and an address, in the form that leaves the box.

Pure: time, randomness and numbers come in as arguments; `edge.sinks._outbox` supplies them. With
`edge.topics` this is the wire contract: fields and their order may only be added to. A field that
has nothing to say is left out, never null. Readers ignore fields they do not know.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)

from edge.event import Direction, Event, Kind, Lost, Phase, Priority, RuleState, Sighting
from edge.options import Identifier

MAX_BYTES = 8192
"""Longest event message; what does not fit loses objects from the end and says how many."""

MAX_REASON = 300
"""Longest `reason` or `why` in characters: a library's error text may be a page long."""


def shortened(words: str) -> str:
    """Cut a reason to `MAX_REASON` characters, on one line."""
    line = " ".join(words.split())
    return line if len(line) <= MAX_REASON else line[: MAX_REASON - 1] + "…"


def _to_milliseconds(at: datetime) -> datetime:
    """UTC, cut to what the wire form can hold, so that reading a message gives an equal one."""
    at = at.astimezone(timezone.utc)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")[:23] + "Z"  # it is UTC; strftime takes 10 us more


Timestamp = Annotated[
    AwareDatetime,
    AfterValidator(_to_milliseconds),
    PlainSerializer(_iso, return_type=str, when_used="json"),
    WithJsonSchema(
        {
            "type": "string",
            "format": "date-time",
            "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$",
        }
    ),
]
Uuid7 = Annotated[
    str,
    StringConstraints(
        pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"
    ),
]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Count = Annotated[int, Field(ge=0)]
Words = Annotated[str, AfterValidator(shortened)]
NodeState: TypeAlias = Literal["online", "stopped", "lost"]
Trial: TypeAlias = Annotated[
    Literal["laboratory"] | None,
    Field(description="The box is for trying things out: act on nothing it says. Else absent."),
]
Watching: TypeAlias = Literal["watching", "degraded", "lost", "disabled"]


class Message(BaseModel):
    """Base of everything sent: strict types, frozen, open to fields of a newer node."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        strict=True, frozen=True, extra="ignore", populate_by_name=True
    )


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


class NodeStatus(Message):
    """Whether the box can be heard. Retained; `lost` is the Last Will."""

    v: Literal[1] = 1
    site: Identifier
    node: Identifier
    state: NodeState
    since: Timestamp | None = Field(
        default=None,
        description="When the state began; absent for `lost`, which is written before it happens.",
    )
    online_since: Timestamp | None = Field(
        default=None, description="For `lost`: when the connection that broke had been made."
    )
    insecure: bool = Field(description="Events travel in clear text off the box.")
    profile: Trial = None


class ModelAbout(Message):
    """What a model's short hash in an event stands for."""

    ref: str = Field(description="As in the events, such as `yolox-nano@3fa1c2d4`.")
    name: str
    sha256: Sha256


class CameraAbout(Message):
    """One configured camera."""

    camera: Identifier
    name: str


class RuleAbout(Message):
    """One configured rule."""

    camera: Identifier
    rule: Identifier
    kind: str
    priority: Priority
    purpose: str | None = Field(default=None, description="What it is for, in words.")


class RefusalAbout(Message):
    """Something that was not admitted."""

    what: str = Field(description="`detector NAME`, or `rule CAMERA/RULE`.")
    why: Words


class PolicyAbout(Message):
    """What governs this box, and what it keeps back."""

    state: Literal["ungoverned", "governed", "laboratory"] = Field(
        description="`ungoverned`: there is no policy, and nothing is kept back."
    )
    sha256: Sha256 | None = Field(default=None, description="Of policy.yaml.")
    signed_by: dict[str, str] | None = Field(
        default=None, description="Approvers whose signature is right: key and UTC, by name."
    )
    deployment: str | None = None
    review: str | None = Field(default=None, description="Last day of the deployment.")
    due: tuple[Words, ...] | None = Field(
        default=None, description="What has to be reviewed soon, in words."
    )
    n_refused: Count = Field(default=0, description="How much was not admitted; some is listed.")
    refused: tuple[RefusalAbout, ...] | None = None


class About(Message):
    """What this box is and runs. Retained; resolves every short hash in its events."""

    v: Literal[1] = 1
    site: Identifier
    node: Identifier
    software: dict[str, str] = Field(description="Version by name, such as `edge`.")
    models: tuple[ModelAbout, ...]
    config: Sha256 = Field(description="Events carry its first eight digits.")
    cameras: tuple[CameraAbout, ...]
    rules: tuple[RuleAbout, ...]
    policy: PolicyAbout | None = Field(
        default=None, description="What governs this box; absent from nodes that know no policies."
    )
    profile: Trial = None


class ConfigProblem(Message):
    """One thing to repair in a configuration file."""

    file: str = Field(description="Relative to the configuration folder where it is in it.")
    line: Count = Field(description="From 1; 0 where it is about the whole file.")
    column: Count
    path: Words = Field(description="Keys down to the value, joined by dots.")
    cause: Words
    remedy: Words | None = None


class ConfigNotice(Message):
    """Which configuration is in force, and what is wrong with the files. Retained."""

    v: Literal[1] = 1
    site: Identifier
    node: Identifier
    state: Literal["in_force", "refused"] = Field(
        description="`refused`: new files cannot be taken up, and what was in force stays."
    )
    config: Sha256 = Field(description="The configuration in force.")
    at: Timestamp = Field(description="When it was taken up, or the new files were refused.")
    n_problems: Count = Field(description="Errors in the files; the first few are listed.")
    problems: tuple[ConfigProblem, ...] | None = None
    profile: Trial = None


class CameraStatus(Message):
    """Whether a camera is being watched. Retained."""

    v: Literal[1] = 1
    site: Identifier
    node: Identifier
    camera: Identifier
    state: Watching
    since: Timestamp
    why: Words | None = None
    profile: Trial = None


class RuleStatus(Message):
    """What a rule would answer if asked now. Retained."""

    v: Literal[1] = 1
    site: Identifier
    node: Identifier
    camera: Identifier
    rule: Identifier
    active: bool
    count: Count
    armed: bool = Field(
        default=True,
        description="It reports now; false outside its schedule and while disarmed.",
    )
    withheld: Count = Field(
        default=0, description="What its schedule or cool-down kept from being reported, so far."
    )
    disarmed_until: Timestamp | None = Field(
        default=None, description="Its events are kept back until then; absent while it is armed."
    )
    refused: Words | None = Field(
        default=None, description="Why the policy does not let it arm; absent while it does."
    )
    profile: Trial = None


class OutboxHealth(Message):
    """The disk outbox in numbers."""

    depth: Count = Field(description="Messages the broker has not acknowledged.")
    bytes: Count
    seq: Count = Field(description="Number of the newest message.")
    dropped: Count = Field(description="Messages a full outbox threw away, ever.")
    refused: Count = Field(description="Messages set aside because the broker cannot take them.")
    trouble: Words | None = Field(
        default=None,
        description="What is wrong with its disk or database; absent while all is well.",
    )


class BrokerHealth(Message):
    """The link to the broker in numbers, since the start."""

    place: str = Field(description="`host:port` of the broker in use.")
    since: Timestamp = Field(description="When this connection was made.")
    attempts: Count = Field(description="Connections tried; 1 where none ever broke.")
    unheard: Count = Field(description="Events nobody was subscribed to when they were sent.")
    trouble: Words | None = Field(
        default=None, description="What last went wrong, in words; also where it is over."
    )
    trouble_at: Timestamp | None = Field(default=None, description="When that was last seen.")


class AuditHealth(Message):
    """The audit log in numbers."""

    records: Count = Field(description="In the log.")
    lost: Count = Field(description="Records that could not be written, since the start.")
    trouble: Words | None = Field(
        default=None, description="Why records cannot be written; absent while all is well."
    )


class ConsistencyProof(Message):
    """That the log continues what an earlier head was signed over (RFC 6962, 2.1.2)."""

    size: int = Field(
        ge=1, validation_alias="from", serialization_alias="from", description="Earlier size."
    )
    hashes: tuple[str, ...] = Field(description="Base64 of 32 bytes each.")


class AuditHead(Message):
    """The newest signed head of the audit log. Retained."""

    v: Literal[1] = 1
    site: Identifier
    node: Identifier
    at: Timestamp = Field(description="When it was published.")
    size: Count = Field(description="Records it covers.")
    checkpoint: str = Field(description="The head, as a C2SP tlog-checkpoint.")
    key: str = Field(description="Who signs, as a C2SP verifier key.")
    proofs: tuple[ConsistencyProof, ...] | None = Field(
        default=None,
        description="From the head before, and from what each witness has signed last.",
    )


class Cosigned(Message):
    """What a witness has signed last, of one box's audit log; said by the witness."""

    v: Literal[1] = 1
    at: Timestamp
    witness: str = Field(max_length=300, description="Who signs, as a C2SP verifier key.")
    checkpoint: str = Field(
        max_length=2000, description="The head with the witness's cosignature/v1."
    )


class Review(Message):
    """What a person found an event to be. Nothing retrains itself; it counts in the figures."""

    model_config = ConfigDict(extra="forbid")

    v: Literal[1] = 1
    verdict: Literal["true", "false", "unclear"] = Field(
        description="Whether what the event says was so."
    )
    at: Timestamp = Field(description="UTC of the judgement; of several the newest counts.")
    who: Annotated[str, StringConstraints(pattern=r"^[\w .@-]{1,64}$")] = Field(
        description="Who judged; kept apart in the audit log, and erasable."
    )
    reason: str = Field(default="", max_length=300, description="In words; kept apart likewise.")


class Health(Message):
    """Vital signs, every 30 s, not retained."""

    v: Literal[1] = 1
    site: Identifier
    node: Identifier
    at: Timestamp
    uptime_s: Count
    outbox: OutboxHealth
    broker: BrokerHealth | None = None
    audit: AuditHealth | None = None
    commands: dict[str, int] | None = Field(
        default=None, description="Commands since the start, by what became of them."
    )
    cameras: dict[str, dict[str, int | float]] = Field(description="Counters by camera.")
    profile: Trial = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Who is speaking, on every message.

    Attributes:
        site: The site's id.
        node: The box's id, unique among all boxes of one broker.
        config: Full SHA-256 of the configuration in force.
        profile: `laboratory` where what it says is a trial.
    """

    site: str
    node: str
    config: str
    profile: Trial = None


def compose(
    event: Event,
    origin: Origin,
    *,
    id: str,  # noqa: A002 - the wire's name
    seq: int,
    incident: str,
    evidence: Sequence[Evidence] = (),
) -> EventMessage:
    """Give an event its number and address.

    Args:
        event: What was decided.
        origin: Who says so.
        id: A UUIDv7, from the event's time.
        seq: This node's next number.
        incident: The id of the message that began it; `id` itself for a pulse or a begin.
        evidence: Files that support it; may be empty.

    Returns:
        The message. Shares outside [0, 1] are clipped to it (a box may touch the picture's edge
        and rounding go past it), and a NaN becomes 0: an event is worth more than its decoration.

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


def encode(message: Message) -> bytes:
    """Write a message as compact UTF-8 JSON; absent fields are left out."""
    return message.model_dump_json(by_alias=True, exclude_none=True).encode()


def event_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the event message.

    Absent means left out, so nothing in it may be null; fields of a newer node are allowed.
    """
    return message_schema(EventMessage)


def message_schema(kind: type[Message]) -> dict[str, Any]:
    """JSON Schema (2020-12) of one kind of message."""
    schema = kind.model_json_schema(by_alias=True)
    for part in (schema, *schema.get("$defs", {}).values()):
        if "properties" in part:
            _leave_out_null(part)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def rule_status(origin: Origin, camera: str, rule: str, state: RuleState) -> RuleStatus:
    """A rule's state with its address."""
    return RuleStatus(
        site=origin.site,
        node=origin.node,
        camera=camera,
        rule=rule,
        active=state.is_active,
        count=state.count,
        armed=state.is_armed and state.disarmed_until is None and not state.refused,
        withheld=state.n_withheld,
        disarmed_until=state.disarmed_until,
        refused=state.refused or None,
        profile=origin.profile,
    )


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


def _fitted(message: EventMessage) -> EventMessage:
    """Take objects from the end until the message fits."""
    objects = message.objects or ()
    n_objects, size = len(objects), len(encode(message))
    while size > MAX_BYTES and objects:
        # One cut by proportion is nearly right: objects are alike in length.
        objects = objects[: min(len(objects) - 1, len(objects) * MAX_BYTES // size)]
        message = message.model_copy(update={"objects": objects or None, "n_objects": n_objects})
        size = len(encode(message))
    if size > MAX_BYTES:
        raise ValueError(
            f"event message of {message.camera}/{message.rule}: {size} bytes without objects, "
            f"expected at most {MAX_BYTES}; its names or evidence list are too long"
        )
    return message


def _leave_out_null(part: dict[str, Any]) -> None:
    """Turn "may be null, is null by default" into "may be absent"."""
    properties: Mapping[str, dict[str, Any]] = part["properties"]
    required = []
    for name, schema in properties.items():
        schema.pop("default", None)
        choices = schema.pop("anyOf", None)
        if choices is None or {"type": "null"} not in choices:
            required.append(name)
            if choices is not None:
                schema["anyOf"] = choices
        else:
            # Keywords beside an inner $ref are legal in 2020-12; nothing optional has two types.
            (kept,) = (choice for choice in choices if choice != {"type": "null"})
            schema.update(kept)
    part["required"] = required
