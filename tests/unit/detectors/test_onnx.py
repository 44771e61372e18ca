"""ONNX Runtime behind its border: what it is given, what it refuses, what it finds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.detectors import (
    Backend,
    Load,
    Models,
    Tensor,
    Tensors,
    auto,
    motion,
    open_engine,
    unbatched,
)
from edge.detectors._card import read_card
from edge.detectors.onnx import CPU, CUDA, DYNAMIC_BATCH, OnnxBackend, Options, vendor_errors
from edge.errors import DetectorStalled, MissingDependency
from edge.frame import Colour, Frame
from tests.unit.detectors.tiny_model import constant_network, frame, grid, stamp, write_model

GREY = np.full((48, 64), 120, np.uint8)


def engine_of(folder: Path, **told: object) -> Options:
    return Options.model_validate({"kind": "onnx", "model": "tiny", **told})


def test_a_network_is_found_run_and_read(tmp_path: Path) -> None:
    """From folder to boxes in frame pixels, with the model's full identity."""
    # Cell 5 is (1, 1) of the 4 x 4 grid: centre (12, 12) + 0.5 strides, 8 x 8 pixels.
    output = grid((5, [0.5, 0.5, 0, 0, 0.9, 0.1, 0.8]))
    path = write_model(tmp_path, output=output)
    models = Models([tmp_path])
    engine = engine_of(tmp_path).engine(models, unbatched)
    found = engine.detector().detect(frame(GREY, pts=4.0))
    # 64 x 48 fits 32 x 32 at half size, 24 rows high.
    np.testing.assert_allclose(found.xyxy, [[16, 16, 32, 32]], atol=1e-4)
    np.testing.assert_allclose(found.confidence, [0.72], atol=1e-6)
    assert found.class_id.tolist() == [1]
    assert (found.stamp.pts, found.size_wh) == (4.0, (64, 48))
    assert found.model.sha256 == models.digest(path)
    assert found.model.labels == ("person", "car")


def test_what_lies_in_the_padding_is_no_object(tmp_path: Path) -> None:
    """A box wholly below the picture would have no area in the frame."""
    write_model(tmp_path, output=grid((13, [0.5, 0.5, 0, 0, 0.9, 0.9, 0])))
    engine = engine_of(tmp_path).engine(Models([tmp_path]), unbatched)
    assert len(engine.detector().detect(frame(GREY))) == 0


def test_backends_are_served_and_closed(tmp_path: Path) -> None:
    """What `serve` returns is what runs, and closing the engine closes it."""
    write_model(tmp_path)

    class Counted:
        max_batch = 1

        def __init__(self, backend: Backend) -> None:
            self.backend, self.n_runs = backend, 0

        def run(self, inputs: Tensors) -> dict[str, Tensor]:
            self.n_runs += 1
            return self.backend.run(inputs)

        def close(self) -> None:
            self.backend.close()

    wrapped: list[Counted] = []

    def serve(load: Load) -> Backend:
        wrapped.append(Counted(load()))
        return wrapped[-1]

    engine = engine_of(tmp_path).engine(Models([tmp_path]), serve)
    detector = engine.detector()
    detector.detect(frame(GREY))
    assert [counted.n_runs for counted in wrapped] == [1]
    engine.close()
    engine.close()
    with pytest.raises(DetectorStalled, match="model tiny was closed"):
        detector.detect(frame(GREY))


def test_a_run_that_was_given_up_keeps_its_picture(tmp_path: Path) -> None:
    """Memory is used again from frame to frame, but not under a run that nobody waits for."""
    write_model(tmp_path)

    class GivesUp:
        max_batch = 1

        def __init__(self, backend: Backend) -> None:
            self.backend = backend
            self.given: list[Tensor] = []

        def run(self, inputs: Tensors) -> dict[str, Tensor]:
            self.given.append(inputs["images"])
            if len(self.given) == 2:  # the first is the engine's trial
                raise DetectorStalled("no answer in time")
            return self.backend.run(inputs)

        def close(self) -> None:
            self.backend.close()

    backends: list[GivesUp] = []

    def serve(load: Load) -> Backend:
        backends.append(GivesUp(load()))
        backends[0].run({"images": np.zeros((1, 3, 32, 32), np.float32)})
        return backends[0]

    detector = engine_of(tmp_path).engine(Models([tmp_path]), serve).detector()
    with pytest.raises(DetectorStalled):
        detector.detect(frame(GREY))
    given_up = backends[0].given[1].copy()
    for _ in range(2):
        detector.detect(frame(GREY // 2))
    _, kept, next_one, last = backends[0].given
    np.testing.assert_array_equal(kept, given_up)
    assert np.shares_memory(next_one, last)


@pytest.mark.parametrize("batch", [1, "N"], ids=["fixed batch", "free batch"])
def test_the_processor_takes_a_picture_a_thread(tmp_path: Path, batch: int | str) -> None:
    """Side by side, so that a network whose batch is fixed gains as well."""
    content = constant_network({"images": ("float32", (batch, 3, 32, 32))}, {"output": grid()})
    path = write_model(tmp_path, content)
    card = read_card(path.with_name("card.yaml"))
    assert OnnxBackend(path, card, threads=3).max_batch == 3
    assert OnnxBackend(path, card).max_batch == len(os.sched_getaffinity(0))


@pytest.mark.filterwarnings("ignore:Specified provider")
def test_a_gpu_that_does_not_start_is_said_aloud(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """onnxruntime-gpu without its libraries: it runs on the processor, and the log says why."""
    import onnxruntime

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA, CPU])
    path = write_model(tmp_path)
    backend = OnnxBackend(path, read_card(path.with_name("card.yaml")))
    assert "computes on the processor, because its CUDA provider does not start" in caplog.text
    image = np.zeros((1, 3, 32, 32), np.float32)
    assert backend.run({"images": image})["output"].shape == (1, 21, 7)


def test_a_gpu_that_cannot_be_had_is_said_aloud(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A provider that raises, as one does that finds the GPU's memory full, is no end either."""
    import onnxruntime

    whole = onnxruntime.InferenceSession

    def session(path: str, options: object, *, providers: list[str], **told: object) -> object:
        if CUDA in providers:
            raise RuntimeError("CUDA failure 2: out of memory")
        return whole(path, options, providers=providers, **told)

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA, CPU])
    monkeypatch.setattr(onnxruntime, "InferenceSession", session)
    path = write_model(tmp_path)
    OnnxBackend(path, read_card(path.with_name("card.yaml")))
    assert "does not start: CUDA failure 2: out of memory" in caplog.text


def test_on_a_gpu_pictures_go_in_one_tensor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As many as the file takes. The provider is only said to be there: there is no GPU here."""
    import onnxruntime

    class OnGpu(onnxruntime.InferenceSession):  # type: ignore[misc]
        def __init__(
            self, path: str, options: object, *, providers: list[str], **told: object
        ) -> None:
            super().__init__(path, options, providers=providers[-1:], **told)

        def get_providers(self) -> list[str]:
            return [CUDA, CPU]

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA, CPU])
    monkeypatch.setattr(onnxruntime, "InferenceSession", OnGpu)
    caplog.set_level("INFO")
    for batch, expected in ((1, 1), ("N", DYNAMIC_BATCH)):
        content = constant_network({"images": ("float32", (batch, 3, 32, 32))}, {"output": grid()})
        path = write_model(tmp_path, content)
        backend = OnnxBackend(path, read_card(path.with_name("card.yaml")), threads=2)
        assert backend.max_batch == expected
    # This network answers with one row whatever it is asked: so the pictures went in together.
    assert len(backend.run({"images": np.zeros((4, 3, 32, 32), np.float32)})["output"]) == 1
    assert "computes on the GPU" in caplog.text


def test_every_exception_of_the_library_is_translated() -> None:
    """A class a new onnxruntime adds is caught as well: the list is read from the library."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    own = {m for m in vars(state).values() if isinstance(m, type) and issubclass(m, Exception)}
    assert {"Fail", "InvalidProtobuf", "NoSuchFile"} <= {error.__name__ for error in own}
    assert own <= set(vendor_errors())


def test_a_missing_library_names_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """What to type, for the kind and for `auto`."""
    for library in ("onnxruntime", "openvino", "tensorrt"):
        monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingDependency, match="pip install onnxruntime"):
        Options(kind="onnx", model="tiny").engine(Models([]), unbatched)
    with pytest.raises(MissingDependency, match=r"no engine can run a network: .*pip install"):
        auto.Options(kind="auto", model="tiny").engine(Models([]), unbatched)


def test_auto_takes_what_is_installed(tmp_path: Path) -> None:
    """The same options, on an engine this machine has; never `motion`."""
    write_model(tmp_path)
    options = auto.Options(kind="auto", model="tiny", confidence=0.6, threads=1)
    told = options.model_dump(exclude={"kind"})
    assert told.items() <= options.chosen(Models([tmp_path])).model_dump().items()
    engine = options.engine(Models([tmp_path]), unbatched)
    assert engine.model.name == "tiny"
    assert "motion" not in auto.PREFERENCE


@pytest.mark.parametrize(
    ("break_it", "text"),
    [
        pytest.param(lambda p: p.unlink(), "no weights for model tiny", id="no weights"),
        pytest.param(lambda p: p.write_bytes(b"x"), "is not the weights of tiny", id="other file"),
        pytest.param(
            lambda p: p.with_name("card.yaml").write_text("a: 1"), "name: missing", id="card"
        ),
    ],
)
def test_a_box_without_its_model_watches_for_motion_and_says_so(
    tmp_path: Path, break_it: object, text: str
) -> None:
    """The fall-back comes with the reason and the command that repairs it."""
    assert callable(break_it)
    break_it(write_model(tmp_path))
    engine, reason = open_engine(engine_of(tmp_path), Models([tmp_path]), unbatched)
    assert engine.model.name == "motion"
    assert reason is not None
    assert reason.startswith("watching for motion only, without classes, because: ")
    assert text in reason


def test_what_can_be_opened_needs_no_excuse(tmp_path: Path) -> None:
    """The engine that was asked for, and no reason."""
    write_model(tmp_path)
    for options in (engine_of(tmp_path), motion.Options(kind="motion")):
        engine, reason = open_engine(options, Models([tmp_path]), unbatched)
        assert reason is None
        assert engine.model.name in {"tiny", "motion"}


# --- Real pictures ---------------------------------------------------------------------------


def letterboxed(picture: NDArray[np.uint8]) -> tuple[NDArray[np.float32], float]:
    """The authors' preprocessing: BGR at full size, resized, padded with 114."""
    height, width = picture.shape[:2]
    ratio = min(416 / height, 416 / width)
    small = cv2.resize(picture, (int(width * ratio), int(height * ratio)))
    square = np.full((416, 416, 3), 114, np.uint8)
    square[: small.shape[0], : small.shape[1]] = small
    return square.transpose(2, 0, 1)[None].astype(np.float32), ratio


def straight(
    backend: OnnxBackend, picture: NDArray[np.uint8]
) -> list[tuple[tuple[float, ...], float, int]]:
    """YOLOX the plain way: (box, confidence, class) of all above 0.5 after suppression at 0.45."""
    tensor, ratio = letterboxed(picture)
    rows = backend.run({"images": tensor})["output"][0]
    cells = [
        (x, y, stride)
        for stride in (8, 16, 32)
        for y in range(416 // stride)
        for x in range(416 // stride)
    ]
    found = []
    for (cell_x, cell_y, stride), row in zip(cells, rows, strict=True):
        confidence = float(row[4] * row[5:].max())
        if confidence >= 0.5:
            x, y = (row[0] + cell_x) * stride, (row[1] + cell_y) * stride
            w, h = np.exp(row[2]) * stride, np.exp(row[3]) * stride
            box = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
            found.append((tuple(v / ratio for v in box), confidence, int(row[5:].argmax())))
    kept: list[tuple[tuple[float, ...], float, int]] = []
    for one in sorted(found, key=lambda f: -f[1]):
        if all(one[2] != other[2] or overlap(one[0], other[0]) <= 0.45 for other in kept):
            kept.append(one)
    return kept


def overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def as_frame(picture: NDArray[np.uint8]) -> Frame:
    """A picture as a camera would send it: BT.601, limited range, 4:2:0."""
    height, width = picture.shape[:2]
    flat = cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420).reshape(-1)
    n, half = width * height, (height // 2, width // 2)
    y, u, v = flat[:n], flat[n : n + n // 4], flat[n + n // 4 :]
    planes = [
        p.reshape(s).astype(np.uint8) for p, s in ((y, (height, width)), (u, half), (v, half))
    ]
    return Frame(stamp(), planes[0], planes[1], planes[2], Colour("bt601"))


@pytest.fixture(scope="module")
def pictures(shared: Path) -> list[NDArray[np.uint8]]:
    """Twenty COCO pictures, cut to even sizes."""
    read = [cv2.imread(str(p)) for p in sorted((shared / "images" / "coco-dev").glob("*.jpg"))[:20]]
    return [
        p[: p.shape[0] // 2 * 2, : p.shape[1] // 2 * 2].astype(np.uint8)
        for p in read
        if p is not None
    ]


def test_yolox_nano_agrees_with_the_straight_way(
    shared: Path, pictures: list[NDArray[np.uint8]]
) -> None:
    """Planes resized apart find what the full-size BGR picture finds.

    Of the straight way's sure boxes (0.5 and above), at least nine in ten are found with the same
    class, IoU 0.75 and confidence within 0.15.
    """
    models = Models([shared / "models"])
    path, card = models.find("yolox-nano"), models.card("yolox-nano")
    reference = OnnxBackend(path, card, threads=1)
    options = Options(kind="onnx", model="yolox-nano", threads=1, confidence=0.3)
    detector = options.engine(models, unbatched).detector()
    n_all = n_found = 0
    for picture in pictures:
        ours = detector.detect(as_frame(picture))
        for box, confidence, class_id in straight(reference, picture):
            n_all += 1
            n_found += any(
                k == class_id
                and abs(float(c) - confidence) <= 0.15
                and overlap(box, tuple(map(float, b))) >= 0.75
                for b, c, k in zip(ours.xyxy, ours.confidence, ours.class_id, strict=True)
            )
    assert n_all >= 30
    assert n_found >= 0.9 * n_all


def test_deimv2_femto_finds_what_is_annotated(
    shared: Path, pictures: list[NDArray[np.uint8]]
) -> None:
    """Three in four of its sure boxes are objects a person drew, of the same class."""
    models = Models([shared / "models"])
    options = Options(kind="onnx", model="deimv2-femto", threads=1, confidence=0.6)
    detector = options.engine(models, unbatched).detector()
    truth = json.loads((shared / "images" / "coco-dev" / "instances.json").read_text())
    names = {category["id"]: category["name"] for category in truth["categories"]}
    ids = {image["file_name"]: image["id"] for image in truth["images"]}
    files = sorted((shared / "images" / "coco-dev").glob("*.jpg"))[:20]
    n_all = n_right = 0
    for file, picture in zip(files, pictures, strict=True):
        drawn = [a for a in truth["annotations"] if a["image_id"] == ids[file.name]]
        found = detector.detect(as_frame(picture))
        for box, class_id in zip(found.xyxy, found.class_id, strict=True):
            n_all += 1
            n_right += any(
                names[a["category_id"]] == found.model.labels[class_id]
                and overlap(
                    tuple(map(float, box)),
                    (
                        a["bbox"][0],
                        a["bbox"][1],
                        a["bbox"][0] + a["bbox"][2],
                        a["bbox"][1] + a["bbox"][3],
                    ),
                )
                >= 0.5
                for a in drawn
            )
    assert n_all >= 30
    assert n_right >= 0.75 * n_all


def test_a_batch_answers_as_single_runs_do(shared: Path) -> None:
    """Several pictures at once, and each gets its own answer."""
    models = Models([shared / "models"])
    backend = OnnxBackend(models.find("deimv2-femto"), models.card("deimv2-femto"), threads=2)
    images = np.random.default_rng(0).random((2, 3, 416, 416), np.float32)
    sizes = np.array([[416, 416]] * 2, np.int64)
    both = backend.run({"images": images, "orig_target_sizes": sizes})
    for row in range(2):
        one = backend.run({"images": images[row : row + 1], "orig_target_sizes": sizes[:1]})
        np.testing.assert_allclose(both["scores"][row], one["scores"][0], atol=1e-4)


def test_loading_writes_nothing_to_the_terminal(tmp_path: Path) -> None:
    """The library's notes would bury what a technician must read."""
    write_model(tmp_path)
    code = (
        "from pathlib import Path; from edge.detectors import Models, unbatched; "
        "from edge.detectors.onnx import Options; "
        f"Options(kind='onnx', model='tiny').engine(Models([Path({str(tmp_path)!r})]), unbatched)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout + done.stderr == ""
