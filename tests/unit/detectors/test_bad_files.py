"""Files that cannot be used and libraries that are missing: the exact words, in bad_files.txt.

There `<...>` stands for words of a vendor's library, which change with its version, `FOLDER` for
the test's folder. Both sides are named, and the command that repairs it. Engines of another device
or version: test_tensorrt_on_host.py.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.detectors import Models, NetworkOptions, unbatched
from edge.detectors._onnx_file import read_header
from edge.errors import EdgeError, ModelError
from edge.options import kinds
from tests.unit.detectors.on_host import nvidia_on_host
from tests.unit.detectors.tiny_model import constant_network, grid, write_card, write_model

IMAGES = {"images": ("float32", (1, 3, 32, 32))}
WHOLE = constant_network(IMAGES, {"output": grid()})
HALF = len(WHOLE) // 2
LINES = Path(__file__).with_name("bad_files.txt").read_text("utf-8").splitlines()
TEXTS = dict(line.split(" | ", 1) for line in LINES)

FILES = {
    "cut short": WHOLE[:HALF],
    "foreign": b"PK\x03\x04 an archive of weights",
    "labels": constant_network(IMAGES, {"output": np.zeros((1, 21, 85), np.float32)}),
    "size": constant_network({"images": ("float32", (1, 3, 64, 64))}, {"output": grid()}),
    "input": constant_network({"x": ("float32", (1, 3, 32, 32))}, {"output": grid()}),
}
"""What every kind says in the same words."""

GRAPHS = {
    "operator": WHOLE.replace(b"Constant", b"Konstant"),
    "opset of the future": constant_network(IMAGES, {"output": grid()}, opset=99),
    "opset of the past": constant_network(IMAGES, {"output": grid()}, opset=0),
}
"""What each library judges for itself."""


@pytest.fixture(autouse=True)
def _stand_ins() -> Iterator[None]:
    """For NVIDIA's libraries."""
    with nvidia_on_host():
        yield


def check(case: str, kind: str, folder: Path, *, is_built: bool = False, **told: str) -> None:
    """What a kind says of the model in a folder is what stands in the table."""
    if kind == "openvino" and "openvino" not in case:
        pytest.importorskip("openvino", reason="not installed: pip install '.[openvino]'")
    with pytest.raises(EdgeError) as caught:
        opened(kind, folder, is_built=is_built)
    text = str(caught.value).replace(str(folder), "FOLDER")
    library = {"onnx": "onnxruntime", "openvino": "openvino"}.get(kind)
    if library is not None:
        text = text.replace(version(library).partition("-")[0], "VERSION")
    for word, value in told.items():
        text = text.replace(value, word)
    pattern = re.escape(TEXTS[case]).replace(re.escape("<...>"), ".+")
    assert re.fullmatch(pattern, text), text


def opened(kind: str, folder: Path, *, is_built: bool) -> None:
    """Open it, and build it first where that has to be."""
    options = kinds("edge.detectors")[kind].model_validate({"kind": kind, "model": "tiny"})
    assert isinstance(options, NetworkOptions)
    models = Models([folder], engines=folder / "engines")
    if options.builds == "otherwise" and not is_built:
        options.require()
        options.build(models.find("tiny"), models.card("tiny"), models.engines)
    options.engine(models, unbatched)


@pytest.mark.parametrize("kind", ["onnx", "openvino", "tensorrt"])
@pytest.mark.parametrize("case", FILES)
def test_every_kind_says_the_same_of_a_bad_file(tmp_path: Path, kind: str, case: str) -> None:
    """Whichever library would have read it."""
    write_model(tmp_path, FILES[case])
    check(case, kind, tmp_path, N=f"{len(WHOLE)}", M=f"{HALF}")


@pytest.mark.parametrize("case", [case for case in TEXTS if case.partition(", ")[2] in GRAPHS])
def test_what_a_library_refuses_is_said_with_the_file_s_opset(tmp_path: Path, case: str) -> None:
    """Its version and the file's opset are the two sides."""
    kind, _, graph = case.partition(", ")
    write_model(tmp_path, GRAPHS[graph])
    check(case, kind, tmp_path)


def test_weights_that_are_not_the_card_s_are_refused_by_hash(tmp_path: Path) -> None:
    """Before any library sees them: a truncated download, a newer export."""
    write_model(tmp_path).write_bytes(WHOLE[:-1])
    expected, got = (hashlib.sha256(content).hexdigest() for content in (WHOLE, WHOLE[:-1]))
    check("replaced", "onnx", tmp_path, EXPECTED=expected, GOT=got)


def test_a_card_that_contradicts_itself_names_the_key(tmp_path: Path) -> None:
    """Before any file is looked for."""
    write_card(tmp_path, tensors={"image": "images", "outputs": {"boxes": "output"}})
    check("card", "onnx", tmp_path)


@pytest.mark.parametrize(
    ("library", "kind"),
    [
        ("onnxruntime", "onnx"),
        ("openvino", "openvino"),
        ("tensorrt", "tensorrt"),
        ("pycuda", "tensorrt"),
    ],
)
def test_a_missing_library_is_said_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str, kind: str
) -> None:
    """Before card or weights are looked for."""
    if library == "pycuda":
        import tensorrt  # noqa: F401 - the stand-in, which needs onnxruntime
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, library, None)
        check(f"no {library}", kind, tmp_path)


def test_without_a_gpu_or_an_engine_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is expected of the box, and the command."""
    write_model(tmp_path)
    check("no engine", "tensorrt", tmp_path, is_built=True)
    monkeypatch.setenv("ON_HOST_FAULT", "no device")
    check("no GPU", "tensorrt", tmp_path)


@given(st.data())
def test_a_header_is_read_or_refused_whatever_the_bytes(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Cut anywhere or changed anywhere: our error, or a header; never another exception."""
    damaged = bytearray(WHOLE)
    if data.draw(st.booleans()):
        del damaged[data.draw(st.integers(0, len(WHOLE) - 1)) :]
    for place, value in data.draw(
        st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), max_size=3)
    ):
        if place < len(damaged):
            damaged[place] = value
    path = tmp_path_factory.getbasetemp() / "any.onnx"
    path.write_bytes(damaged)
    try:
        header: Any = read_header(path, "tiny")
    except ModelError as exc:
        assert "edge model pull tiny" in str(exc)  # noqa: PT017 - either outcome is right
    else:
        assert header.opset >= 0


def test_a_cut_file_is_never_taken_for_whole(tmp_path: Path) -> None:
    """At any byte inside the network."""
    path = tmp_path / "cut.onnx"
    for end in (*range(40), *range(40, len(WHOLE), 7), len(WHOLE) - 1):
        path.write_bytes(WHOLE[:end])
        with pytest.raises(ModelError, match=r"is cut short|is no ONNX file"):
            read_header(path, "tiny")
    path.write_bytes(WHOLE)
    assert str(read_header(path, "tiny")) == "opset 13"
