"""The kind `tensorrt` from build to answer, over stand-ins for NVIDIA's libraries.

Proves what is ours: engines and their passports, memory, batches, and that frames go to the kernel
and straight into the engine's input. What the libraries themselves do is not run here; see
nvidia_on_host/README.md and docs/adr/0013-tensorrt.md.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.detectors import Backend, Load, Models, takes_frames, unbatched
from edge.detectors._builds import Builds
from edge.detectors._engines import EngineStore
from edge.detectors._planes import noise_frame
from edge.detectors._preprocess import to_tensor
from edge.detectors.onnx import Options as OnnxOptions
from edge.detectors.tensorrt import Options
from edge.errors import DetectorStalled, ModelError, ModelMismatch, ModelMissing
from edge.frame import Frame
from edge.runtime.batcher import Batcher
from tests.unit.detectors.on_host import nvidia_on_host
from tests.unit.detectors.tiny_model import write_model
from tests.unit.workbench.small_network import network, onnx

FRAMES = [noise_frame(size) for size in ((64, 48), (97, 61), (1280, 720), (31, 200), (640, 480))]
OPTIONS = Options(kind="tensorrt", model="tiny", confidence=0.02)


@pytest.fixture(autouse=True)
def _nvidia() -> Iterator[None]:
    with nvidia_on_host():
        yield


def features(kind: int = onnx.TensorProto.FLOAT, *, batch: int | str = "n") -> bytes:
    """A network that says everything it sees: a convolution, and nothing else."""
    make, numbers = onnx.helper, np.random.default_rng(5)
    dtype = make.tensor_dtype_to_np_dtype(kind)
    weights = numbers.normal(0, 0.01, (4, 3, 4, 4)).astype(dtype)
    graph = make.make_graph(
        [make.make_node("Conv", ["images", "weights"], ["output"], strides=[4, 4])],
        "features",
        [make.make_tensor_value_info("images", kind, [batch, 3, 32, 32])],
        [make.make_tensor_value_info("output", kind, [batch, 4, 8, 8])],
        [onnx.numpy_helper.from_array(weights, "weights")],
    )
    model = make.make_model(graph, opset_imports=[make.make_opsetid("", 17)], ir_version=8)
    content: bytes = model.SerializeToString()
    return content


def built(folder: Path, content: bytes, **told: Any) -> tuple[Backend, Models]:
    """An open engine of this file, built here."""
    models = Models([folder], engines=folder / "engines")
    options, path = Options(kind="tensorrt", model="tiny", **told), write_model(folder, content)
    card = models.card("tiny")
    options.build(path, card, models.engines)
    return options.open(path, card, models.engines), models


def answers(backend: Backend, frames: list[Frame], models: Models) -> tuple[Any, Any]:
    """Of frames, and of the tensors the processor makes of them."""
    spec = models.card("tiny").input
    tensors: NDArray[Any] = np.concatenate([to_tensor(frame, spec)[0] for frame in frames])
    batch = np.empty(len(frames), object)
    batch[:] = frames
    return backend.run({"images": batch})["output"], backend.run({"images": tensors})["output"]


@pytest.mark.parametrize(
    ("kind", "precision", "tolerance"),
    [(onnx.TensorProto.FLOAT, "fp32", 1e-6), (onnx.TensorProto.FLOAT16, "fp16", 1e-3)],
)
def test_the_kernel_feeds_the_engine_what_the_processor_would(
    tmp_path: Path, kind: int, precision: str, tolerance: float
) -> None:
    """Frames of several cameras and sizes in one batch, in the engine's own precision."""
    backend, models = built(tmp_path, features(kind), precision=precision)
    assert takes_frames(backend)
    assert backend.max_batch == 8
    of_frames, of_tensors = answers(backend, FRAMES, models)
    assert of_frames.shape == (5, 4, 8, 8)
    np.testing.assert_allclose(of_frames, of_tensors, rtol=tolerance, atol=tolerance * 10)
    assert len({row.tobytes() for row in of_tensors}) == 5, "each picture has an answer of its own"
    again, _ = answers(backend, FRAMES[::-1], models)
    np.testing.assert_array_equal(again, of_frames[::-1])
    backend.close()


def test_more_pictures_than_an_engine_takes_go_one_batch_after_the_other(tmp_path: Path) -> None:
    """Of a free batch and of a fixed one."""
    for batch, most in (("n", 8), (1, 1)):
        backend, models = built(tmp_path, features(batch=batch))
        assert backend.max_batch == most
        of_frames, of_tensors = answers(backend, (FRAMES * 3)[:11], models)
        np.testing.assert_allclose(of_frames, of_tensors, rtol=1e-6, atol=1e-5)
        backend.close()


def test_cameras_share_an_engine_that_takes_frames(tmp_path: Path) -> None:
    """Each gets its own answer through the batcher: the one `onnx` gives, boxes in its frame."""
    models = Models([tmp_path], engines=tmp_path / "engines")
    path = write_model(tmp_path, network().SerializeToString())
    OPTIONS.build(path, models.card("tiny"), models.engines)
    reference = OnnxOptions(kind="onnx", model="tiny", confidence=0.02).engine(models, unbatched)
    expected = [reference.detector().detect(frame) for frame in FRAMES]

    def serve(load: Load) -> Backend:
        return Batcher(load, name="street")

    engine = OPTIONS.engine(models, serve)
    with ThreadPoolExecutor(5) as pool:
        for _ in range(4):
            found = list(pool.map(lambda frame: engine.detector().detect(frame), FRAMES))
            for got, wanted in zip(found, expected, strict=True):
                assert len(got) == len(wanted) > 0
                np.testing.assert_allclose(got.xyxy, wanted.xyxy, rtol=1e-4, atol=1e-3)
                np.testing.assert_array_equal(got.class_id, wanted.class_id)
                assert got.size_wh == wanted.size_wh
    engine.close()
    reference.close()


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("no nvcc", "the processor makes its tensors, because _planes.cu cannot be compiled"),
        ("kernel", "the processor makes its tensors, because those the GPU makes are others"),
    ],
)
def test_without_a_kernel_that_agrees_the_processor_makes_the_tensors(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    fault: str,
    text: str,
) -> None:
    """Said, and the answers are the same."""
    monkeypatch.setenv("ON_HOST_FAULT", fault)
    backend, models = built(tmp_path, features())
    assert not takes_frames(backend)
    assert text in caplog.text
    of_frames, of_tensors = answers(backend, FRAMES, models)
    np.testing.assert_array_equal(of_frames, of_tensors)
    backend.close()


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("launch", "model tiny failed while running: cuLaunchKernel failed: an illegal memory"),
        ("run", "model tiny: TensorRT refused the run: TensorRT gave no reason; run `edge doctor`"),
    ],
)
def test_a_fault_of_the_device_is_a_stall(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str, text: str
) -> None:
    """Never an empty scene."""
    backend, models = built(tmp_path, features())
    monkeypatch.setenv("ON_HOST_FAULT", fault)
    with pytest.raises(DetectorStalled) as caught:
        answers(backend, FRAMES, models)
    assert text in str(caught.value)
    backend.close()
    with pytest.raises(DetectorStalled, match="model tiny was closed"):
        answers(backend, FRAMES, models)


def test_a_device_without_memory_says_so_at_opening(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was allocated before is given back (the fixture counts)."""
    path = write_model(tmp_path, features())
    models = Models([tmp_path], engines=tmp_path / "engines")
    OPTIONS.build(path, models.card("tiny"), models.engines)
    monkeypatch.setenv("ON_HOST_MEMORY", "50000")
    with pytest.raises(ModelError, match="cannot be opened: cuMemAlloc failed: out of memory"):
        OPTIONS.open(path, models.card("tiny"), models.engines)


def test_the_precision_is_the_card_s_unless_told(tmp_path: Path) -> None:
    """An FP16 file needs no further word, and a file that is another precision is refused."""
    models = Models([tmp_path], engines=tmp_path / "engines")
    content = features(onnx.TensorProto.FLOAT16)
    path = write_model(tmp_path, content)
    entry = {**models.card("tiny").weights[0].model_dump(), "precision": "fp16"}
    write_model(tmp_path, content, weights=[entry])
    assert OPTIONS.build(path, models.card("tiny"), models.engines).name.endswith("-fp16.engine")
    wrong = Options(kind="tensorrt", model="tiny", precision="int8")
    with pytest.raises(ModelMismatch, match=r"expected a network in int8, .* got one in fp16"):
        wrong.build(path, models.card("tiny"), models.engines)


def test_what_a_build_learnt_helps_the_next(tmp_path: Path) -> None:
    """Timings are kept for the device and the version."""
    backend, models = built(tmp_path, features())
    backend.close()
    key = OPTIONS.engine_key(models)
    assert EngineStore(models.engines).notes(key) == b"."
    built(tmp_path, features())[0].close()
    assert EngineStore(models.engines).notes(key) == b".."


def test_a_build_that_fails_is_noted_and_one_that_succeeds_clears_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the library's own reason."""
    models = Models([tmp_path], engines=tmp_path / "engines")
    path = write_model(tmp_path, features())
    card = models.card("tiny")
    assert OPTIONS.may_build(models)
    monkeypatch.setenv("ON_HOST_FAULT", "refuse")
    with pytest.raises(ModelError, match="no implementation for node Conv_0"):
        OPTIONS.build(path, card, models.engines)
    assert not OPTIONS.may_build(models)
    build = Builds(models.engines).of(OPTIONS.engine_key(models))
    assert build is not None
    assert "no implementation for node Conv_0" in str(build)
    monkeypatch.delenv("ON_HOST_FAULT")
    OPTIONS.build(path, card, models.engines)
    assert OPTIONS.may_build(models)
    assert Builds(models.engines).of(OPTIONS.engine_key(models)) is None


@pytest.mark.parametrize(
    ("name", "value", "here"),
    [
        ("ON_HOST_TENSORRT", "10.3.0", "Host (sm 0.1, 1 multiprocessors), tensorrt 10.3.0"),
        ("ON_HOST_DEVICE", "Orin", "Orin (sm 0.1, 1 multiprocessors), tensorrt 10.13.3.9"),
    ],
)
def test_an_engine_of_another_version_or_device_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, here: str
) -> None:
    """After an update of JetPack, or on another box: both sides, and the command."""
    path = write_model(tmp_path, features())
    with nvidia_on_host():
        Options(kind="tensorrt", model="tiny").build(
            path, Models([tmp_path]).card("tiny"), tmp_path / "engines"
        )
    monkeypatch.setenv(name, value)
    with nvidia_on_host(), pytest.raises(ModelMissing) as caught:
        OPTIONS.open(path, Models([tmp_path]).card("tiny"), tmp_path / "engines")
    assert str(caught.value) == (
        f"no engine of tiny for this box in {tmp_path}/engines: expected fp32 for {here}; got fp32 "
        "for Host (sm 0.1, 1 multiprocessors), tensorrt 10.13.3.9; "
        "run `edge model build tiny --kind tensorrt --precision fp32`"
    )


def test_a_damaged_engine_is_passed_over_for_the_next_best_and_built_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The header is well, the content is not: `auto` opens another kind, and asks for a new one."""
    from edge.detectors import open_engine
    from edge.detectors.auto import Options as Auto

    models = Models([tmp_path], engines=tmp_path / "engines")
    path = write_model(tmp_path, network().SerializeToString())
    kept = OPTIONS.build(path, models.card("tiny"), models.engines)
    kept.write_bytes(kept.read_bytes()[:-1] + b"?")
    asked: list[Any] = []
    engine, reason = open_engine(Auto(kind="auto", model="tiny"), models, unbatched, asked.append)
    assert reason is None
    assert engine.model.name == "tiny"
    assert "is damaged: expected SHA-256" in caplog.text
    assert "goes on with the next best" in caplog.text
    assert [options.kind for options in asked] == ["tensorrt"]
    engine.close()


def test_the_kernel_is_compiled_with_the_engine(tmp_path: Path) -> None:
    """So that opening waits for no compiler."""
    backend, models = built(tmp_path, features())
    backend.close()
    (kernel,) = models.engines.glob("*.so")
    shutil.copy(kernel, tmp_path / "kept.so")
    written = kernel.stat().st_mtime_ns
    backend = Options(kind="tensorrt", model="tiny").open(
        tmp_path / "tiny" / "tiny.onnx", models.card("tiny"), models.engines
    )
    assert kernel.stat().st_mtime_ns == written
    backend.close()


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
