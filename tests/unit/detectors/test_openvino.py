"""OpenVINO behind its border: that it finds what onnx finds, and what it refuses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.detections import Detections
from edge.detectors import Models, Tensor, auto, unbatched
from edge.detectors._card import read_card
from edge.detectors.onnx import OnnxBackend
from edge.detectors.onnx import Options as OnnxOptions
from edge.detectors.openvino import OpenvinoBackend, Options, Precision, vendor_errors
from edge.errors import DetectorStalled, MissingDependency, ModelError
from edge.frame import Colour, Frame
from tests.unit.detectors.tiny_model import constant_network, frame, grid, stamp, write_model

pytest.importorskip("openvino", reason="openvino is not installed: pip install '.[openvino]'")

GREY = np.full((48, 64), 120, np.uint8)
N_PICTURES = 12


def backend_in(folder: Path, content: bytes | None = None, threads: int = 0) -> OpenvinoBackend:
    path = write_model(folder, content)
    return OpenvinoBackend(path, read_card(path.with_name("card.yaml")), threads=threads)


def test_a_network_is_found_run_and_read(tmp_path: Path) -> None:
    """From folder to boxes in frame pixels."""
    write_model(tmp_path, output=grid((5, [0.5, 0.5, 0, 0, 0.9, 0.1, 0.8])))
    options = Options.model_validate({"kind": "openvino", "model": "tiny"})
    found = options.engine(Models([tmp_path]), unbatched).detector().detect(frame(GREY))
    np.testing.assert_allclose(found.xyxy, [[16, 16, 32, 32]], atol=1e-4)
    np.testing.assert_allclose(found.confidence, [0.72], atol=1e-6)
    assert found.class_id.tolist() == [1]


@pytest.mark.parametrize("batch", [1, "N"], ids=["fixed batch", "free batch"])
def test_pictures_run_side_by_side(tmp_path: Path, batch: int | str) -> None:
    """One a thread, whether or not the file takes more than one."""
    content = constant_network({"images": ("float32", (batch, 3, 32, 32))}, {"output": grid()})
    assert backend_in(tmp_path, content, threads=1).max_batch == 1
    assert backend_in(tmp_path, content, threads=2).max_batch >= 1


def test_what_is_computed_in_is_chosen_by_the_processor(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """bfloat16 where it has it, and the log says so; what it lacks is refused with a remedy."""
    import openvino

    caplog.set_level("INFO")
    has = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    backend_in(tmp_path)
    assert f"OpenVINO computes in {'bf16' if 'BF16' in has else 'f32'}" in caplog.text
    path = write_model(tmp_path)
    card = read_card(path.with_name("card.yaml"))
    wanted: Precision
    for wanted, called in (("f32", "FP32"), ("bf16", "BF16"), ("f16", "FP16")):
        if called in has:
            OpenvinoBackend(path, card, precision=wanted).close()
        else:
            with pytest.raises(ModelError, match=f"computes in {wanted}, got one.*f32.*`auto|auto"):
                OpenvinoBackend(path, card, precision=wanted)


def test_an_input_that_is_missing_is_not_taken_from_the_last_picture(tmp_path: Path) -> None:
    """The library would: it keeps what it was given."""
    backend = backend_in(tmp_path)
    backend.run({"images": np.zeros((1, 3, 32, 32), np.float32)})
    with pytest.raises(DetectorStalled, match="expected inputs images float32, got none"):
        backend.run({})


def test_one_bad_picture_of_a_batch_leaves_the_engine_whole(tmp_path: Path) -> None:
    """Whatever was begun has ended when the error comes out, and the next run answers."""
    backend = backend_in(tmp_path, threads=2)
    for _ in range(20):
        with pytest.raises(DetectorStalled, match="failed while running"):
            backend.run({"images": np.zeros((3, 3, 8, 8), np.float32)})
        good = backend.run({"images": np.zeros((3, 3, 32, 32), np.float32)})
        assert good["output"].shape == (3, 21, 7)


def test_read_only_and_strided_pictures_are_taken(tmp_path: Path) -> None:
    """Tensors are shared with the library, which must cope with any NumPy has."""
    backend = backend_in(tmp_path)
    image: Tensor = np.zeros((1, 3, 32, 64), np.float32)[..., ::2]
    assert backend.run({"images": image})["output"].shape == (1, 21, 7)
    image = np.zeros((1, 3, 32, 32), np.float32)
    image.setflags(write=False)
    assert backend.run({"images": image})["output"].shape == (1, 21, 7)


def test_every_exception_of_the_library_is_translated() -> None:
    """A class a new openvino adds is caught as well: the list is read from the library."""
    names = {error.__name__ for error in vendor_errors()}
    assert {"OpConversionFailure", "GeneralFailure", "OVTypeError", "RuntimeError"} <= names


def test_a_missing_library_names_its_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What to type, and `auto` then takes the next one."""
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MissingDependency, match="pip install openvino"):
        Options(kind="openvino", model="tiny").engine(Models([]), unbatched)
    write_model(tmp_path)
    chosen = auto.Options(kind="auto", model="tiny").chosen(Models([tmp_path]))
    assert not isinstance(chosen, Options)


def test_neither_loading_nor_refusing_writes_to_the_terminal(tmp_path: Path) -> None:
    """The library's notes would bury what a technician must read."""
    write_model(tmp_path, name="good")
    write_model(tmp_path, b"not a network", name="bad")
    code = (
        "from pathlib import Path; from edge.detectors import Models, open_engine; "
        "from edge.detectors.openvino import Options; "
        f"print([open_engine(Options(kind='openvino', model=m), Models([Path({str(tmp_path)!r})]))"
        "[1] for m in ('good', 'bad')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr == ""
    assert "watching for motion only" in done.stdout
    assert done.stdout.count("\n") == 1


# --- Real pictures ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pictures(shared: Path) -> list[Frame]:
    """COCO pictures as a camera would send them."""
    files = sorted((shared / "images" / "coco-dev").glob("*.jpg"))[:N_PICTURES]
    return [_as_frame(picture) for file in files if (picture := cv2.imread(str(file))) is not None]


def _as_frame(picture: NDArray[np.generic]) -> Frame:
    height, width = picture.shape[0] // 2 * 2, picture.shape[1] // 2 * 2
    even = np.ascontiguousarray(picture[:height, :width])
    flat = np.asarray(cv2.cvtColor(even, cv2.COLOR_BGR2YUV_I420), np.uint8).reshape(-1)
    y, u, v = np.split(flat, [width * height, width * height * 5 // 4])
    half = (height // 2, width // 2)
    return Frame(
        stamp(), y.reshape(height, width), u.reshape(half), v.reshape(half), Colour("bt601")
    )


def _overlaps(one: NDArray[np.float32], many: NDArray[np.float32]) -> NDArray[np.float32]:
    size = np.clip(np.minimum(one[2:], many[:, 2:]) - np.maximum(one[:2], many[:, :2]), 0, None)
    shared = size.prod(axis=1)
    areas = (many[:, 2:] - many[:, :2]).prod(axis=1) + (one[2:] - one[:2]).prod()
    return np.asarray(shared / (areas - shared), np.float32)


def _n_agreed(ours: Detections, reference: Detections, iou: float, difference: float) -> int:
    """How many of the reference's boxes are found, of the same class and about as sure."""
    return sum(
        bool(
            np.any(
                (ours.class_id == reference.class_id[row])
                & (np.abs(ours.confidence - reference.confidence[row]) <= difference)
                & (_overlaps(reference.xyxy[row], ours.xyxy) >= iou)
            )
        )
        for row in range(len(reference))
    )


LIMITS = {"f32": (0.999, 0.001, 1.0), "auto": (0.85, 0.1, 0.95)}
"""Least IoU, largest difference of confidence, and the share of boxes that must keep to both."""


@pytest.mark.parametrize("model", ["yolox-nano", "deimv2-femto"])
@pytest.mark.parametrize("precision", LIMITS)
def test_it_finds_what_onnx_finds(
    shared: Path, pictures: list[Frame], model: str, precision: str
) -> None:
    """On real pictures, of boxes at 0.5 and above: float32 all of them to rounding, bfloat16 95 %.

    And neither finds what the other does not: the comparison is made both ways.
    """
    iou, difference, share = LIMITS[precision]
    models = Models([shared / "models"])

    def seen(kind: type[OnnxOptions | Options], **told: str) -> list[Detections]:
        options = kind.model_validate(
            {
                "kind": kind.__module__.rpartition(".")[2],
                "model": model,
                "threads": 1,
                "confidence": 0.4,
                **told,
            }
        )
        detector = options.engine(models, unbatched).detector()
        return [detector.detect(picture) for picture in pictures]

    ours, reference = seen(Options, precision=precision), seen(OnnxOptions)
    n_all = n_agreed = 0
    for one, other in (*zip(ours, reference, strict=True), *zip(reference, ours, strict=True)):
        sure = one[one.confidence >= 0.5]
        n_all += len(sure)
        n_agreed += _n_agreed(other, sure, iou, difference)
    assert n_all >= 60
    assert n_agreed >= share * n_all, f"{n_agreed} of {n_all}"


@pytest.mark.parametrize(
    ("first_of_each", "is_folded"),
    [
        pytest.param([(0, 0), (1, 0), (0, 1), (1, 1)], True, id="as YOLOX stacks them"),
        pytest.param([(0, 0), (0, 1), (1, 0), (1, 1)], False, id="in another order"),
        pytest.param([(0, 0), (1, 0), (0, 1), (0, 1)], False, id="one twice"),
    ],
)
def test_quarters_that_are_convolved_are_one_convolution(
    tmp_path: Path, first_of_each: list[tuple[int, int]], is_folded: bool
) -> None:
    """The same numbers as onnxruntime's with one layer less; what only looks like it is left."""
    path = write_model(tmp_path, quartered(first_of_each))
    card = read_card(path.with_name("card.yaml"))
    ours, theirs = OpenvinoBackend(path, card, precision="f32"), OnnxBackend(path, card)
    picture = {"images": np.random.default_rng(0).uniform(0, 255, (1, 3, 32, 32)).astype("f4")}
    np.testing.assert_allclose(
        ours.run(picture)["output"], theirs.run(picture)["output"], rtol=1e-4, atol=1e-3
    )
    layers = ours._single.get_compiled_model().get_runtime_model().get_ordered_ops()
    kinds = {layer.get_rt_info()["layerType"].astype(str) for layer in layers}
    assert ("Concatenation" not in kinds and "Concat" not in kinds) == is_folded, kinds


def quartered(first_of_each: list[tuple[int, int]]) -> bytes:
    """A network that takes the picture apart as YOLOX does, and convolves with padding."""
    onnx = pytest.importorskip("onnx", reason="onnx is not installed: pip install '.[workbench]'")
    make, numbers = onnx.helper.make_node, np.random.default_rng(0)
    constants: dict[str, NDArray[np.generic]] = {
        "weights": numbers.normal(0, 0.1, (7, 12, 3, 3)).astype("f4"),
        "bias": numbers.normal(0, 1, 7).astype("f4"),
        **{f"at {n}": np.array([n]) for n in (0, 1, 2, 3)},
        "end": np.array([2**31 - 1]),
        "shape": np.array([1, 7, 256]),
        "first 21": np.arange(21),
    }
    nodes = []
    for n, (row, column) in enumerate(first_of_each):
        nodes += [
            make("Slice", ["images", f"at {row}", "end", "at 2", "at 2"], [f"rows {n}"]),
            make("Slice", [f"rows {n}", f"at {column}", "end", "at 3", "at 2"], [f"part {n}"]),
        ]
    nodes += [
        make("Concat", [f"part {n}" for n in range(4)], ["stack"], axis=1),
        make("Conv", ["stack", "weights", "bias"], ["raw"], pads=[1, 1, 1, 1]),
        make("Reshape", ["raw", "shape"], ["flat"]),
        make("Gather", ["flat", "first 21"], ["cells"], axis=2),
        make("Transpose", ["cells"], ["output"], perm=[0, 2, 1]),
    ]
    value_of, number = onnx.helper.make_tensor_value_info, onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        nodes,
        "quartered",
        [value_of("images", number, [1, 3, 32, 32])],
        [value_of("output", number, [1, 21, 7])],
        [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    opset = [onnx.helper.make_opsetid("", 17)]
    model = onnx.helper.make_model(graph, opset_imports=opset, ir_version=8)
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content
