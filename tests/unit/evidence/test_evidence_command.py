"""`edge evidence`, as a person and a script use it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge.audit import AuditLog, collect
from edge.cli import main
from edge.runtime.entries import event_entries
from edge.sinks import Outbox
from tests.storage_servers import web_server
from tests.unit.evidence.sidecar_builder import NOON, event_id, keep
from tests.unit.evidence.test_export import resum
from tests.unit.sinks.events_builder import ORIGIN, crossing

BY = ("--who", "PC 1234", "--why", "URN 01/26")


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    root = tmp_path / "var" / "evidence"
    keep(root, 1, b"one")
    keep(root, 1, b"two", media="snapshot")
    keep(root, 2, b"three", camera="south")
    return root.parent


def said(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_list(storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As a table that ends with the sum, or as JSON; by camera, event, kind and time."""
    where = ("--storage", str(storage))
    assert main(["evidence", "list", *where]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "3 pieces, 0.0 MiB, 0 legal holds"
    assert event_id(2) in lines[-2]
    for choice, n in (
        (["--camera", "south"], 1),
        (["--event", event_id(1)], 2),
        (["--media", "snapshot"], 1),
        (["--from", "2026-11-23T12:00:05Z"], 2),
        (["--to", "2026-11-23T11:00"], 0),
        (["--held"], 0),
    ):
        assert main(["evidence", "list", *where, *choice, "--json"]) == 0
        assert len(said(capsys)["items"]) == n, choice


def test_hold_and_release(storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says how much is held, `list` shows by whom; what was not held cannot be released."""
    where = ("--storage", str(storage))
    assert main(["evidence", "hold", event_id(1), *where, *BY, "--json"]) == 0
    assert said(capsys)["items"] == 2
    assert main(["evidence", "list", *where, "--held", "--json"]) == 0
    listed = said(capsys)
    assert len(listed["items"]) == 2
    assert listed["holds"][0]["who"] == "PC 1234"
    assert main(["evidence", "release", event_id(1), *where, *BY]) == 0
    assert main(["evidence", "release", event_id(1), *where, *BY]) == 2
    assert main(["evidence", "hold", "x", *where, *BY]) == 2
    assert "is no event or incident" in capsys.readouterr().err


def test_verify(storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing wrong is 0; a changed byte is 1 and names its file."""
    where = ("--storage", str(storage))
    assert main(["evidence", "verify", *where]) == 0
    assert "3 pieces of evidence: every byte is" in capsys.readouterr().out
    media = next(storage.rglob(f"{event_id(2)}.mp4"))
    media.write_bytes(b"threx")
    sidecar = next(storage.rglob(f"{event_id(1)}.jpg.json"))
    sidecar.write_bytes(sidecar.read_bytes().replace(b"gate-in", b"gate-on"))
    assert main(["evidence", "verify", *where, "--json"]) == 1
    problems = said(capsys)["problems"]
    assert sorted(problem.partition(":")[0] for problem in problems) == [str(sidecar), str(media)]


@pytest.mark.parametrize("name", ["bundle", "bundle.zip"])
def test_export(storage: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The event comes from the outbox, as it was sent; the bundle verifies, changed it does not."""
    outbox = Outbox(storage / "outbox.db")
    (stored,) = outbox.append(crossing(1), ORIGIN)
    outbox.close()
    event = json.loads(stored.payload)["id"]
    kept = keep(storage / "evidence", 3, event=event, incident=event, ref=f"{event}.mp4")
    log = AuditLog(storage / "audit", "westminster/cabinet-017/audit")
    for entry in event_entries(stored.payload):
        log.append(*entry)
    log.append("evidence.made", {"ref": kept.ref, "sha256": kept.sha256, "event": event})
    log.close()
    out = storage.parent / name
    order = ["evidence", "export", "--storage", str(storage), "--out", str(out), *BY]
    assert main([*order, "--event", event, "--json"]) == 0
    done = said(capsys)
    assert done["items"] == 1
    assert main(["evidence", "verify", str(out), "--json"]) == 0
    verified = said(capsys)
    assert verified["digest"] == done["digest"]
    assert "1 of 1 media files and 1 of 1 events are proven" in verified["audit"][1]
    assert f"signed by {log.key}" in verified["audit"][2]
    if out.is_dir():
        head = out / "audit-checkpoint.txt"
        genuine = head.read_text()
        for other in (genuine.replace("/cabinet-017/", "/cabinet-018/", 1), "x"):
            head.write_text(other)  # no signature is over that
            resum(out)
            assert main(["evidence", "verify", str(out)]) == 1
        head.write_text(genuine)
        resum(out)
        assert main(["evidence", "verify", str(out)]) == 0
        assert (out / "events.jsonl").read_bytes() == stored.payload + b"\n"
        (out / "cover.html").write_text("")
        script = [sys.executable, str(out / "verify.py")]
        assert "WRONG  cover.html" in subprocess.run(
            script, check=False, capture_output=True, text=True
        ).stdout  # fmt: skip
        assert main(["evidence", "verify", str(out)]) == 1
    assert main([*order, "--event", event]) == 2
    assert "exists already" in capsys.readouterr().err
    assert main(["evidence", "verify", str(storage / "nothing")]) == 2


def test_open(storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One file, copied out; never over another."""
    out = storage.parent / "clip.mp4"
    order = ["evidence", "open", f"{event_id(1)}.mp4", "--storage", str(storage), *BY]
    assert main([*order, "--out", str(out)]) == 0
    assert out.read_bytes() == b"one"
    ((_, kind, told),) = collect(storage / "audit")
    assert (kind, told["ref"]) == ("evidence.viewed", f"{event_id(1)}.mp4")
    assert (told["who"], told["why"]) == (BY[1], BY[3])
    assert main([*order, "--out", str(out)]) == 2
    order[2] = "nothing.mp4"
    assert main([*order, "--out", str(out)]) == 2
    assert "edge evidence list" in capsys.readouterr().err


def test_encrypted_needs_its_key(storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Named with --key-file; a key that is none is refused with the remedy."""
    from edge.evidence.sealed import Key
    from edge.evidence.vault import Vault

    key = storage.parent / "key"
    key.write_bytes(bytes(32))
    vault = Vault(storage / "evidence", key=Key.read(key))
    for item in vault.scan()[0]:
        assert vault.seal(item)
    order = ["evidence", "verify", "--storage", str(storage)]
    assert main(order) == 1
    assert "--key-file" in capsys.readouterr().out
    assert main([*order, "--key-file", str(key)]) == 0
    key.write_bytes(b"x")
    assert main([*order, "--key-file", str(key)]) == 2
    assert "openssl rand" in capsys.readouterr().err


def test_send(storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """To one that the configuration names; another name is refused with those there are."""
    folder = storage.parent
    with web_server() as server:
        upload = {"kind": "https", "url": f"http://127.0.0.1:{server.port}/up", "when": "command"}
        appliance = {
            "version": 1,
            "site": "test",
            "node": "cabinet-001",
            "mqtt": {"url": "mqtt://127.0.0.1:1883"},
            "storage": {
                "path": str(storage),
                "evidence": {"upload": {"hub": {**upload, "token": "${EDGE_TEST_TOKEN}"}}},
            },
            "detectors": {"street": {"kind": "motion"}},
        }
        (folder / "appliance.yaml").write_text(yaml.safe_dump(appliance))
        where = ("--config", str(folder))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("EDGE_TEST_TOKEN", "SECRET-TEXT")
            assert main(["evidence", "send", "hub", *where, "--camera", "south", "--json"]) == 0
            assert said(capsys)["sent"] == [f"{event_id(2)}.mp4"]
            assert server.read(f"2026-11-23/south/{event_id(2)}.mp4") == b"three"
            assert main(["evidence", "send", "hub", *where, "--camera", "south", "--json"]) == 0
            assert said(capsys)["sent"] == []
            assert main(["evidence", "send", "hob", *where]) == 2
            assert "there is 'hub'" in capsys.readouterr().err
            patch.setenv("EDGE_TEST_TOKEN", "WRONG-TEXT")
            assert main(["evidence", "send", "hub", *where]) == 1
            found = capsys.readouterr()
            assert "refused: 401" in found.err
            assert "WRONG-TEXT" not in found.err + found.out


def test_what_was_erased_is_listed(storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """When, why and what."""
    from edge.evidence.vault import Vault

    vault = Vault(storage / "evidence")
    vault.erase(vault.scan()[0][0], "days", NOON)
    assert main(["evidence", "list", "--storage", str(storage), "--erased", "--json"]) == 0
    (line,) = said(capsys)["erased"]
    assert (line["why"], line["camera"]) == ("days", "north")
