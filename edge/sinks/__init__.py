"""Sinks: where events go. One file per kind. A sink never blocks a camera and never forgets.

Boundary: everything that leaves the box passes here. `emit` returns once the event is durable on
this box; sending is the sink's own business and thread.
"""

from __future__ import annotations

from typing import Protocol

from edge.event import Event


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
