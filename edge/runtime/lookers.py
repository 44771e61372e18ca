"""Lookers: live pictures of cameras, each coded once for all who look, and none for nobody."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeAlias

from edge.runtime.viewer import Stop, Viewers
from edge.snapshot import small_jpeg
from edge.web import Seen

log = logging.getLogger("edge.camera")

EVERY_S = 0.2
"""Five pictures a second: enough to draw a zone on, and to see where people walk."""

MAX_WIDTH = 1280
MOST_LOOKERS = 24
"""Of one camera."""

Put: TypeAlias = Callable[[Seen | None], None]


class Lookers:
    """Those who look at one camera's live picture; a thread of their own while there are any.

    Args:
        viewers: The camera's.
        name: For the thread.

    Attributes:
        n_coded: Pictures coded so far.
    """

    def __init__(self, viewers: Viewers, name: str) -> None:
        self.n_coded = 0
        self._viewers = viewers
        self._name = name
        self._lock = threading.Lock()
        self._looking: list[Put] = []
        self._is_running = False

    @property
    def is_full(self) -> bool:
        """No more may look."""
        return len(self._looking) >= MOST_LOOKERS

    def look(self, put: Put) -> Stop:
        """Take each picture as JPEG until stopped; None when the camera has gone."""
        with self._lock:
            self._looking.append(put)
            if not self._is_running:
                self._is_running = True
                name = f"live-{self._name}"
                threading.Thread(target=self._run, name=name, daemon=True).start()

        def stop() -> None:
            with self._lock:
                if put in self._looking:
                    self._looking.remove(put)

        return stop

    def _run(self) -> None:
        leave = self._viewers.watch()
        try:
            while self._goes_on():
                began = time.monotonic()
                frame = self._viewers.ask(1.0, is_redacted=True)
                if frame is None:
                    continue
                coded = Seen(small_jpeg(frame, MAX_WIDTH), frame.stamp.pts)
                self.n_coded += 1
                for put in tuple(self._looking):
                    put(coded)
                time.sleep(max(0.0, began + EVERY_S - time.monotonic()))
        except Exception:
            log.exception("camera %s: its live picture ended", self._name)
            self._end_all()
        finally:
            leave()

    def _goes_on(self) -> bool:
        with self._lock:
            if self._looking and not self._viewers.is_gone:
                return True
            self._is_running = False
        self._end_all()
        return False

    def _end_all(self) -> None:
        with self._lock:
            self._is_running = False
            looking, self._looking = self._looking, []
        for put in looking:
            put(None)
