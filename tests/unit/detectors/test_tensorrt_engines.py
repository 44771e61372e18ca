"""Engines on disk: what is kept, what is refused, and what a full disk or two writers leave."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import threading
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.detectors._engines import EngineKey, EngineStore
from edge.errors import ModelError, ModelMismatch, ModelMissing
from tests.conftest import REPOSITORY

ORIN = "Orin (sm 8.7, 8 multiprocessors)"
KEY = EngineKey("yolox-nano", "a5" * 32, "tensorrt", "10.3.0", ORIN, "fp16")
OTHERS = {
    "model": "deimv2-femto",
    "model_sha256": "5a" * 32,
    "backend": "openvino",
    "version": "8.6.2",
    "device": "NVIDIA Thor (sm 11.0, 20 multiprocessors)",
    "precision": "int8",
}


def test_what_is_kept_is_read_again(tmp_path: Path) -> None:
    """Under a name that says what it is; nothing else is left in the folder."""
    store = EngineStore(tmp_path / "engines")
    assert not store.has(KEY)
    path = store.keep(KEY, b"engine")
    assert path.name == (
        "a5a5a5a5a5a5a5a5-tensorrt-10.3.0-orin-sm-8.7-8-multiprocessors-fp16.engine"
    )
    assert store.has(KEY)
    assert store.read(KEY) == b"engine"
    assert store.keep(KEY, b"a newer one") == path
    assert store.read(KEY) == b"a newer one"
    assert list(path.parent.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o644


def test_without_an_engine_those_of_other_boxes_are_named(tmp_path: Path) -> None:
    """What is expected, what is there, and the command that makes it."""
    store = EngineStore(tmp_path)
    with pytest.raises(ModelMissing, match="got none at all"):
        store.read(KEY)
    for name in ("version", "device"):
        store.keep(replace(KEY, **{name: OTHERS[name]}), b"engine")
    (tmp_path / f"{KEY.model_sha256[:16]}-stranger.engine").write_bytes(b"stranger")
    with pytest.raises(ModelMissing) as caught:
        store.read(KEY)
    assert str(caught.value) == (
        f"no engine of yolox-nano for this box in {tmp_path}: expected fp16 for {ORIN}, tensorrt "
        "10.3.0; got fp16 for NVIDIA Thor (sm 11.0, 20 multiprocessors), tensorrt 10.3.0; fp16 "
        f"for {ORIN}, tensorrt 8.6.2; "
        "run `edge model build yolox-nano --kind tensorrt --precision fp16`"
    )


@pytest.mark.parametrize("name", OTHERS)
def test_an_engine_made_for_something_else_is_refused(tmp_path: Path, name: str) -> None:
    """Also under the right name, as when a folder was copied or a file renamed."""
    store = EngineStore(tmp_path)
    foreign = replace(KEY, **{name: OTHERS[name]})
    store.keep(foreign, b"engine").replace(tmp_path / KEY.file_name)
    assert not store.has(KEY)
    with pytest.raises(ModelMismatch, match="edge model build yolox-nano") as caught:
        store.read(KEY)
    told = OTHERS[name][:8] if name == "model_sha256" else OTHERS[name]
    assert told in str(caught.value).partition("; got ")[2]


def test_every_part_of_a_key_was_tried() -> None:
    """A part that is added to the key is added above."""
    assert [field.name for field in fields(EngineKey)] == list(OTHERS)


@settings(deadline=None, max_examples=40)  # each writes to the disk and waits for it
@given(st.data())
def test_a_damaged_engine_is_never_used(data: st.DataObject) -> None:
    """Whatever byte is changed or wherever it ends: it is refused, or the content is the same."""
    content = b"engine" * 20
    with tempfile.TemporaryDirectory() as folder:
        store = EngineStore(Path(folder))
        path = store.keep(KEY, content)
        damaged = bytearray(path.read_bytes())
        place = data.draw(st.integers(0, len(damaged) - 1))
        if data.draw(st.booleans()):
            del damaged[place:]
        else:
            damaged[place] ^= data.draw(st.integers(1, 255))
        path.write_bytes(damaged)
        try:
            assert store.read(KEY) == content
        except ModelError as exc:
            assert "build" in str(exc)  # noqa: PT017 - either outcome is right


def test_a_file_that_ends_early_is_not_even_offered(tmp_path: Path) -> None:
    """The cheap question already sees it, so that another kind is chosen in time."""
    store = EngineStore(tmp_path)
    path = store.keep(KEY, b"engine")
    path.write_bytes(path.read_bytes()[:-1])
    assert not store.has(KEY)
    with pytest.raises(ModelError, match="expected 6 bytes of engine, got 5"):
        store.read(KEY)


def test_a_full_disk_leaves_the_old_engine(tmp_path: Path) -> None:
    """A process that may write 4 KiB and no more tries to keep a larger engine."""
    store = EngineStore(tmp_path)
    store.keep(KEY, b"the old one")
    program = f"""
import resource
from pathlib import Path
from edge.detectors._engines import EngineStore
from edge.errors import ModelError
from tests.unit.detectors.test_tensorrt_engines import KEY
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
try:
    EngineStore(Path({str(tmp_path)!r})).keep(KEY, bytes(100_000))
except ModelError as exc:
    print(exc)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert re.search("cannot be written: File too large; free space", done.stdout)
    assert store.read(KEY) == b"the old one"
    assert [path.name for path in tmp_path.iterdir()] == [KEY.file_name]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A file is in the way."""
    (tmp_path / "engines").write_text("")
    with pytest.raises(ModelError, match=r"engines/a5.*cannot be written: .*; free space"):
        EngineStore(tmp_path / "engines").keep(KEY, b"engine")
    with pytest.raises(ModelError, match="cannot be read"):
        EngineStore(tmp_path / "engines").read(KEY)


def test_a_reader_sees_one_writer_s_engine_or_the_other_s(tmp_path: Path) -> None:
    """The daemon opens while `edge model build` replaces, and both may build at once."""
    store = EngineStore(tmp_path)
    engines = {bytes([number]) * 200_000 for number in range(2)}
    store.keep(KEY, min(engines))

    def write(engine: bytes) -> None:
        for _ in range(8):
            store.keep(KEY, engine)

    writers = [threading.Thread(target=write, args=(engine,)) for engine in engines]
    for writer in writers:
        writer.start()
    n_read = 0
    while any(writer.is_alive() for writer in writers) or not n_read:
        assert store.read(KEY) in engines
        n_read += 1
    for writer in writers:
        writer.join()
    assert [path.name for path in tmp_path.iterdir()] == [KEY.file_name]


def test_what_was_learnt_is_kept_for_a_device_and_version(tmp_path: Path) -> None:
    """Another model of the same box profits; another version does not."""
    store = EngineStore(tmp_path)
    assert store.notes(KEY) == b""
    store.keep_notes(KEY, b"timings")
    assert store.notes(replace(KEY, model_sha256="5a" * 32, precision="int8")) == b"timings"
    assert store.notes(replace(KEY, version="8.6.2")) == b""


@given(st.text(min_size=1, max_size=80))
def test_a_file_s_name_is_fit_for_any_disk(device: str) -> None:
    """Whatever a driver calls its device."""
    name = replace(KEY, device=device).file_name
    assert re.fullmatch(r"[a-z0-9.-]+\.engine", name)
    assert len(name) < 255
