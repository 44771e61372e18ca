"""Writer: a thread that makes evidence, one thing after the other, below everybody's priority."""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from edge.errors import EdgeError
from edge.evidence.case import Case
from edge.evidence.clip import Clip

log = logging.getLogger("edge.evidence")

PERIOD_S = 0.2
"""How often open clips are taken further; the ring holds fifty times as much."""

NICE = 5


class Writer:
    """Does what it is handed, and in between takes its open clips further.

    Args:
        name: Of the thread.
        most_open: Clips it may have open.
        failed: Takes a case whose clip could not be made, and why.
    """

    def __init__(
        self, name: str, most_open: int, failed: Callable[[Case, BaseException], None]
    ) -> None:
        self._most_open = most_open
        self._failed = failed
        self._clips: list[Clip] = []
        self._jobs: queue.SimpleQueue[tuple[Callable[[], None], str]] = queue.SimpleQueue()
        self._n_waiting: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def n_open(self) -> int:
        """Clips in the making."""
        return len(self._clips)

    @property
    def is_full(self) -> bool:
        """No more clips may be opened."""
        return self.n_open >= self._most_open

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def request_stop(self) -> None:
        """Do what waits, finish what is open, and end."""
        self._stopping.set()
        self.order(lambda: None)

    def join(self) -> None:
        """Wait until it has ended, or for ten seconds."""
        if self._thread.is_alive():
            self._thread.join(10.0)

    def submit(self, job: Callable[[], None], kind: str, most: int) -> bool:
        """Have something made; False where so much of its kind waits already."""
        with self._lock:
            if self._n_waiting[kind] >= most or self._stopping.is_set():
                return False
            self._n_waiting[kind] += 1
        self._jobs.put((job, kind))
        return True

    def order(self, job: Callable[[], None]) -> None:
        """Have something small done, whatever waits."""
        with self._lock:
            self._n_waiting[""] += 1
        self._jobs.put((job, ""))

    def open(self, clip: Clip) -> None:
        """Take on a clip; from a job."""
        self._clips.append(clip)

    def end(self, incident: str, pts: float) -> None:
        """Let clips of an incident go on for the seconds after it; from a job."""
        for clip in self._clips:
            if clip.case.incident == incident:
                clip.end(pts)

    def finish(self, camera: str) -> None:
        """Finish a camera's clips; from a job."""
        for clip in [clip for clip in self._clips if clip.case.camera == camera]:
            self._clips.remove(clip)
            self._guarded(clip, clip.finish)

    def _run(self) -> None:
        with suppress(OSError, AttributeError):  # evidence may wait, detection may not
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        while not self._stopping.is_set():
            self._work(PERIOD_S)
            for clip in list(self._clips):
                if self._guarded(clip, lambda clip=clip: clip.advance(time.monotonic())):  # type: ignore[misc]
                    self._clips.remove(clip)
        self._work(0.0)
        for clip in self._clips:
            self._guarded(clip, clip.finish)

    def _work(self, timeout_s: float) -> None:
        """Do what waits, waiting for it if need be, and no longer than a period at a time."""
        began = time.monotonic()
        while self._stopping.is_set() or time.monotonic() - began < PERIOD_S:
            try:
                job, kind = (
                    self._jobs.get(timeout=timeout_s) if timeout_s else self._jobs.get_nowait()
                )
            except queue.Empty:
                return
            with self._lock:
                self._n_waiting[kind] -= 1
            try:
                job()
            except Exception:
                # A fault of ours in one case must not leave the next ones without evidence.
                log.exception("fault while making evidence, please report it")

    def _guarded(self, clip: Clip, step: Callable[[], bool | None]) -> bool:
        """Take a clip a step further; True where that was its last."""
        try:
            return bool(step())
        except (OSError, EdgeError) as exc:
            self._failed(clip.case, exc)
        except Exception as exc:
            log.exception("fault while writing a clip, please report it")
            self._failed(clip.case, exc)
        return True
