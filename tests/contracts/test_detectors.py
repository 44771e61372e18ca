"""What every kind of detector promises, run over each file of the room by discovery."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.detectors import Backend, DetectorOptions, Engine, Models, Tensors, unbatched
from edge.detectors._card import read_card
from edge.detectors._network import NetworkOptions
from edge.errors import DetectorStalled, MissingDependency, ModelError, ModelMismatch
from edge.options import Options, kinds
from tests.unit.detectors.tiny_model import constant_network, frame, grid, write_model

KINDS = kinds("edge.detectors")
NETWORKS = sorted(kind for kind, options in KINDS.items() if issubclass(options, NetworkOptions))
IMAGES = {"images": ("float32", (1, 3, 32, 32))}
WHOLE = constant_network(IMAGES, {"output": grid()})


def options_of(kind: str) -> DetectorOptions:
    """Its options, required fields filled from their own examples."""
    fields: dict[str, Any] = {
        name: field.examples[0]
        for name, field in KINDS[kind].model_fields.items()
        if field.is_required() and name != "kind" and field.examples
    }
    options = KINDS[kind].model_validate({"kind": kind, **fields})
    assert isinstance(options, DetectorOptions)
    return options


@pytest.fixture(params=sorted(KINDS))
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    """Each kind, with a tiny model under the name its example gives."""
    options = options_of(request.param)
    write_model(tmp_path, name=getattr(options, "model", "tiny"))
    try:
        return options.engine(Models([tmp_path]), unbatched)
    except MissingDependency as exc:
        pytest.skip(str(exc))


def test_there_are_kinds() -> None:
    """Discovery finds the room's files, or every test here would pass on nothing."""
    assert {"auto", "motion", "onnx", "openvino"} <= KINDS.keys()
    assert {"onnx", "openvino"} <= set(NETWORKS)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_file_is_the_kind_and_every_field_is_described(kind: str) -> None:
    """A technician meets these words in the schema and in completion."""
    fields = KINDS[kind].model_fields
    assert options_of(kind).model_dump()["kind"] == kind
    for name, field in fields.items():
        if name != "kind":
            assert field.description, f"{kind}.{name} has no description"
    assert issubclass(KINDS[kind], Options)


def test_an_empty_picture_has_no_boxes(engine: Engine) -> None:
    """Four seconds of nothing are nothing, with the frame's stamp, size and the model's name."""
    detector = engine.detector()
    grey = np.full((90, 160), 120, np.uint8)
    for number in range(32):
        seen = detector.detect(frame(grey, number / 8))
        assert len(seen) == 0
        assert seen.stamp.pts == number / 8
        assert seen.size_wh == (160, 90)
        assert seen.model == detector.model == engine.model


def test_frames_are_only_read(engine: Engine) -> None:
    """Planes are shared with snapshots and other detectors: not a byte may change."""
    rng = np.random.default_rng(0)
    picture = frame(rng.integers(0, 256, (91, 161), dtype=np.uint8))
    before = [plane.copy() for plane in (picture.y, picture.u, picture.v)]
    engine.detector().detect(picture)
    for plane, copy in zip((picture.y, picture.u, picture.v), before, strict=True):
        assert not plane.flags.writeable
        np.testing.assert_array_equal(plane, copy)


def test_closing_twice_is_safe(engine: Engine) -> None:
    """The daemon closes on reload and again on the way out."""
    engine.close()
    engine.close()


def network_of(kind: str, **told: object) -> NetworkOptions:
    """Options of a kind that runs networks, whose library is here."""
    options = KINDS[kind].model_validate({"kind": kind, "model": "tiny", **told})
    assert isinstance(options, NetworkOptions)
    try:
        options.require()
    except MissingDependency as exc:
        pytest.skip(str(exc))
    if kind == "tensorrt":
        pytest.skip("an engine is built first: see test_tensorrt_engines")
    return options


def opened(kind: str, folder: Path, content: bytes | None = None) -> Backend:
    path = write_model(folder, content)
    return network_of(kind).open(
        path, read_card(path.with_name("card.yaml")), path.parent / "engines"
    )


def ask(backend: Backend, images: Any) -> Any:
    return backend.run({"images": images})["output"]


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize(
    ("content", "error", "text"),
    [
        pytest.param(WHOLE[: len(WHOLE) // 2], ModelError, "is cut short", id="truncated"),
        pytest.param(b"not a network", ModelError, "is no ONNX file", id="foreign"),
        pytest.param(
            WHOLE.replace(b"Constant", b"Konstant"), ModelError, "Konstant", id="operator"
        ),
        pytest.param(
            constant_network({"x": ("float32", (1, 3, 32, 32))}, {"output": grid()}),
            ModelMismatch,
            "inputs are not those of card tiny: expected images (1, 3, 32, 32); "
            "got x (1, 3, 32, 32)",
            id="input name",
        ),
        pytest.param(
            constant_network({}, {"output": grid()}), ModelMismatch, "got none", id="no input"
        ),
        pytest.param(
            constant_network({"images": ("float32", (1, 3, 64, 64))}, {"output": grid()}),
            ModelMismatch,
            "expected images (1, 3, 32, 32); got images (1, 3, 64, 64); correct the card",
            id="size",
        ),
        pytest.param(
            constant_network({"images": ("float32", (4, 3, 32, 32))}, {"output": grid()}),
            ModelMismatch,
            "expected images (1, 3, 32, 32); got images (4, 3, 32, 32)",
            id="batch",
        ),
        pytest.param(
            constant_network(IMAGES, {"output": np.zeros((1, 21, 85), np.float32)}),
            ModelMismatch,
            "outputs do not fit head yolox of card tiny: expected output (1, 21, 7); "
            "got output (1, 21, 85)",
            id="number of labels",
        ),
        pytest.param(
            constant_network(IMAGES, {"boxes": np.zeros((1, 4), np.float32)}),
            ModelMismatch,
            "expected output (1, 21, 7); got boxes (1, 4)",
            id="another family",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_both_sides_and_a_remedy(
    kind: str, content: bytes, error: type[Exception], text: str, tmp_path: Path
) -> None:
    """Before the first frame, and the library's own exception stays inside."""
    path = write_model(tmp_path, content)
    with pytest.raises(ModelError) as caught:
        network_of(kind).engine(Models([tmp_path]), unbatched)
    assert type(caught.value) is error
    assert str(path) in str(caught.value)
    assert text in str(caught.value)


@pytest.mark.parametrize("kind", NETWORKS)
def test_an_opset_of_the_future_is_refused_or_run(kind: str, tmp_path: Path) -> None:
    """Refused with the opsets there are (onnxruntime), or run if its operators are known."""
    write_model(tmp_path, constant_network(IMAGES, {"output": grid()}, opset=99))
    try:
        network_of(kind).engine(Models([tmp_path]), unbatched)
    except ModelError as exc:
        assert "opset" in str(exc)  # noqa: PT017
        assert "export the model again" in str(exc)  # noqa: PT017


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize(
    "inputs",
    [
        pytest.param({}, id="none"),
        pytest.param({"x": np.zeros((1, 3, 32, 32), np.float32)}, id="name"),
        pytest.param({"images": np.zeros((1, 3, 8, 8), np.float32)}, id="size"),
        pytest.param({"images": np.zeros((1, 3, 32, 32), np.uint8)}, id="type"),
    ],
)
def test_a_run_that_fails_is_a_stall(kind: str, inputs: Tensors, tmp_path: Path) -> None:
    """Never an empty result, and never the answer to an earlier picture."""
    backend = opened(kind, tmp_path)
    assert ask(backend, np.zeros((1, 3, 32, 32), np.float32)).shape == (1, 21, 7)
    with pytest.raises(DetectorStalled, match="model tiny failed while running"):
        backend.run(inputs)
    backend.close()
    with pytest.raises(DetectorStalled, match="model tiny was closed; open it again"):
        ask(backend, np.zeros((1, 3, 32, 32), np.float32))


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("n", [1, 2, 5])
def test_a_batch_has_an_answer_for_each_picture(kind: str, n: int, tmp_path: Path) -> None:
    """As many rows as pictures, however many go at a time; the next run leaves them alone."""
    backend = opened(kind, tmp_path)
    first = ask(backend, np.zeros((n, 3, 32, 32), np.float32))
    assert first.shape == (n, 21, 7)
    kept = first.copy()
    ask(backend, np.ones((n, 3, 32, 32), np.float32))
    np.testing.assert_array_equal(first, kept)
    assert backend.max_batch >= 1


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_file_replaced_while_in_use_is_not_loaded_again(kind: str, tmp_path: Path) -> None:
    """Every event names the weights it comes from; others are never slipped in."""
    path = write_model(tmp_path)
    loads = []

    def serve(load: Any) -> Backend:
        loads.append(load)
        backend: Backend = load()
        return backend

    network_of(kind).engine(Models([tmp_path]), serve).close()
    loads[0]().close()
    path.write_bytes(WHOLE + b"\0")
    with pytest.raises(ModelMismatch, match=r"replaced while in use: expected SHA-256 .*restart"):
        loads[0]()


def test_kinds_are_listed_without_vendor_libraries() -> None:
    """A laptop without any engine can still check a configuration."""
    code = (
        "import sys\n"
        "for name in ('onnxruntime', 'openvino', 'tensorrt', 'pycuda'):\n"
        "    sys.modules[name] = None\n"
        "from edge.options import kinds\n"
        "print(*kinds('edge.detectors'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == sorted(KINDS)
