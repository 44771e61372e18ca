"""Sinks: where events go. One file per kind. A sink never blocks a camera and never forgets.

Boundary: everything that leaves the box passes here. The runtime holds one `Sink`, the
`Publisher`: it makes each event a durable, numbered message once, so that every kind shows the
same `id` and `seq`, and hands it to the outlets. An outlet is what a file of this room opens: it
has its own thread or file, and no camera ever waits for it.

    Event -> Publisher -> Outbox (disk) -> outlets: mqtt, jsonl
"""

from __future__ import annotations

from typing import Protocol

from edge.event import Event
from edge.sinks._encoding import decode
from edge.sinks._kept import events_after, kept_events
from edge.sinks._outbox import Outbox, Stored
from edge.sinks._outlet import Outlet, SinkOptions
from edge.sinks._post import Answer, Incoming, Post
from edge.sinks._publisher import Publisher, open_publisher
from edge.sinks._subscriber import Heard, Subscriber


class Sink(Protocol):
    """Takes events."""

    def emit(self, event: Event) -> None:
        """Make one event durable.

        Raises:
            SinkError: It could not be stored; the caller counts and reports it.
        """

    def retain(self, subtopic: str, payload: bytes) -> None:
        """Replace the last known value of a state, such as a camera's status.

        Args:
            subtopic: Topic below `<root>/v1/<site>/<node>/`.
            payload: UTF-8 JSON; empty removes it.
        """

    def close(self) -> None:
        """Flush what can be flushed in a bounded time, and let go; safe to call twice."""


__all__ = [
    "Answer",
    "Heard",
    "Incoming",
    "Outbox",
    "Outlet",
    "Post",
    "Publisher",
    "Sink",
    "SinkOptions",
    "Stored",
    "Subscriber",
    "decode",
    "events_after",
    "kept_events",
    "open_publisher",
]
