"""Viewers: those who want to see what one camera sees, while its watcher goes on.

They outlive the camera's threads: a reload that begins a camera anew loses nobody who looks.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from edge.frame import Frame
from edge.pipeline import Step

log = logging.getLogger("edge.camera")

Told: TypeAlias = Callable[[Step | None], None]
"""Takes each analysed picture; None when the camera has gone. Called by the watcher: be quick."""

Stop: TypeAlias = Callable[[], None]


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """One who waits for a picture."""

    got: queue.SimpleQueue[Frame]
    is_redacted: bool


class Viewers:
    """Those who look at one camera. `show` and `tell` from the watcher's thread, else from any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[_Waiting] = []
        self._told: list[Told] = []
        self._n_watching = 0
        self._is_gone = False

    @property
    def is_watched(self) -> bool:
        """Somebody looks on: every picture is worth decoding, also where nothing moves."""
        return self._n_watching > 0

    @property
    def is_gone(self) -> bool:
        """The camera is watched no more."""
        return self._is_gone

    def ask(self, timeout_s: float, *, is_redacted: bool) -> Frame | None:
        """The next picture, masks applied; None where none came in time.

        Args:
            timeout_s: Longest wait.
            is_redacted: With people hidden, as the policy says.
        """
        mine = _Waiting(queue.SimpleQueue(), is_redacted)
        with self._lock:
            self._waiting.append(mine)
        try:
            return mine.got.get(timeout=timeout_s)
        except queue.Empty:
            with self._lock:
                if mine in self._waiting:
                    self._waiting.remove(mine)
            return None

    def show(self, masked: Callable[[], Frame], redacted: Callable[[], Frame | None]) -> None:
        """Give a picture to all who wait; costs nothing where nobody does.

        Args:
            masked: Gives it, masks applied.
            redacted: Gives it with people hidden too; None where they are not known, and who asked
                for such a picture goes on waiting.
        """
        if not self._waiting:
            return
        with self._lock:
            waiting, self._waiting = self._waiting, []
        hidden: Frame | None = None
        for one in waiting:
            if not one.is_redacted:
                one.got.put(masked())
            elif (hidden := hidden or redacted()) is not None:
                one.got.put(hidden)
            else:
                with self._lock:
                    self._waiting.append(one)

    def watch(self) -> Stop:
        """Look on until stopped."""
        with self._lock:
            self._n_watching += 1
        return self._once(self._leave)

    def follow(self, told: Told) -> Stop:
        """Be told of each analysed picture until stopped."""
        with self._lock:
            self._told.append(told)
        return self._once(lambda: self._told.remove(told))

    def tell(self, step: Step | None) -> None:
        """Tell what one picture led to; costs nothing where nobody listens."""
        for told in tuple(self._told):
            try:
                told(step)
            except Exception:  # who listens must not end the watching
                log.exception("somebody who follows a camera failed")

    def close(self) -> None:
        """The camera is watched no more."""
        self._is_gone = True
        self.tell(None)

    def _leave(self) -> None:
        self._n_watching -= 1

    def _once(self, end: Callable[[], None]) -> Stop:
        ended = False

        def stop() -> None:
            nonlocal ended
            with self._lock:
                if not ended:
                    ended = True
                    end()

        return stop
