"""What happens to an engine, as the cameras that share it tell it to a control room.

`detector_stalled` begins for each of them, names the reason, and ends once the engine was loaded
again; no camera waits longer than the deadline, whoever's picture was the slow one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import numpy as np
import pytest

from edge.detectors import Tensor, Tensors
from edge.errors import DetectorStalled
from edge.frame import Frame
from edge.runtime.batcher import Batcher
from edge.sources.file import Options as FileOptions
from tests.clips import encode
from tests.servers import eventually
from tests.unit.runtime.test_camera import Heard, Scripted, watching

DEADLINE_S = 0.4
MARGIN_S = 0.4
"""For a machine that is busy with other tests."""

N_WELL = 12
"""Runs before the fault."""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> FileOptions:
    path = encode(tmp_path_factory.mktemp("clips") / "clip.mp4", n_frames=50, fps=25, gop=5)
    return FileOptions(kind="file", path=path, loop=True)


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """Ends what hangs when the test is over."""
    event = threading.Event()
    yield event
    event.set()


class Engine:
    """Answers until its fault, and then as the fault says."""

    max_batch = 4

    def __init__(self, fault: Callable[[], None] = lambda: None, n_well: int = 1 << 30) -> None:
        self._fault, self._n_well = fault, n_well

    def run(self, inputs: Tensors) -> dict[str, Tensor]:
        self._n_well -= 1
        if self._n_well < 0:
            self._fault()
        return {"y": np.zeros_like(inputs["x"])}

    def close(self) -> None:
        """Nothing is held."""


def asking(batcher: Batcher, waits: list[float]) -> Scripted:
    """A camera's detector that asks a shared engine, and notes how long it waited."""

    def look(_: Frame) -> None:
        began = time.monotonic()
        try:
            batcher.run({"x": np.zeros((1, 1))})
        finally:
            waits.append(time.monotonic() - began)

    return Scripted(look)


def _out_of_memory() -> None:
    raise MemoryError("CUDA out of memory")


def _failure() -> None:
    raise DetectorStalled("model m failed while running: an illegal memory access")


def _exit() -> None:
    raise SystemExit(1)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        pytest.param(_out_of_memory, "the engine failed: MemoryError: CUDA out of", id="memory"),
        pytest.param(_failure, "the engine failed: model m failed while running", id="failure"),
        pytest.param(_exit, "the engine failed: SystemExit: 1", id="crash"),
        pytest.param(None, "no answer within 0.4 s", id="hang"),
    ],
)
def test_every_camera_says_that_it_stalls_why_and_that_it_is_over(
    clip: FileOptions, released: threading.Event, fault: Callable[[], None] | None, reason: str
) -> None:
    """Two cameras, one engine; the second engine is well."""

    def hang() -> None:
        released.wait(20)

    engines = [Engine(fault or hang, N_WELL)]

    def load() -> Engine:
        time.sleep(0.3)  # every camera asks meanwhile
        return engines.pop(0) if engines else Engine()

    batcher = Batcher(load, name="street", deadline_s=DEADLINE_S, back_off=lambda _: 0.05)

    waits: dict[str, list[float]] = {"a": [], "b": []}
    heard = {name: Heard() for name in waits}
    with ExitStack() as stack:
        cameras = [
            stack.enter_context(watching(clip, asking(batcher, waits[name]), heard[name]))
            for name in waits
        ]
        ended = ["begin", "end"]
        assert eventually(
            lambda: all(one.phases("detector_stalled") == ended for one in heard.values()), 15
        )
        assert eventually(lambda: all(c.status.state == "watching" for c in cameras))
        assert all(camera.counters.n_stalled > 0 for camera in cameras)
    assert batcher.n_rebuilds == 1
    assert max(map(max, waits.values())) < DEADLINE_S + MARGIN_S
    for one in heard.values():
        assert {event.kind for event in one.events} == {"detector_stalled"}
        why = one.events[0].reason
        assert reason in why or "the engine hangs" in why
        assert any(status.state == "degraded" for status in one.statuses)
    batcher.close()


def test_one_slow_batch_costs_no_camera_more_than_its_deadline(clip: FileOptions) -> None:
    """It is late for those in it and behind it; they say so, and go on with the next picture."""

    class Slow(Engine):
        def run(self, inputs: Tensors) -> dict[str, Tensor]:
            self._n_well -= 1
            if self._n_well == 0:
                time.sleep(2.5 * DEADLINE_S)
            return {"y": np.zeros_like(inputs["x"])}

    batcher = Batcher(lambda: Slow(n_well=N_WELL), name="street", deadline_s=DEADLINE_S)
    waits: dict[str, list[float]] = {"a": [], "b": [], "c": []}

    with ExitStack() as stack:
        cameras = [
            stack.enter_context(watching(clip, asking(batcher, each), Heard()))
            for each in waits.values()
        ]
        assert eventually(lambda: sum(camera.counters.n_stalled for camera in cameras) > 0, 15)
        n_before = [camera.counters.n_looked for camera in cameras]
        assert eventually(
            lambda: all(
                camera.counters.n_looked > n + 5
                for camera, n in zip(cameras, n_before, strict=True)
            ),
            20,
        )
    assert max(map(max, waits.values())) < DEADLINE_S + MARGIN_S
    batcher.close()
