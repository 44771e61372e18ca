"""One thread runs the engine; nobody waits for ever, and nobody gets another's answer."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from edge.detectors import Tensor, Tensors
from edge.errors import DetectorStalled
from edge.runtime.batcher import Batcher


class Doubling:
    """A backend that doubles, slowly enough for requests to gather."""

    def __init__(self, max_batch: int, wait_s: float = 0.0) -> None:
        self.max_batch = max_batch
        self.wait_s = wait_s
        self.sizes: list[int] = []
        self.is_closed = False

    def run(self, inputs: Tensors) -> dict[str, Tensor]:
        self.sizes.append(len(inputs["x"]))
        time.sleep(self.wait_s)
        if np.any(inputs["x"] < 0):
            raise ValueError("negative")
        return {"y": inputs["x"] * 2}

    def close(self) -> None:
        self.is_closed = True


def ask(batcher: Batcher, value: float) -> float:
    return float(batcher.run({"x": np.array([[value]])})["y"][0, 0])


def test_each_caller_gets_its_own_answer_and_busy_engines_batch() -> None:
    """While a run is on, requests gather and share the next."""
    backend = Doubling(max_batch=4, wait_s=0.02)
    batcher = Batcher(backend, name="t")
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(lambda v: ask(batcher, v), range(16))) == [2 * v for v in range(16)]
    assert max(backend.sizes) > 1
    assert max(backend.sizes) <= 4
    batcher.close()
    assert backend.is_closed


def test_a_fixed_batch_is_respected() -> None:
    """A network that takes one picture gets one."""
    backend = Doubling(max_batch=1, wait_s=0.005)
    batcher = Batcher(backend, name="t")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda v: ask(batcher, v), range(8)))
    assert backend.sizes == [1] * 8
    batcher.close()


def test_no_answer_in_time_is_a_stall_and_not_an_empty_scene() -> None:
    """The caller learns it, and the late answer goes to nobody."""
    batcher = Batcher(Doubling(max_batch=1, wait_s=0.4), name="street", deadline_s=0.1)
    with pytest.raises(DetectorStalled, match=r"detector street: no answer within 0\.1 s"):
        ask(batcher, 1)
    time.sleep(0.5)
    batcher.close()


def test_an_error_of_the_engine_reaches_the_callers_and_the_thread_lives_on() -> None:
    """One bad run does not end the engine for the others."""
    batcher = Batcher(Doubling(max_batch=1), name="t")
    with pytest.raises(ValueError, match="negative"):
        ask(batcher, -1)
    assert ask(batcher, 3) == 6
    batcher.close()
    with pytest.raises(DetectorStalled, match="closed"):
        ask(batcher, 1)


def test_closing_twice_is_fine() -> None:
    """And leaves no thread behind."""
    before = threading.active_count()
    batcher = Batcher(Doubling(max_batch=1), name="t")
    batcher.close()
    batcher.close()
    assert threading.active_count() == before
