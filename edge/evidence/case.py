"""Case: one event, or one command, that evidence is made of. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Protocol

from edge import __version__
from edge.evidence.policy import Policy
from edge.evidence.sidecar import Masking, Media, ModelUsed, Redaction, Sidecar
from edge.masks import Masks
from edge.message import EventMessage
from edge.packet import Stream
from edge.ring import Ring


class Footage(Protocol):
    """One connection's packets."""

    @property
    def stream(self) -> Stream:
        """What they are."""

    @property
    def ring(self) -> Ring:
        """The last seconds of them, and what comes."""


@dataclass(frozen=True, slots=True)
class Written:
    """A media file that is whole and on the disk.

    Attributes:
        ref: Its name.
        sha256: Hex digest of its bytes.
        n_bytes: Its length.
    """

    ref: str
    sha256: str
    n_bytes: int


@dataclass(frozen=True, slots=True)
class Case:
    """What evidence is made of, and everything its sidecars say of that.

    Attributes:
        site: The site's id.
        node: The box's.
        camera: The camera's.
        event: Id of the event; what files are named by.
        incident: Its incident.
        kind: The event's kind; `clip` for the command.
        rule: The rule's name; empty where none decided.
        purpose: What the rule is for.
        model: What decided; None where nothing did.
        config: SHA-256 of the configuration in force.
        policy: What is kept and hidden.
        masks: What of the picture nobody may see.
        message: The event as it was sent; None for the command.
        unmade: Told why nothing is made of it, where somebody waits.
    """

    site: str
    node: str
    camera: str
    event: str
    incident: str
    kind: str
    rule: str
    purpose: str | None
    model: ModelUsed | None
    config: str
    policy: Policy
    masks: Masks
    message: EventMessage | None = None
    unmade: Callable[[str], None] = lambda _why: None

    def sidecar(
        self,
        media: Media,
        written: Written,
        begin: datetime,
        end: datetime,
        clock_ms: int,
        *,
        codec: str,
        masking: Masking,
        redaction: Redaction,
    ) -> Sidecar:
        """What is said of one file."""
        return Sidecar(
            ref=written.ref,
            media=media,
            site=self.site,
            node=self.node,
            camera=self.camera,
            event=self.event,
            incident=self.incident,
            kind=self.kind,
            rule=self.rule,
            purpose=self.purpose,
            begin=begin,
            end=max(begin, end),
            clock_ms=clock_ms,
            sha256=written.sha256,
            bytes=written.n_bytes,
            codec=codec,
            masking=masking,
            redaction=redaction,
            config=self.config,
            model=self.model,
            made_at=datetime.now(timezone.utc),
            software=__version__,
        )
