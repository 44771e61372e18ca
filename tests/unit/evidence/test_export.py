"""An export proves itself: any byte that is changed is found, in the file it is in."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.audit import AuditLog, excerpt
from edge.errors import EvidenceError, EvidenceInvalid, InputError
from edge.evidence.export import Audit, Exported, Request, export
from edge.evidence.export_check import check
from edge.evidence.keeper import Keeper
from edge.evidence.retention import Bounds
from edge.evidence.sealed import Key
from edge.evidence.vault import Vault
from edge.runtime.entries import event_entries
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
    assert (folder / "audit.txt").read_text().startswith("AUDIT NOT PROVIDED")
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


def test_events_that_are_given_stand_in_it(vault: Vault, tmp_path: Path) -> None:
    """As they are; only what has no message is made from a sidecar."""
    message = json.dumps({"id": event_id(1), "seq": 7}).encode()
    out = exported(vault, tmp_path / "x", events=[message]).path
    first, second = (out / "events.jsonl").read_bytes().splitlines()
    assert first == message
    assert json.loads(second)["made_from"] == "sidecar"


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export of a box with an audit log: one event, its clip, and what is none of its."""
    root = tmp_path_factory.mktemp("box")
    kept = keep(root / "evidence", 1, b"clip")
    message = json.dumps({"id": event_id(1), "kind": "line_crossed", "phase": "pulse"}).encode()
    log = AuditLog(root / "audit", "westminster/cabinet-017/audit")
    log.append("start", {"seq": 0})
    for entry in event_entries(message):
        log.append(*entry)
    log.append("login", {"who": "somebody else"})
    log.append("evidence.made", {"ref": kept.ref, "sha256": kept.sha256, "event": event_id(1)})
    log.append("stop", {})
    log.attend(is_last=True)
    log.append("evidence.viewed", {"ref": kept.ref, "who": "PC 1234", "why": "URN 01/26"})
    found = excerpt(root / "audit", [event_id(1), kept.ref], kept.begin)
    log.close()
    audit = Audit(found.lines, found.head, found.keys)
    vault = Vault(root / "evidence")
    return exported(vault, root / "out", events=[message], audit=audit).path


def test_records_of_the_audit_log_are_in_it_and_proven(logged: Path) -> None:
    """Those of what is exported and no others; who asked stays in the log."""
    records = [json.loads(line) for line in (logged / "audit.jsonl").read_bytes().splitlines()]
    kinds = [json.loads(given["record"])["kind"] for given in records]
    assert kinds == ["event", "evidence.made", "evidence.viewed"]
    assert "PC 1234" not in (logged / "audit.jsonl").read_text()
    problems, _ = check(logged)
    assert problems == []
    script = [sys.executable, "-I", "-S", str(logged / "verify.py")]
    said = subprocess.run(script, check=True, capture_output=True, text=True).stdout
    assert "2 records are in westminster/cabinet-017/audit, a log of 5 records; 1 are newer" in said
    assert "1 of 1 media files and 1 of 1 events are proven" in said
    assert "NOT checked here" in said


def rewritten(logged: Path, copy: Path, change: Callable[[list[Any]], None]) -> list[str]:
    """Problems of an export whose audit records, and list of files, somebody changed."""
    shutil.copytree(logged, copy)
    file = copy / "audit.jsonl"
    records = [json.loads(line) for line in file.read_bytes().splitlines()]
    change(records)
    file.write_text("".join(json.dumps(given) + "\n" for given in records))
    resum(copy)
    return check(copy)[0]


def resum(copy: Path) -> None:
    """The list of files, made to agree with what is there now."""
    lines = (copy / "SHA256SUMS").read_text().splitlines()[:-1]
    names = sorted(line.partition("  ")[2] for line in lines)
    sums = [f"{sha256((copy / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    own = sha256("".join(sums).encode()).hexdigest()
    (copy / "SHA256SUMS").write_text("".join(sums) + f"# this list: {own}\n")


def test_a_changed_record_is_found_though_the_list_of_files_agrees(
    logged: Path, tmp_path: Path
) -> None:
    """Its text, its proof, its place; and one that was made up."""

    def text(records: list[Any]) -> None:
        records[1]["record"] = records[1]["record"].replace(event_id(1), event_id(2))

    def proof(records: list[Any]) -> None:
        records[0]["proof"] = records[0]["proof"][:-1]

    def place(records: list[Any]) -> None:
        records[0]["n"] = 2

    def unread(records: list[Any]) -> None:
        records[0] = {"n": 1}

    for change in (text, proof, place, unread):
        problems = rewritten(logged, tmp_path / change.__name__, change)
        assert names(problems) == {"audit.jsonl"}, change


def test_media_and_messages_that_are_not_as_recorded_are_found(
    logged: Path, tmp_path: Path
) -> None:
    """Though list, sidecar and all else in the export were changed with them."""
    copy = tmp_path / "copy"
    shutil.copytree(logged, copy)
    (clip,) = copy.rglob("*.mp4")
    sidecar = clip.with_name(clip.name + ".json")
    before = sha256(clip.read_bytes()).hexdigest()
    clip.write_bytes(b"fake")
    after = sha256(b"fake").hexdigest()
    sidecar.write_text(sidecar.read_text().replace(before, after))
    events = copy / "events.jsonl"
    events.write_text(events.read_text().replace("line_crossed", "zone_entered"))
    resum(copy)
    media = clip.relative_to(copy).as_posix()
    assert names(check(copy)[0]) == {media, "events.jsonl"}


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

    class Torn(tuple[bytes, ...]):
        __slots__ = ()

        def __iter__(self) -> Iterator[bytes]:
            raise OSError(28, "No space left on device")

    for name in ("x", "x.zip"):
        with pytest.raises(EvidenceError, match="No space left"):
            exported(vault, tmp_path / name, audit=Audit(Torn()))
    assert [path.name for path in tmp_path.iterdir()] == ["there"]
