"""Outlet: what each kind of this room is to the publisher, and how it is configured."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection
from pathlib import Path
from typing import Protocol

from edge.message import Origin
from edge.options import Options
from edge.sinks._outbox import Outbox, Stored


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

    def close(self) -> None:
        """Flush what can be flushed in a bounded time, and let go; safe to call twice."""


class SinkOptions(Options):
    """What every kind of sink can be told."""

    @abstractmethod
    def open(self, outbox: Outbox, origin: Origin, folder: Path) -> Outlet:
        """Start it; a receiver that cannot be reached is not an error, it is retried.

        Args:
            outbox: Where messages wait.
            origin: Whose messages.
            folder: What relative paths in the options start from.

        Raises:
            SinkError: A local file it needs cannot be used.
        """
