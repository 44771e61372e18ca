"""Builder: has engines built while the cameras run.

Each is built by `edge model build` in a process of its own, one at a time, with the lowest
priority: when the compiler of a vendor crashes or takes all memory, it is that process which goes,
and not the watching. What cannot be built is said once, noted beside the engines, and not tried
again unasked.
"""

from __future__ import annotations

import ctypes
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edge.detectors import Build, Builds, EngineKey, Models, NetworkOptions
from edge.errors import EdgeError

log = logging.getLogger("edge.builder")

LONGEST_S = 3600.0
"""A build that takes longer hangs: minutes are usual on a Jetson, a quarter of an hour is much."""

LOOK_S = 1.0
"""Time between two looks at how a build is getting on."""

SAY_EVERY = 10
"""Per cent between two lines in the log."""

PR_SET_PDEATHSIG = 1
"""Of <linux/prctl.h>: the signal a process gets when the thread that made it is no more."""

BUSY_S = 30.0
"""Wait while a technician builds on the same box."""


@dataclass(frozen=True)
class _Order:
    options: NetworkOptions
    use: Callable[[], None]


class Builder:
    """Builds engines in the background.

    Args:
        storage: The configuration's `storage.path`.
        models: Where models are found, and the engines of that storage.
        command: Begins the process; `model build` and its arguments follow.
        longest_s: A build that takes longer is ended.
    """

    def __init__(
        self,
        storage: Path,
        models: Models,
        *,
        command: Sequence[str] = (sys.executable, "-m", "edge"),
        longest_s: float = LONGEST_S,
    ) -> None:
        self._storage = storage
        self._models = models
        self._builds = Builds(models.engines)
        self._command = tuple(command)
        self._longest_s = longest_s
        self._orders: queue.SimpleQueue[_Order | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def build(self, options: NetworkOptions, use: Callable[[], None]) -> None:
        """Have an engine built, after those that were asked for before.

        Args:
            options: Whose.
            use: Called in the builder's thread when it is there; what it raises is said, and the
                engine is not built again unasked.
        """
        self._orders.put(_Order(options, use))
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="builder", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End the build that is on; it begins anew at the next start. Safe to call twice."""
        self._stopping.set()
        self._orders.put(None)
        if self._thread is not None:
            self._thread.join(timeout=10.0)

    def _work(self) -> None:
        while (order := self._orders.get()) is not None and not self._stopping.is_set():
            try:
                self._fill(order)
            except EdgeError as exc:
                log.error("engine of %s: %s", order.options.model, exc)
            except Exception:
                log.exception("engine of %s: internal error", order.options.model)

    def _fill(self, order: _Order) -> None:
        options = order.options
        key = options.engine_key(self._models)
        log.info("engine of %s: is built for %s; watching meanwhile", key.model, key)
        why = self._built(options, key)
        if self._stopping.is_set():
            return
        if not why:
            try:
                order.use()
            except EdgeError as exc:
                why = f"it was built and cannot be used: {exc}"
                self._builds.fail(key, why)
        if why:
            log.error(
                "engine of %s for %s: %s; it is not tried again until `%s`",
                key.model,
                key,
                why,
                key.build_command,
            )
        else:
            log.info("engine of %s: %s is in service", key.model, key)

    def _built(self, options: NetworkOptions, key: EngineKey) -> str:
        """Run one build to its end; why it failed, empty if it did not."""
        while not self._stopping.is_set():
            ended, is_late = self._run(options, key)
            if ended == 0 or self._stopping.is_set():
                return ""
            build = self._builds.of(key)
            if build is not None and build.state == "failed":
                return build.reason
            if ended > 0 and (build is None or build.state == "running"):
                self._stopping.wait(BUSY_S)  # somebody else builds on this box
                continue
            why = _how_it_ended(ended)
            if is_late:
                why = f"its building took longer than {self._longest_s:.0f} s and was ended"
            self._builds.fail(key, why)
            return why
        return ""

    def _run(self, options: NetworkOptions, key: EngineKey) -> tuple[int, bool]:
        """The exit code of one building process, negative if a signal ended it; was it too late."""
        arguments = ["--kind", options.kind, "--precision", key.precision]
        arguments += ["--storage", str(self._storage), "--background"]
        process = subprocess.Popen(  # noqa: S603 - our own program
            [*self._command, "model", "build", options.model, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        began, said = time.monotonic(), -SAY_EVERY
        while True:
            try:
                return process.wait(LOOK_S), False
            except subprocess.TimeoutExpired:
                pass
            build = self._builds.of(key)
            if build is not None and (percent := _percent(build)) >= said + SAY_EVERY:
                said = percent
                log.info("engine of %s: %s", key.model, build)
            if self._stopping.is_set() or time.monotonic() - began > self._longest_s:
                process.kill()
                ended = process.wait()
                if self._stopping.is_set():
                    self._builds.forget(key)  # to be ended is no fault of the build
                return ended, not self._stopping.is_set()


def give_way() -> None:
    """Let everything else on the box come first, in processor time and in memory.

    The process that calls it ends with its parent.
    """
    os.nice(19)
    with suppress(OSError):  # not on every kernel
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _percent(build: Build) -> int:
    return 100 * build.n_done // build.n_all if build.n_all else -2 * SAY_EVERY


def _how_it_ended(ended: int) -> str:
    if ended == -signal.SIGKILL:
        return "its building was killed, most likely because the box ran out of memory"
    if ended < 0:
        return f"its building crashed (signal {-ended})"
    return f"its building ended with exit code {ended}, and said why in the log above"
