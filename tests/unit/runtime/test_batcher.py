"""One thread runs the engine; nobody waits for ever, and nobody gets another's answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from edge.detectors import Backend, Load, Models, Tensor, Tensors
from edge.detectors.onnx import Options as OnnxOptions
from edge.detectors.openvino import Options as OpenvinoOptions
from edge.errors import DetectorStalled, ModelError
from edge.gates.always import Always
from edge.masks import Masks
from edge.pipeline import Pipeline, Step
from edge.rules import Scene
from edge.rules.zone_entry import Options as ZoneEntryOptions
from edge.runtime.batcher import MOST_HUNG, Batcher
from edge.trackers.bytetrack import Options as TrackerOptions
from tests.servers import eventually
from tests.unit.detectors.blob_model import luma, write_blob_model
from tests.unit.detectors.tiny_model import constant_network, frame, grid, write_model

Fault = Callable[[Tensors], dict[str, Tensor]]


class Doubling:
    """A backend that doubles, slowly enough for requests to gather."""

    def __init__(self, max_batch: int = 1, wait_s: float = 0.0) -> None:
        self.max_batch = max_batch
        self.wait_s = wait_s
        self.sizes: list[int] = []
        self.faults: list[Fault] = []
        self.n_closed = 0

    def run(self, inputs: Tensors) -> dict[str, Tensor]:
        self.sizes.append(len(inputs["x"]))
        if self.faults:
            return self.faults.pop(0)(inputs)
        time.sleep(self.wait_s * len(inputs["x"]))
        return {"y": inputs["x"] * 2}

    def close(self) -> None:
        self.n_closed += 1


class Engines:
    """Loads a fresh backend each time; the first ones may be told to fail."""

    def __init__(self, *backends: Doubling) -> None:
        self.opened: list[Doubling] = []
        self._next = list(backends)
        self.troubles: list[Exception] = []

    def __call__(self) -> Backend:
        if self.opened and self.troubles:
            raise self.troubles.pop(0)
        self.opened.append(self._next.pop(0) if self._next else Doubling())
        return self.opened[-1]


def ask(batcher: Batcher, value: float) -> float:
    return float(batcher.run({"x": np.array([[value]])})["y"][0, 0])


def ask_until_answered(batcher: Batcher, value: float) -> float:
    """Ask as a camera does, frame after frame."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        with suppress(DetectorStalled):
            return ask(batcher, value)
        time.sleep(0.005)
    raise AssertionError("the engine did not come back")


def broken(*faults: Fault) -> Doubling:
    backend = Doubling()
    backend.faults = list(faults)
    return backend


def batching(load: Load, deadline_s: float = 5.0) -> Batcher:
    return Batcher(load, name="street", deadline_s=deadline_s, back_off=lambda n: 0.01 * n)


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Ends every run that hangs when the test is over."""
    event = threading.Event()
    yield event
    event.set()


def test_each_caller_gets_its_own_answer_and_busy_engines_batch() -> None:
    """While a run is on, requests gather and share the next."""
    backend = Doubling(max_batch=4, wait_s=0.01)
    batcher = Batcher(lambda: backend, name="t")
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(lambda v: ask(batcher, v), range(16))) == [2 * v for v in range(16)]
    assert max(backend.sizes) > 1
    assert max(backend.sizes) <= 4
    batcher.close()
    assert backend.n_closed == 1


def test_a_fixed_batch_is_respected() -> None:
    """A network that takes one picture gets one."""
    backend = Doubling(max_batch=1, wait_s=0.005)
    batcher = Batcher(lambda: backend, name="t")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda v: ask(batcher, v), range(8)))
    assert backend.sizes == [1] * 8
    batcher.close()


def test_a_batch_is_kept_to_half_the_deadline() -> None:
    """Eight pictures of 0.1 s each would answer nobody within 0.5 s; two at a time answer some."""
    backend = Doubling(max_batch=8, wait_s=0.1)
    batcher = batching(lambda: backend, deadline_s=0.5)
    assert ask(batcher, 1) == 2
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda v: stalled(batcher, v), range(8)))
    assert max(backend.sizes) == 2
    assert told.count("") >= 2
    batcher.close()


def stalled(batcher: Batcher, value: float) -> str:
    """What a caller is told; empty if it was answered."""
    try:
        assert ask(batcher, value) == 2 * value
    except DetectorStalled as exc:
        return str(exc)
    return ""


def test_no_answer_in_time_is_a_stall_and_not_an_empty_scene() -> None:
    """The caller learns it, and the late answer goes to nobody."""
    batcher = batching(lambda: Doubling(wait_s=0.4), deadline_s=0.1)
    with pytest.raises(DetectorStalled, match=r"detector street: no answer within 0\.1 s"):
        ask(batcher, 1)
    time.sleep(0.5)
    batcher.close()


def raises(exc: BaseException) -> Fault:
    def fault(inputs: Tensors) -> dict[str, Tensor]:
        raise exc

    return fault


def answers(value: Tensor) -> Fault:
    def fault(inputs: Tensors) -> dict[str, Tensor]:
        return {"y": value}

    return fault


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        pytest.param(raises(MemoryError("no room")), "MemoryError: no room", id="memory"),
        pytest.param(raises(ValueError("negative")), "ValueError: negative", id="ours"),
        pytest.param(raises(SystemExit(3)), "SystemExit: 3", id="exit"),
        pytest.param(
            raises(DetectorStalled("model m failed while running: CUDA error 700")),
            "model m failed while running: CUDA error 700",
            id="vendor",
        ),
        pytest.param(
            answers(np.zeros((3, 1))),
            "expected 1 rows of output y, got 3",
            id="garbage shape",
        ),
        pytest.param(
            answers(np.zeros((0, 1))),
            "expected 1 rows of output y, got 0",
            id="no rows",
        ),
    ],
)
def test_an_engine_that_fails_is_told_closed_and_loaded_again(fault: Fault, text: str) -> None:
    """Whatever it is, it is a stall with its reason, and the next engine answers."""
    engines = Engines(broken(fault))
    batcher = batching(engines)
    with pytest.raises(DetectorStalled) as caught:
        ask(batcher, 1)
    assert str(caught.value) == f"detector street: the engine failed: {text}"
    assert ask_until_answered(batcher, 3) == 6
    assert [backend.n_closed for backend in engines.opened] == [1, 0]
    assert (batcher.n_failures, batcher.n_rebuilds) == (1, 1)
    batcher.close()
    assert [backend.n_closed for backend in engines.opened] == [1, 1]


def test_while_there_is_no_engine_nobody_waits() -> None:
    """Who asks meanwhile is told at once, with the reason."""
    batcher = Batcher(
        Engines(broken(raises(MemoryError("no room")))),
        name="street",
        deadline_s=5,
        back_off=lambda _: 60.0,
    )
    with pytest.raises(DetectorStalled):
        ask(batcher, 1)
    began = time.monotonic()
    for _ in range(20):
        with pytest.raises(DetectorStalled, match="the engine failed: MemoryError: no room"):
            ask(batcher, 1)
    assert time.monotonic() - began < 1
    batcher.close()
    assert time.monotonic() - began < 2, "closing does not wait for the next attempt"


def test_those_who_queue_behind_a_failed_run_are_told_at_once() -> None:
    """They do not wait for a deadline that nobody will keep."""

    def slow_failure(inputs: Tensors) -> dict[str, Tensor]:
        time.sleep(0.2)
        raise MemoryError

    batcher = batching(Engines(broken(slow_failure)))
    began = time.monotonic()
    with ThreadPoolExecutor(6) as pool:
        told = list(pool.map(lambda v: stalled(batcher, v), range(6)))
    assert time.monotonic() - began < 2
    assert all("the engine failed: MemoryError" in text for text in told)
    batcher.close()


def test_loading_again_is_tried_until_it_works_and_waits_longer_each_time() -> None:
    """A device that is away for a while comes back; meanwhile callers learn why."""
    engines = Engines(broken(raises(RuntimeError("gone"))))
    engines.troubles = [ModelError("no GPU"), ModelError("no GPU"), MemoryError("full")]
    asked: list[int] = []

    def back_off(n: int) -> float:
        asked.append(n)
        return 0.05

    batcher = Batcher(engines, name="street", back_off=back_off)
    with pytest.raises(DetectorStalled):
        ask(batcher, 1)
    told = set()
    while text := stalled(batcher, 4):
        told.add(text)
        time.sleep(0.005)
    assert "detector street: the engine cannot be loaded again: no GPU" in told
    assert asked == [1, 2, 3, 4]
    assert (batcher.n_failures, batcher.n_rebuilds) == (4, 1)
    batcher.close()


def test_an_engine_that_fails_whenever_it_runs_is_loaded_ever_more_rarely() -> None:
    """Loading well is no success; only an answer is."""
    waits: list[int] = []
    engines = Engines(*(broken(raises(RuntimeError("always"))) for _ in range(4)))

    def back_off(n: int) -> float:
        waits.append(n)
        return 0.0

    batcher = Batcher(engines, name="street", back_off=back_off)
    assert ask_until_answered(batcher, 1) == 2
    assert waits == [1, 2, 3, 4]
    engines.opened[-1].faults = [raises(RuntimeError("again"))]
    assert stalled(batcher, 1)
    assert ask_until_answered(batcher, 1) == 2
    assert waits == [1, 2, 3, 4, 1], "an answer ends the row"
    batcher.close()


def test_an_engine_that_hangs_is_replaced_in_another_thread(gate: threading.Event) -> None:
    """Its late answer goes to nobody, and it is closed when at last it ends."""

    def hang(inputs: Tensors) -> dict[str, Tensor]:
        gate.wait(10)
        return {"y": inputs["x"] * 1000}

    engines = Engines(broken(hang))
    batcher = batching(engines, deadline_s=0.2)
    began = time.monotonic()
    with pytest.raises(DetectorStalled, match="no answer within"):
        ask(batcher, 1)
    assert time.monotonic() - began < 1
    assert ask_until_answered(batcher, 7) == 14
    assert [backend.n_closed for backend in engines.opened] == [0, 0], "closing would crash"
    with ThreadPoolExecutor(4) as pool:
        told = pool.map(lambda v: ask(batcher, v), range(40))
        gate.set()
        assert list(told) == [2 * v for v in range(40)]
    end = time.monotonic() + 5
    while not engines.opened[0].n_closed and time.monotonic() < end:
        time.sleep(0.01)
    assert [backend.n_closed for backend in engines.opened] == [1, 0]
    assert (batcher.n_failures, batcher.n_rebuilds) == (1, 1)
    batcher.close()


def test_engines_that_hang_do_not_pile_up(gate: threading.Event) -> None:
    """A few are left to themselves; then it takes a restart, and the reason says so."""

    def hang(inputs: Tensors) -> dict[str, Tensor]:
        gate.wait(10)
        return {"y": inputs["x"]}

    engines = Engines(*(broken(hang) for _ in range(MOST_HUNG + 2)))
    batcher = batching(engines, deadline_s=0.05)
    end = time.monotonic() + 5
    while "only a restart helps" not in stalled(batcher, 1) and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(0.2)
    assert f"{MOST_HUNG} engines hang, only a restart helps" in stalled(batcher, 1)
    assert len(engines.opened) == MOST_HUNG
    gate.set()
    assert ask_until_answered(batcher, 1), "what was thought lost came back"
    batcher.close()


def test_answers_stay_with_their_callers_through_all_of_it(gate: threading.Event) -> None:
    """Many cameras, engines that fail, hang and lie: an answer is right, or it is a stall."""

    def hang(inputs: Tensors) -> dict[str, Tensor]:
        gate.wait(10)
        return {"y": inputs["x"] * 1000}

    def backend(fault: Fault) -> Doubling:
        one = Doubling(max_batch=4, wait_s=0.002)
        well: Fault = lambda inputs: {"y": inputs["x"] * 2}  # noqa: E731
        one.faults = [well] * 5 + [fault]
        return one

    faults = [raises(MemoryError()), hang, answers(np.zeros((9, 1))), hang]
    batcher = batching(Engines(*map(backend, faults)), deadline_s=0.15)
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda v: stalled(batcher, v), range(400)))
    assert ask_until_answered(batcher, 5) == 10
    assert 0 < told.count("") < 400
    assert batcher.n_rebuilds >= 1
    batcher.close()


def test_a_network_that_answers_nan_is_a_stall_at_the_camera(tmp_path: Path) -> None:
    """The engine runs; what it says is no detection, and never an empty scene."""
    output = grid((5, [0.5, 0.5, 0, 0, np.nan, 0.1, 0.8]))
    write_model(
        tmp_path, constant_network({"images": ("float32", (1, 3, 32, 32))}, {"output": output})
    )
    engine = OnnxOptions(kind="onnx", model="tiny").engine(Models([tmp_path]), batching)
    with pytest.raises(DetectorStalled, match="objectness that are not numbers"):
        engine.detector().detect(frame(np.full((48, 64), 120, np.uint8)))
    engine.close()


def test_another_engine_takes_over_while_cameras_ask() -> None:
    """Nobody fails or waits for its loading, answers stay right, and the old one is closed."""
    old, new = Doubling(max_batch=2, wait_s=0.002), Doubling(max_batch=4)

    def slow_load() -> Backend:
        assert eventually(lambda: sum(old.sizes) > 20), "the old one serves meanwhile"
        return new

    batcher = batching(lambda: old)
    with ThreadPoolExecutor(6) as pool:
        going_over = pool.submit(batcher.replace, slow_load)
        told = list(pool.map(lambda v: stalled(batcher, v), range(400)))
        going_over.result()
        told += pool.map(lambda v: stalled(batcher, v), range(20))
    assert set(told) == {""}
    assert sum(new.sizes) >= 20
    assert (old.n_closed, new.n_closed, batcher.max_batch) == (1, 0, 4)
    assert (batcher.n_failures, batcher.n_rebuilds) == (0, 0)
    batcher.close()
    assert new.n_closed == 1


def test_an_engine_that_cannot_be_loaded_does_not_take_over() -> None:
    """What is in service stays, and is what is loaded again when it fails."""
    engines = Engines()
    batcher = batching(engines)

    def load() -> Backend:
        raise ModelError("no memory on the GPU")

    with pytest.raises(ModelError, match="no memory on the GPU"):
        batcher.replace(load)
    assert ask(batcher, 2) == 4
    engines.opened[0].faults = [raises(MemoryError("gone"))]
    assert stalled(batcher, 1)
    assert ask_until_answered(batcher, 3) == 6
    assert len(engines.opened) == 2
    batcher.close()


def test_an_engine_takes_over_from_one_that_is_broken_and_is_the_one_loaded_again() -> None:
    """It ends the stall at once, whatever the back-off; from then on it is this kind."""
    new, wait_s = Engines(), [60.0]
    batcher = Batcher(
        Engines(broken(raises(MemoryError("no room")))),
        name="street",
        back_off=lambda _: wait_s[0],
    )
    assert "no room" in stalled(batcher, 1)
    batcher.replace(new)
    assert ask_until_answered(batcher, 3) == 6
    batcher._back_off = lambda _: 0.0
    new.opened[0].faults = [raises(MemoryError("again"))]
    assert "again" in stalled(batcher, 1)
    assert ask_until_answered(batcher, 3) == 6
    assert len(new.opened) == 2
    batcher.close()
    assert [backend.n_closed for backend in new.opened] == [1, 1]


def test_what_was_to_take_over_a_hanging_engine_is_closed_with_the_batcher(
    gate: threading.Event,
) -> None:
    """And so is what comes after closing."""

    def hang(inputs: Tensors) -> dict[str, Tensor]:
        gate.wait(10)
        return {"y": inputs["x"]}

    late, later = Doubling(), Doubling()
    batcher = batching(Engines(broken(hang)), deadline_s=0.2)
    with pytest.raises(DetectorStalled):
        ask(batcher, 1)
    batcher.replace(lambda: late)
    batcher.close()
    batcher.replace(lambda: later)
    assert (late.n_closed, later.n_closed) == (1, 1)


def test_frames_and_tensors_never_share_a_run() -> None:
    """While an engine that takes frames takes over, both wait in the queue."""
    forms: list[set[str]] = []

    class Noting(Doubling):
        takes_frames = True

        def run(self, inputs: Tensors) -> dict[str, Tensor]:
            forms.append({inputs["x"].dtype.name})
            time.sleep(0.01)
            return {"y": inputs["x"]}

    batcher = batching(lambda: Noting(max_batch=8))
    assert batcher.takes_frames
    values = [np.array([[n]], object if n % 3 else float) for n in range(60)]
    with ThreadPoolExecutor(12) as pool:
        told = list(pool.map(lambda value: batcher.run({"x": value})["y"], values))
    for value, answer in zip(values, told, strict=True):
        assert (answer.dtype, answer.tolist()) == (value.dtype, value.tolist())
    assert len(forms) < 60, "some shared a run"
    batcher.close()


def test_one_track_and_one_incident_go_on_over_three_engines(tmp_path: Path) -> None:
    """On `onnx`, on `openvino`, on `openvino` loaded again; and who leaves is seen to leave."""
    pytest.importorskip("openvino", reason="not installed: pip install '.[openvino]'")
    write_blob_model(tmp_path)
    models, batchers = Models([tmp_path], engines=tmp_path / "engines"), []

    def serve(load: Load) -> Backend:
        batchers.append(batching(load))
        return batchers[0]

    def go_over(load: Load) -> Backend:
        batchers[0].replace(load)
        return batchers[0]

    first = OnnxOptions(kind="onnx", model="tiny").engine(models, serve)
    everywhere = {"all": ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))}
    rule = ZoneEntryOptions(kind="zone_entry", name="inside", zone="all", classes=("person",))
    tracker = TrackerOptions(kind="bytetrack").build()
    built = rule.build(Scene(everywhere, {}), "yard")
    pipeline = Pipeline(Masks(), Always(), first.detector(), tracker, [built])
    steps: list[Step] = []

    def watch(n_frames: int, *, is_there: bool) -> None:
        for _ in range(n_frames):
            steps.append(pipeline.step(frame(luma(is_there=is_there), len(steps) / 8)))

    watch(4, is_there=False)
    watch(16, is_there=True)
    OpenvinoOptions(kind="openvino", model="tiny").engine(models, go_over)
    watch(16, is_there=True)
    with suppress(DetectorStalled):
        batchers[0].run({"nonsense": np.zeros(1)})
    assert eventually(lambda: batchers[0].n_rebuilds == 1)
    watch(16, is_there=True)
    watch(320, is_there=False)  # what stood still is waited for half a minute

    events = [event for step in steps for event in step.events]
    assert [event.phase for event in events] == ["begin", "end"]
    tracks = {int(i) for step in steps if step.tracks for i in step.tracks.track_id}
    assert len(tracks) == 1
    assert {step.detections.model for step in steps if step.detections} == {first.model}
    assert first.model.sha256 == models.digest(models.find("tiny"))
    first.close()


def test_a_first_engine_that_cannot_be_loaded_is_the_callers_to_know() -> None:
    """Then there is no detector at all, and the daemon watches for motion."""

    def load() -> Backend:
        raise ModelError("no weights")

    before = threading.active_count()
    with pytest.raises(ModelError, match="no weights"):
        batching(load)
    assert threading.active_count() == before


def test_closing_twice_is_fine_and_ends_all() -> None:
    """No thread is left behind, and nobody is answered any more."""
    before = threading.active_count()
    batcher = batching(Doubling)
    batcher.close()
    batcher.close()
    assert threading.active_count() == before
    with pytest.raises(DetectorStalled, match="the engine is closed"):
        ask(batcher, 1)
