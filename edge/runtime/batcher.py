"""Batcher: the one thread that runs an engine, shared by all cameras that use it.

It never waits for a batch to fill: while the engine is busy requests queue up, and the next run
takes as many as the engine takes to advantage and half the deadline has room for. A lone camera
therefore pays nothing for batching, and a slow engine that of eight pictures would answer none in
time still answers some.

An engine that failed is closed and loaded again; one that hangs is left to its thread, and loaded
again in another. Until then every caller is told why at once, and nobody waits.

A faster engine may take over while cameras run: it is loaded beside the one in service, which
answers until then, and goes in between two runs. Both are in memory for that moment.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field

import numpy as np

from edge.backoff import back_off_s
from edge.detectors import Backend, Load, Tensor, Tensors, takes_frames
from edge.errors import DetectorStalled

log = logging.getLogger("edge.batcher")

MOST_HUNG = 3
"""Each engine that hangs keeps its memory and perhaps a core for ever. When there are this many
no further one is loaded; the cameras stay stalled and the supervisor restarts the process."""


@dataclass(frozen=True)
class _Request:
    inputs: Tensors
    answer: Future[dict[str, Tensor]] = field(default_factory=Future)


class Batcher:
    """A `Backend` that many threads may call at once.

    Args:
        load: Opens the engine, now and whenever it has to be replaced; only this object's threads
            call what it opens.
        name: For threads and messages, such as the detector's name.
        deadline_s: Longest a caller waits, and longest a run may take. What comes later is thrown
            away.
        back_off: Seconds to wait before loading again, by failures in a row.

    Attributes:
        max_batch: How many pictures one run takes.
        takes_frames: Whether it makes the tensors itself; see `FrameBackend`.
        n_failures: Runs that failed or hung, and engines that could not be loaded again.
        n_rebuilds: Engines that were loaded again.

    Raises:
        ModelError, MissingDependency: The first engine cannot be loaded.
    """

    def __init__(
        self,
        load: Load,
        *,
        name: str,
        deadline_s: float = 5.0,
        back_off: Callable[[int], float] = back_off_s,
    ) -> None:
        self._load = load
        self._name = name
        self._deadline_s = deadline_s
        self._back_off = back_off
        backend = load()
        self.max_batch, self.takes_frames = backend.max_batch, takes_frames(backend)
        self.n_failures = self.n_rebuilds = 0
        # All below is changed under this lock, and its waiters are told.
        self._changed = threading.Condition()
        self._waiting: deque[_Request] = deque()
        self._is_closed = False
        self._next: Backend | None = None  # loaded, and about to take over
        self._trouble = ""  # why there is no engine now
        self._n_in_a_row = 0
        self._n_in_time = 1  # pictures that half the deadline has room for, as far as is known
        self._running_since: float | None = None
        self._hung: list[threading.Thread] = []
        self._thread = self._engine_thread(backend)
        self._thread.start()

    @property
    def is_closed(self) -> bool:
        """`close` was called."""
        return self._is_closed

    @property
    def is_able(self) -> bool:
        """There is an engine, and no run of it is overdue; also while nobody asks anything."""
        with self._changed:
            if not self._is_closed:
                self._give_up_if_hung()
            return not self._trouble

    def run(self, inputs: Tensors) -> dict[str, Tensor]:
        """Run one picture's tensors; see `Backend.run`.

        Raises:
            DetectorStalled: No answer by the deadline, the run failed, or there is no engine now.
        """
        request = _Request(inputs)
        with self._changed:
            if self._is_closed:
                raise self._stalled("the engine is closed")
            self._give_up_if_hung()
            if self._trouble:
                raise self._stalled(self._trouble)
            self._waiting.append(request)
            self._changed.notify_all()
        try:
            return request.answer.result(self._deadline_s)
        except DetectorStalled:  # is a TimeoutError, as FutureTimeout is from Python 3.11 on
            raise
        except FutureTimeout:
            request.answer.cancel()
            raise self._stalled(
                f"no answer within {self._deadline_s:g} s; "
                "the engine hangs or has more cameras than it can carry"
            ) from None

    def replace(self, load: Load) -> None:
        """Go over to another engine of the same network; no caller notices but by its speed.

        Loads it in the caller's thread, which may take seconds.

        Args:
            load: Opens it, now and whenever it has to be replaced.

        Raises:
            ModelError, MissingDependency: It cannot be loaded; the one in service stays.
        """
        unused: Backend | None = load()
        with self._changed:
            if not self._is_closed:
                self._load = load
                unused, self._next = self._next, unused
                self._changed.notify_all()
        if unused is not None:
            _close(unused)

    def close(self) -> None:
        """Stop after the current run; safe to call twice."""
        with self._changed:
            self._is_closed = True
            self._dismiss("the engine is closed")
            unused, self._next = self._next, None
            self._changed.notify_all()
        # A run that hangs keeps its engine: closing it underneath would crash the process.
        self._thread.join(timeout=self._deadline_s)
        if unused is not None:
            _close(unused)

    def _engine_thread(self, backend: Backend | None) -> threading.Thread:
        return threading.Thread(
            target=self._serve, args=(backend,), name=f"engine-{self._name}", daemon=True
        )

    def _serve(self, backend: Backend | None) -> None:
        """The engine's thread: run what is asked, and load again what failed."""
        while True:
            backend = self._taken_over(backend) or self._loaded_again()
            if backend is None:
                return
            group = self._gather()
            if not group:
                with self._changed:
                    if self._is_mine():
                        continue
                _close(backend)
                return
            began = time.monotonic()
            try:
                answers = self._run(backend, group)
            except BaseException as exc:  # noqa: BLE001 - whatever it is, the callers must learn it
                self._fail(group, exc)
                _close(backend)
                backend = None
            else:
                self._succeed(group, answers, time.monotonic() - began)

    def _gather(self) -> list[_Request]:
        """The next requests whose callers still wait, all of one form.

        None when this thread is to end or to take another engine.
        """
        group: list[_Request] = []
        with self._changed:
            while not group and self._is_mine() and self._next is None:
                self._changed.wait_for(
                    lambda: self._waiting or self._next is not None or not self._is_mine()
                )
                n_most = min(self.max_batch, self._n_in_time)
                while self._is_mine() and self._waiting and len(group) < n_most:
                    if group and not _stackable(group[0], self._waiting[0]):
                        break
                    request = self._waiting.popleft()
                    if request.answer.set_running_or_notify_cancel():
                        group.append(request)
            if group:
                self._running_since = time.monotonic()
        return group

    def _run(self, backend: Backend, group: list[_Request]) -> list[dict[str, Tensor]]:
        """One run; the answers by request."""
        first = group[0].inputs
        if len(group) > 1:
            first = {name: np.concatenate([r.inputs[name] for r in group]) for name in first}
        outputs = backend.run(first)
        for name, value in outputs.items():
            if len(value) != len(group):
                raise DetectorStalled(
                    f"expected {len(group)} rows of output {name}, got {len(value)}"
                )
        if len(group) == 1:
            return [outputs]
        return [
            {name: value[row : row + 1] for name, value in outputs.items()}
            for row in range(len(group))
        ]

    def _succeed(
        self, group: list[_Request], answers: list[dict[str, Tensor]], took_s: float
    ) -> None:
        with self._changed:
            if self._is_mine(even_closed=True):
                self._running_since = None
                self._trouble = ""  # also of a run that was thought to hang for ever
                self._n_in_a_row = 0
                room = self._deadline_s / 2 * len(group) / max(took_s, 1e-6)
                self._n_in_time = max(1, int(room))
        for request, outputs in zip(group, answers, strict=True):
            request.answer.set_result(outputs)

    def _fail(self, group: list[_Request], exc: BaseException) -> None:
        why = str(exc) if isinstance(exc, DetectorStalled) else f"{type(exc).__name__}: {exc}"
        with self._changed:
            if self._is_mine(even_closed=True):
                self._running_since = None
                self._lose(f"the engine failed: {why}")
        for request in group:
            request.answer.set_exception(self._stalled(f"the engine failed: {why}"))

    def _give_up_if_hung(self) -> None:
        """Leave a run that is past the deadline to its thread, and begin another; under lock."""
        since = self._running_since
        if since is None or time.monotonic() - since <= self._deadline_s:
            return
        self._running_since = None
        self._hung = [thread for thread in (*self._hung, self._thread) if thread.is_alive()]
        trouble = f"the engine hangs: no end of a run within {self._deadline_s:g} s"
        if len(self._hung) < MOST_HUNG:
            self._lose(trouble)
            self._thread = self._engine_thread(None)
            self._thread.start()
        else:
            self._lose(f"{trouble}; {len(self._hung)} engines hang, only a restart helps")

    def _lose(self, trouble: str) -> None:
        """Note that there is no engine, and why; under lock."""
        self._trouble = trouble
        self.n_failures += 1
        self._n_in_a_row += 1
        self._dismiss(trouble)
        log.error("detector %s: %s", self._name, trouble)

    def _dismiss(self, why: str) -> None:
        """Tell all who wait in the queue that there will be no answer; under lock."""
        while self._waiting:
            request = self._waiting.popleft()
            if request.answer.set_running_or_notify_cancel():
                request.answer.set_exception(self._stalled(why))

    def _taken_over(self, backend: Backend | None) -> Backend | None:
        """The engine that is to serve from now on: the same, or the one that was loaded beside."""
        with self._changed:
            if self._next is None or not self._is_mine():
                return backend
            old, backend, self._next = backend, self._next, None
            self._serve_with(backend)
            self._n_in_time = 1  # nothing is known of its speed
        log.info("detector %s: another engine took over", self._name)
        if old is not None:
            _close(old)
        return backend

    def _serve_with(self, backend: Backend) -> None:
        """Note what answers from now on; under lock."""
        self._trouble = ""
        self.max_batch, self.takes_frames = backend.max_batch, takes_frames(backend)

    def _loaded_again(self) -> Backend | None:
        """A new engine, after as many attempts as it takes; None when this thread is to end."""
        while True:
            with self._changed:
                wait_s = self._back_off(self._n_in_a_row)
                self._changed.wait_for(
                    lambda: self._next is not None or not self._is_mine(), wait_s
                )
                if not self._is_mine():
                    return None
            if (successor := self._taken_over(None)) is not None:
                return successor
            try:
                backend = self._load()
            except BaseException as exc:  # noqa: BLE001 - tried again, and said
                with self._changed:
                    if self._is_mine():
                        self._lose(f"the engine cannot be loaded again: {exc}")
                continue
            with self._changed:
                if self._is_mine():
                    self._serve_with(backend)
                    self.n_rebuilds += 1
                    log.warning(
                        "detector %s: loaded again, %d times so far", self._name, self.n_rebuilds
                    )
                    return backend
            _close(backend)

    def _is_mine(self, *, even_closed: bool = False) -> bool:
        """Whether the thread that asks is the engine's, and is to go on; under lock."""
        return threading.current_thread() is self._thread and (even_closed or not self._is_closed)

    def _stalled(self, why: str) -> DetectorStalled:
        return DetectorStalled(f"detector {self._name}: {why}")


def _stackable(one: _Request, other: _Request) -> bool:
    """Whether two may share a run: tensors with tensors, frames with frames."""
    return all(value.dtype == other.inputs[name].dtype for name, value in one.inputs.items())


def _close(backend: Backend) -> None:
    """Close an engine that may be broken."""
    try:
        backend.close()
    except Exception:
        log.exception("an engine could not be closed; its memory is lost until a restart")
