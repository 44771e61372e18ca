"""Doctor on detectors: what each runs on, how its engines are, and the command where one is due."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from edge.detectors import Builds, DetectorOptions, EngineStore, Models
from edge.detectors.auto import Options as Auto
from edge.detectors.motion import Options as Motion
from edge.detectors.onnx import Options as Onnx
from edge.detectors.tensorrt import Options as TensorRt
from edge.site import _detectors
from edge.site._detectors import examine_detector
from tests.unit.detectors.on_host import nvidia_on_host
from tests.unit.detectors.tiny_model import write_model

AUTO = Auto(kind="auto", model="tiny")
TENSORRT = TensorRt(kind="tensorrt", model="tiny")
HOST = "fp32 for Host (sm 0.1, 1 multiprocessors), tensorrt 10.13.3.9"
WILL = "the daemon builds it in the background and watches meanwhile"
BUILD = "edge model build tiny --kind tensorrt --precision fp32 --config /etc/edge"


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Models:
    """A box with weights, on which no library but ONNX Runtime is installed."""
    write_model(tmp_path)
    for library in ("openvino", "tensorrt"):
        monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.setattr(_detectors, "NVIDIA", ())
    return Models([tmp_path], engines=tmp_path / "engines")


@pytest.fixture
def nvidia(models: Models, monkeypatch: pytest.MonkeyPatch) -> Iterator[Models]:
    """And one with an NVIDIA GPU, as far as it goes."""
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "openvino", None)
    with nvidia_on_host():
        yield models


def said(options: DetectorOptions, models: Models) -> dict[str, tuple[str, str, str]]:
    return {
        check.name: (check.level, check.found, check.remedy)
        for check in examine_detector("street", options, models, Path("/etc/edge"))
    }


def test_it_says_what_a_detector_runs_on(models: Models) -> None:
    """Kind, version of the library, device and precision."""
    import onnxruntime

    (level, found, remedy) = said(AUTO, models)["detector street"]
    assert (level, remedy) == ("green", "")
    assert found.startswith("tiny@")
    assert found.endswith(
        f"loads and answers: fp32 for the processor, onnx {onnxruntime.__version__}"
    )
    assert said(Onnx(kind="onnx", model="tiny"), models) == said(AUTO, models)
    assert said(Motion(kind="motion"), models)["detector street"][1].startswith("motion@")


def test_an_engine_that_openvino_would_open_faster_is_green(tmp_path: Path) -> None:
    """It runs without, and the daemon builds it."""
    pytest.importorskip("openvino", reason="not installed: pip install '.[openvino]'")
    write_model(tmp_path)
    models = Models([tmp_path], engines=tmp_path / "engines")
    level, found, remedy = said(AUTO, models)["engine street openvino"]
    assert (level, remedy) == ("green", "")
    assert "none was built; the daemon builds it in the background" in found


def test_a_gpu_whose_library_is_missing_is_amber(
    models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The box watches, and could do better; the command is named."""
    assert "engine street tensorrt" not in said(AUTO, models)
    monkeypatch.setattr(_detectors, "NVIDIA", (str(tmp_path),))
    level, found, remedy = said(AUTO, models)["engine street tensorrt"]
    assert level == "amber"
    assert found.startswith("there is an NVIDIA GPU, and kind tensorrt needs TensorRT, which ")
    assert "apt-get install python3-libnvinfer" in remedy


def test_a_kind_that_was_asked_for_and_is_not_installed_is_red(models: Models) -> None:
    """With the command that installs it."""
    (check,) = examine_detector("street", TENSORRT, models, Path("/etc/edge"))
    assert (check.level, check.is_missing) == ("red", True)
    assert check.found.startswith("kind tensorrt needs TensorRT, which cannot be imported")
    assert check.found.endswith("the box would watch with the motion detector only")
    assert check.remedy.startswith("on a Jetson run `apt-get install python3-libnvinfer`")


@pytest.mark.parametrize("options", [AUTO, TENSORRT], ids=["auto", "tensorrt"])
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param("nothing", ("amber", f"none was built; {WILL}", BUILD), id="none"),
        pytest.param("this", ("green", "built", ""), id="built"),
        pytest.param(
            "version",
            (
                "amber",
                f"stale: there is one of tiny SHA, {HOST.replace('10.13.3.9', '8.6.2')}; {WILL}",
                BUILD,
            ),
            id="stale",
        ),
        pytest.param(
            "device",
            (
                "amber",
                f"foreign: there is one of tiny SHA, {HOST.replace('Host', 'Orin')}; {WILL}",
                BUILD,
            ),
            id="foreign",
        ),
        pytest.param(
            "failure",
            ("amber", "could not be built: no memory; the daemon does not try again", BUILD),
            id="failed",
        ),
        pytest.param(
            "building",
            (
                "amber",
                "is being built; used once it is ready",
                "edge model list --config /etc/edge",
            ),
            id="building",
        ),
    ],
)
def test_it_says_how_an_engine_is(
    nvidia: Models, options: DetectorOptions, given: str, expected: tuple[str, str, str]
) -> None:
    """Built, stale, foreign, failed, in the making: both sides, and what to do."""
    key = TENSORRT.engine_key(nvidia)
    store, builds = EngineStore(nvidia.engines), Builds(nvidia.engines)
    if given == "this":
        TENSORRT.build(nvidia.find("tiny"), nvidia.card("tiny"), nvidia.engines)
    if given == "version":
        store.keep(replace(key, version="8.6.2"), b"engine")
    if given == "device":
        store.keep(replace(key, device="Orin (sm 0.1, 1 multiprocessors)"), b"engine")
    nvidia.engines.mkdir(exist_ok=True)
    if given == "failure":
        builds.fail(key, "no memory")
    with builds.begun(key) if given == "building" else nullcontext():
        told = said(options, nvidia)
    level, found, remedy = expected
    found = f"{HOST}: {found}".replace("SHA", key.model_sha256[:8])
    assert told["engine street tensorrt"] == (level, found, remedy)
    watching = "tensorrt 10.13.3.9" if given == "this" else "onnx "
    assert told["detector street"][0] == "green"
    assert watching in told["detector street"][1]


def test_an_engine_that_does_not_open_is_amber_and_another_kind_watches(
    nvidia: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TensorRT's own reason, and the command."""
    TENSORRT.build(nvidia.find("tiny"), nvidia.card("tiny"), nvidia.engines)
    monkeypatch.setenv("ON_HOST_FAULT", "deserialise")
    told = said(AUTO, nvidia)
    level, found, remedy = told["engine street tensorrt"]
    assert (level, remedy) == ("amber", f"run `{BUILD.partition(' --config')[0]}`")
    assert found.endswith("cannot be opened: Serialization assertion failed")
    assert "onnx " in told["detector street"][1]
