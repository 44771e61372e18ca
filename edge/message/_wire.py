"""Wire: what all messages are made of, and how one is written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Annotated, ClassVar, Literal, TypeAlias

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
Trial: TypeAlias = Annotated[
    Literal["laboratory"] | None,
    Field(description="The box is for trying things out: act on nothing it says. Else absent."),
]


class Message(BaseModel):
    """Base of everything sent: strict types, frozen, open to fields of a newer node."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        strict=True, frozen=True, extra="ignore", populate_by_name=True
    )


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


def encode(message: Message) -> bytes:
    """Write a message as compact UTF-8 JSON; absent fields are left out."""
    return message.model_dump_json(by_alias=True, exclude_none=True).encode()
