"""Health: vital signs, every 30 s, of no use to anyone later."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edge.message._wire import Count, Message, Timestamp, Trial, Words
from edge.options import Identifier


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
    page: Words | None = Field(
        default=None,
        description="Why the device page is not open; absent while it is, or is not wanted.",
    )
    cameras: dict[str, dict[str, int | float]] = Field(description="Counters by camera.")
    profile: Trial = None
