"""Viewer: somebody who wants one camera's next picture, while the watcher goes on."""

from __future__ import annotations

import queue
from collections.abc import Callable

from edge.frame import Frame


class Viewers:
    """Those waiting for the next picture. `ask` from any thread, `show` from the watcher's."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[queue.SimpleQueue[Frame]] = queue.SimpleQueue()

    def ask(self, timeout_s: float) -> Frame | None:
        """The next picture; None where none came in time."""
        mine: queue.SimpleQueue[Frame] = queue.SimpleQueue()
        self._waiting.put(mine)
        try:
            return mine.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def show(self, frame: Frame, masked: Callable[[Frame], Frame]) -> None:
        """Give a picture to all who wait; costs nothing where nobody does.

        Args:
            frame: As decoded.
            masked: Applies the privacy masks.
        """
        if self._waiting.empty():
            return
        shown = masked(frame)
        while not self._waiting.empty():
            self._waiting.get().put(shown)
