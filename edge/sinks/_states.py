"""States: the last value of every retained topic, and which of them the broker lacks.

Boundary: memory only; which topics may exist at the broker is remembered by the outbox. Written
by any thread, emptied by the sender's.
"""

from __future__ import annotations

import threading


class States:
    """Latest value by topic. An empty value stays until the broker has confirmed its removal."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[str, bytes] = {}
        self._changed: dict[str, None] = {}  # a set that keeps its order

    def __contains__(self, topic: str) -> bool:
        """Whether the topic has a value, or a removal under way."""
        with self._lock:
            return topic in self._values

    def put(self, topic: str, payload: bytes) -> None:
        """Replace a value; the same one again is not sent again."""
        with self._lock:
            if self._values.get(topic) != payload:
                self._values[topic] = payload
                self._changed[topic] = None

    @property
    def is_changed(self) -> bool:
        """Whether anything is to be sent."""
        with self._lock:
            return bool(self._changed)

    def topics(self) -> frozenset[str]:
        """Every topic with a value, or a removal under way."""
        with self._lock:
            return frozenset(self._values)

    def begin(self, topic: str, payload: bytes) -> None:
        """A new connection: everything is to be sent, this one first."""
        with self._lock:
            self._values[topic] = payload
            self._changed = dict.fromkeys((topic, *self._values))

    def next_changed(self) -> tuple[str, bytes] | None:
        """Take one topic that is to be sent, with its value; None when all are."""
        with self._lock:
            topic = next(iter(self._changed), None)
            if topic is None:
                return None
            del self._changed[topic]
            return topic, self._values[topic]

    def confirm_removed(self, topic: str) -> bool:
        """The broker holds nothing there. False where a new value has been put meanwhile."""
        with self._lock:
            if self._values.get(topic) != b"":
                return False
            del self._values[topic]
            self._changed.pop(topic, None)
            return True
