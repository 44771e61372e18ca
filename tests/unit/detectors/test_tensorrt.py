"""TensorRT without a GPU: the names it is called by, and what is refused before it is called.

The engine itself is not run here; docs/adr/0013-tensorrt.md says what that leaves open.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from pydantic import ValidationError

from edge.detectors import Models, unbatched
from edge.detectors._tensorrt import _check_precision, library
from edge.detectors.tensorrt import Options
from edge.errors import MissingDependency, ModelMismatch
from tests.conftest import REPOSITORY
from tests.unit.detectors.tiny_model import write_model

NAMES = Path(__file__).with_name("tensorrt_names")

PROGRESS = {
    "IBuilderConfig.progress_monitor",
    "IProgressMonitor",
    "IProgressMonitor.phase_finish",
    "IProgressMonitor.phase_start",
    "IProgressMonitor.step_complete",
}
WEAKLY_TYPED = {
    "BuilderFlag.FP16",
    "BuilderFlag.INT8",
    "NetworkDefinitionCreationFlag.EXPLICIT_BATCH",
}
ABSENT = {
    "8.6.1": {*PROGRESS, "NetworkDefinitionCreationFlag.STRONGLY_TYPED"},
    "10.3.0": set[str](),
    "10.13.3.9": set[str](),
    "10.16.1.11": set[str](),
    "11.0.0.114": WEAKLY_TYPED,
    "11.4.0.106": WEAKLY_TYPED,
}
"""Names a version does not have, and that the source asks for before it uses them."""


def symbols() -> ModuleType:
    """The script, which has no `.py` to import it by."""
    path = str(REPOSITORY / "scripts/tensorrt-symbols")
    loader = importlib.machinery.SourceFileLoader("tensorrt_symbols", path)
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def listed(version: str) -> dict[str, bool]:
    lines = (NAMES / f"{version}.txt").read_text("utf-8").splitlines()
    return {line[2:]: line[0] == "+" for line in lines}


@pytest.mark.parametrize("version", ABSENT)
def test_every_name_used_was_looked_up_in_the_real_bindings(version: str) -> None:
    """A new name fails here until `scripts/tensorrt-symbols --write` has been run."""
    found = listed(version)
    assert sorted(found) == symbols().used_here()
    assert {name for name, is_there in found.items() if not is_there} == ABSENT[version]


def test_no_version_is_forgotten() -> None:
    """The script, the lists and this file speak of the same versions."""
    assert list(symbols().WHEELS) == list(ABSENT)
    assert {path.stem for path in NAMES.glob("*.txt")} == set(ABSENT)


def test_names_are_found_wherever_they_are_used() -> None:
    """Modules, annotated arguments, variables and attributes, and methods that are overridden."""
    source = """
def build(builder: tensorrt.Builder):
    trt = library()
    config: tensorrt.IBuilderConfig = builder.create_builder_config()
    config.flags = trt.BuilderFlag.FP16
    class Log(trt.ILogger):
        def __init__(self): self._engine: tensorrt.ICudaEngine = None
        def log(self): return self._engine.name
"""
    assert symbols().names_used(source) == {
        "Builder.create_builder_config",
        "BuilderFlag",
        "BuilderFlag.FP16",
        "IBuilderConfig.flags",
        "ICudaEngine.name",
        "ILogger",
        "ILogger.log",
    }


@pytest.mark.parametrize(
    "line", ["b.create_builder_config().flags", "c = b.create_builder_config(); c.flags"]
)
def test_a_result_of_unknown_class_is_refused(line: str) -> None:
    """Otherwise its attributes would be used unseen."""
    script = symbols()
    with pytest.raises(script.Unclear, match="annotate the result"):
        script.names_used(f"def f(b: tensorrt.Builder):\n    {line}")


def test_without_tensorrt_the_command_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Before card or weights are looked for."""
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    options = Options(kind="tensorrt", model="tiny")
    with pytest.raises(MissingDependency, match="python3-libnvinfer"):
        options.engine(Models([tmp_path]), unbatched)


def test_a_tensorrt_of_an_older_jetpack_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both versions are named."""
    old = ModuleType("tensorrt")
    old.__dict__["__version__"] = "8.5.2.2"
    monkeypatch.setitem(sys.modules, "tensorrt", old)
    with pytest.raises(MissingDependency, match=r"needs TensorRT 8\.6 or later, got 8\.5\.2\.2"):
        library()


def test_without_pycuda_the_command_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """TensorRT alone runs nothing."""
    new = ModuleType("tensorrt")
    new.__dict__["__version__"] = "10.3.0"
    monkeypatch.setitem(sys.modules, "tensorrt", new)
    monkeypatch.setitem(sys.modules, "pycuda", None)
    options = Options(kind="tensorrt", model="tiny")
    with pytest.raises(MissingDependency, match="pip install pycuda"):
        options.require()
    path = write_model(tmp_path)
    with pytest.raises(MissingDependency, match="pip install pycuda"):
        options.is_built(path, Models([tmp_path]).card("tiny"), tmp_path)


def test_precision_is_one_of_three() -> None:
    """A typing error is no silent default."""
    assert Options(kind="tensorrt", model="tiny").precision == "auto"
    with pytest.raises(ValidationError, match="fp16"):
        Options.model_validate({"kind": "tensorrt", "model": "tiny", "precision": "half"})


@pytest.mark.parametrize(
    ("has", "is_in"),
    [(set[str](), "fp32"), ({"fp16"}, "fp16"), ({"int8"}, "int8"), ({"fp16", "int8"}, "int8")],
)
def test_precision_is_the_file_s(has: set[str], is_in: str) -> None:
    """What is asked for and what the file holds are compared, and both named."""
    for wanted in ("fp32", "fp16", "int8"):
        if wanted == is_in:
            _check_precision(has, wanted, Path("x.onnx"))
            continue
        with pytest.raises(ModelMismatch, match=f"expected a network in {wanted}.* in {is_in};"):
            _check_precision(has, wanted, Path("x.onnx"))
