"""Outlet: what each kind of this room is to the publisher, and how it is configured."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Protocol

from edge.message import Origin
from edge.options import Options
from edge.sinks._outbox import Outbox, Stored
from edge.sinks._post import Ear


class Outlet(Protocol):
    """Shows messages that are already durable to somebody. No method blocks or raises."""

    @property
    def acknowledges(self) -> bool:
        """It empties the outbox as its receiver confirms; where none does, the publisher does."""

    def deliver(self, stored: Stored) -> None:
        """Take note of a new message; they come in the order of their numbers."""

    def retain(self, subtopic: str, payload: bytes) -> None:
        """Replace the last known value of a state; an empty payload removes it."""

    def keep_only(self, subtopics: Collection[str]) -> None:
        """Remove every state ever retained that is not one of these."""

    def health(self, payload: bytes) -> None:
        """Show vital signs if somebody is listening now; they are worth nothing later."""

    def hear(self, subtopics: Sequence[str], ear: Ear) -> None:
        """Have topics of this node heard, where anything can be heard through it."""

    def start(self) -> None:
        """Begin to show. Called once, after all it has to know by then: who hears, and states."""

    def close(self) -> None:
        """Flush what can be flushed in a bounded time, and let go; safe to call twice."""


class SinkOptions(Options):
    """What every kind of sink can be told."""

    @abstractmethod
    def open(self, outbox: Outbox, origin: Origin, folder: Path) -> Outlet:
        """Make it; it begins with `start`. A receiver that cannot be reached is no error.

        Args:
            outbox: Where messages wait.
            origin: Whose messages.
            folder: What relative paths in the options start from.

        Raises:
            SinkError: A local file it needs cannot be used.
        """
