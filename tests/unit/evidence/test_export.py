"""An export proves itself: any byte that is changed is found, in the file it is in."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.errors import EvidenceError, EvidenceInvalid, InputError
from edge.evidence.export import Exported, Request, export
from edge.evidence.export_check import check
from edge.evidence.keeper import Keeper
from edge.evidence.retention import Bounds
from edge.evidence.sealed import Key
from edge.evidence.vault import Vault
from tests.unit.evidence.sidecar_builder import NOON, event_id, keep

REQUEST = Request("PC 1234", "URN 01/26 <script>", NOON)


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Vault:
    root = tmp_path_factory.mktemp("vault")
    keep(root, 1, os.urandom(3000))
    keep(root, 1, os.urandom(500), media="snapshot")
    keep(root, 2, os.urandom(500), media="clean", camera="south", begin=NOON + timedelta(days=1))
    return Vault(root)


def exported(vault: Vault, out: Path, **more: object) -> Exported:
    return export(vault, vault.scan()[0], out, REQUEST, **more)  # type: ignore[arg-type]


def names(problems: Iterable[str]) -> set[str]:
    return {problem.partition(":")[0] for problem in problems}


@pytest.fixture(scope="module")
def folder(vault: Vault, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(vault, tmp_path_factory.mktemp("out") / "bundle").path


@pytest.fixture(scope="module")
def zipped(vault: Vault, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(vault, tmp_path_factory.mktemp("out") / "bundle.zip").path


def test_what_is_in_it(vault: Vault, folder: Path) -> None:
    """Media and sidecars as they are in the vault; what was not given is said."""
    for item in vault.scan()[0]:
        copy = folder / "media" / item.path.relative_to(vault.folder)
        assert copy.read_bytes() == item.path.read_bytes()
        assert copy.with_name(copy.name + ".json").read_bytes() == item.sidecar_path.read_bytes()
    assert (folder / "audit.txt").read_text() == "AUDIT NOT PROVIDED\n"
    lines = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == [event_id(1), event_id(2)]
    assert {line["made_from"] for line in lines} == {"sidecar"}
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["who"] == "PC 1234"
    assert len(manifest["items"]) == 3
    cover = (folder / "cover.html").read_text()
    assert "URN 01/26 &lt;script&gt;" in cover
    assert "<script" not in cover
    assert "within 40 ms" in cover


def test_events_and_audit_that_are_given_stand_in_it(vault: Vault, tmp_path: Path) -> None:
    """As they are; only what has no message is made from a sidecar."""
    message = json.dumps({"id": event_id(1), "seq": 7}).encode()
    asked: list[datetime] = []

    def audit(begin: datetime, end: datetime) -> list[bytes]:
        asked.extend([begin, end])
        return [b'{"n":1}', b'{"n":2}\n']

    out = exported(vault, tmp_path / "x", events=[message], audit=audit).path
    first, second = (out / "events.jsonl").read_bytes().splitlines()
    assert first == message
    assert json.loads(second)["made_from"] == "sidecar"
    assert (out / "audit.jsonl").read_bytes() == b'{"n":1}\n{"n":2}\n'
    assert asked == [NOON, NOON + timedelta(days=1)]
    assert not (out / "audit.txt").exists()


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_the_script_needs_python_alone(folder: Path, zipped: Path, form: str) -> None:
    """It runs isolated, without site packages, and so does sha256sum."""
    command = [sys.executable, "-I", "-S", str(folder / "verify.py")]
    command += [] if form == "folder" else [str(zipped)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every file is as it was exported" in done.stdout
    sums = subprocess.run(["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=folder, check=False)
    assert sums.returncode == 0


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(which=st.integers(0, 10**6), place=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_any_changed_byte_is_found_and_its_file_named(
    folder: Path, which: int, place: int, bit: int
) -> None:
    """Of any file: media, sidecars, cover, the script and the list itself."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    file = files[which % len(files)]
    content = file.read_bytes()
    changed = bytearray(content)
    changed[place % len(changed)] ^= 1 << bit
    file.write_bytes(bytes(changed))
    try:
        problems, _ = check(folder)
    finally:
        file.write_bytes(content)
    name = file.relative_to(folder).as_posix()
    assert name in names(problems)
    assert name == "SHA256SUMS" or names(problems) == {name}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_any_changed_byte_of_a_zip_is_found(
    zipped: Path, tmp_path: Path, place: int, bit: int
) -> None:
    """Also in what only a zip has, by the digest beside it."""
    changed = bytearray(zipped.read_bytes())
    changed[place % len(changed)] ^= 1 << bit
    copy = tmp_path / zipped.name
    copy.write_bytes(bytes(changed))
    beside = zipped.with_name(zipped.name + ".sha256")
    shutil.copy(beside, tmp_path / beside.name)
    assert zipped.name in names(check(copy)[0])


def test_what_is_missing_or_added_is_named(folder: Path, tmp_path: Path) -> None:
    """A file that is gone, and one that was slipped in."""
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    (copy / "cover.html").unlink()
    (copy / "media" / "x.mp4").write_bytes(b"x")
    assert names(check(copy)[0]) == {"cover.html", "media/x.mp4"}
    assert check(tmp_path / "nowhere")[0]
    (tmp_path / "no.zip").write_bytes(b"PK no")
    assert names(check(tmp_path / "no.zip")[0]) == {"no.zip"}


def test_whoever_changes_the_list_too_changes_its_digest(vault: Vault, tmp_path: Path) -> None:
    """The digest that was recorded is not the one the script prints then."""
    told: list[Mapping[str, object]] = []
    recording = Vault(vault.folder, record=lambda _, facts: told.append(facts))
    made = exported(recording, tmp_path / "a")
    assert check(made.path) == ([], made.digest)
    assert told[0]["digest"] == made.digest
    assert told[0]["who"] == "PC 1234"
    assert exported(vault, tmp_path / "b").digest == made.digest


def test_encrypted_evidence_leaves_decrypted(tmp_path: Path) -> None:
    """Whoever gets it needs no key."""
    content = os.urandom(100_000)
    keep(tmp_path / "v", 1, content)
    vault = Vault(tmp_path / "v", key=Key(bytes(32)))
    Keeper(vault, Bounds(10**12, 30), free_bytes=lambda _: 10**12).tick(NOON)
    out = exported(vault, tmp_path / "x").path
    assert (out / "media" / "2026-11-23" / "north" / f"{event_id(1)}.mp4").read_bytes() == content
    with pytest.raises(EvidenceInvalid, match="no key is here"):
        exported(Vault(tmp_path / "v"), tmp_path / "y")


def test_what_is_damaged_is_left_out_and_said(tmp_path: Path) -> None:
    """On the cover, in the manifest and to the caller."""
    keep(tmp_path / "v", 1)
    made = keep(tmp_path / "v", 2)
    (tmp_path / "v" / "2026-11-23" / "north" / made.ref).write_bytes(b"other")
    done = exported(Vault(tmp_path / "v"), tmp_path / "x")
    assert done.n_items == 1
    assert made.ref in done.left_out[0]
    assert made.ref in json.loads((done.path / "manifest.json").read_text())["left_out"][0]
    assert "Left out because damaged" in (done.path / "cover.html").read_text()


def test_an_export_that_fails_leaves_nothing(vault: Vault, tmp_path: Path) -> None:
    """No half bundle lies about, and none is written over another."""
    (tmp_path / "there").mkdir()
    with pytest.raises(InputError, match="exists already"):
        exported(vault, tmp_path / "there")
    with pytest.raises(InputError, match="no such evidence"):
        export(vault, [], tmp_path / "x", REQUEST)
    with pytest.raises(InputError, match="who and why"):
        export(vault, vault.scan()[0], tmp_path / "x", Request("", "x", NOON))

    def torn(_begin: datetime, _end: datetime) -> list[bytes]:
        raise OSError(28, "No space left on device")

    for name in ("x", "x.zip"):
        with pytest.raises(EvidenceError, match="No space left"):
            exported(vault, tmp_path / name, audit=torn)
    assert [path.name for path in tmp_path.iterdir()] == ["there"]
