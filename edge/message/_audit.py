"""Audit: heads of the log, what witnesses signed of it, and what people found events to be."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints

from edge.message._wire import Count, Message, Timestamp, Trial
from edge.options import Identifier


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
    profile: Trial = None


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
