"""Batcher: the one thread that runs an engine, shared by all cameras that use it.

It never waits for a batch to fill: while the engine is busy requests queue up, and the next run
takes as many as the network allows. A lone camera therefore pays nothing for batching.
"""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field

import numpy as np

from edge.detectors import Backend, Tensor, Tensors
from edge.errors import DetectorStalled


@dataclass(frozen=True)
class _Request:
    inputs: Tensors
    answer: Future[dict[str, Tensor]] = field(default_factory=Future)


class Batcher:
    """A `Backend` that many threads may call at once.

    Args:
        backend: The engine; only this object's thread calls it from now on.
        name: For the thread and for messages, such as the detector's name.
        deadline_s: Longest a caller waits. An answer that comes later is thrown away.
    """

    def __init__(self, backend: Backend, *, name: str, deadline_s: float = 5.0) -> None:
        self._backend = backend
        self._name = name
        self._deadline_s = deadline_s
        self._requests: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        self._is_closed = False
        self._thread = threading.Thread(target=self._serve, name=f"engine-{name}", daemon=True)
        self._thread.start()

    @property
    def max_batch(self) -> int:
        """How many pictures one run takes."""
        return self._backend.max_batch

    def run(self, inputs: Tensors) -> dict[str, Tensor]:
        """Run one picture's tensors; see `Backend.run`."""
        if self._is_closed:
            raise DetectorStalled(f"detector {self._name}: the engine is closed")
        request = _Request(inputs)
        self._requests.put(request)
        try:
            return request.answer.result(self._deadline_s)
        except FutureTimeout:
            request.answer.cancel()
            raise DetectorStalled(
                f"detector {self._name}: no answer within {self._deadline_s:g} s; "
                "the engine hangs or has more cameras than it can carry"
            ) from None

    def close(self) -> None:
        """Stop after the current run; safe to call twice."""
        if not self._is_closed:
            self._is_closed = True
            self._requests.put(None)
            self._thread.join(timeout=self._deadline_s)
            # A run that hangs keeps its engine: closing it underneath would crash the process.
            if not self._thread.is_alive():
                self._backend.close()

    def _serve(self) -> None:
        while True:
            group = self._gather()
            if group is None:
                return
            if not group:
                continue
            try:
                for request, outputs in zip(group, self._run(group), strict=True):
                    request.answer.set_result(outputs)
            except BaseException as exc:  # noqa: BLE001 - whatever it is, the callers must learn it
                for request in group:
                    if not request.answer.done():
                        request.answer.set_exception(exc)

    def _gather(self) -> list[_Request] | None:
        """The next requests whose callers still wait; None when closed."""
        request = self._requests.get()
        if request is None:
            return None
        group = [request] if request.answer.set_running_or_notify_cancel() else []
        while len(group) < self._backend.max_batch:
            try:
                request = self._requests.get_nowait()
            except queue.Empty:
                break
            if request is None:
                self._requests.put(None)
                break
            if request.answer.set_running_or_notify_cancel():
                group.append(request)
        return group

    def _run(self, group: list[_Request]) -> list[dict[str, Tensor]]:
        if len(group) == 1:
            return [self._backend.run(group[0].inputs)]
        names = group[0].inputs.keys()
        outputs = self._backend.run(
            {name: np.concatenate([r.inputs[name] for r in group]) for name in names}
        )
        return [
            {name: value[row : row + 1] for name, value in outputs.items()}
            for row in range(len(group))
        ]
