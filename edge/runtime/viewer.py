"""Viewer: somebody who wants one camera's next picture, while the watcher goes on."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable

from edge.frame import Frame


class Viewers:
    """Those waiting for the next picture. `ask` from any thread, `show` from the watcher's."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[tuple[queue.SimpleQueue[Frame], bool, float]] = (
            queue.SimpleQueue()
        )

    def ask(self, timeout_s: float, *, is_redacted: bool) -> Frame | None:
        """The next picture, masks applied; None where none came in time.

        Args:
            timeout_s: Longest wait.
            is_redacted: With people hidden, as the policy says.
        """
        mine: queue.SimpleQueue[Frame] = queue.SimpleQueue()
        self._waiting.put((mine, is_redacted, time.monotonic() + timeout_s))
        try:
            return mine.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def show(self, masked: Callable[[], Frame], redacted: Callable[[], Frame | None]) -> None:
        """Give a picture to all who wait; costs nothing where nobody does.

        Args:
            masked: Gives it, masks applied.
            redacted: Gives it with people hidden too; None where they are not known, and who asked
                for such a picture goes on waiting.
        """
        hidden: Frame | None = None
        for _ in range(self._waiting.qsize()):
            waiting, is_redacted, until = self._waiting.get()
            if time.monotonic() > until:
                continue
            if not is_redacted:
                waiting.put(masked())
            elif (hidden := hidden or redacted()) is not None:
                waiting.put(hidden)
            else:
                self._waiting.put((waiting, True, until))
