"""Recent: the last messages that were made, and those who hear each new one."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import TypeAlias

from edge.sinks import Stored

MOST = 100

Put: TypeAlias = Callable[[bytes | None], None]


class Recent:
    """Safe from any thread.

    Args:
        before: Messages of an earlier run, in order, so that a restart loses none from the list.
    """

    def __init__(self, before: Iterable[Stored] = ()) -> None:
        self._lock = threading.Lock()
        self._last: deque[bytes] = deque((stored.payload for stored in before), maxlen=MOST)
        self._hearing: list[Put] = []

    def add(self, stored: Stored) -> None:
        """A message was made."""
        with self._lock:
            self._last.append(stored.payload)
            for put in self._hearing:
                put(stored.payload)

    def last(self) -> list[bytes]:
        """The last messages, the oldest first."""
        with self._lock:
            return list(self._last)

    def hear(self, put: Put) -> Callable[[], None]:
        """Take the last messages and each new one, until stopped; none is missed between."""
        with self._lock:
            for payload in self._last:
                put(payload)
            self._hearing.append(put)

        def stop() -> None:
            with self._lock:
                if put in self._hearing:
                    self._hearing.remove(put)

        return stop
