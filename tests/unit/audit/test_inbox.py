"""What commands leave to be recorded while the daemon holds the log."""

from __future__ import annotations

import json
from pathlib import Path

from edge.audit import FOLDER, collect, leave, read, verify
from edge.message import Origin
from edge.runtime.books import Books
from tests.servers import eventually

ORIGIN = Origin("test", "box", "0" * 64)


def test_it_is_recorded_once_in_order_and_its_person_is_kept_apart(tmp_path: Path) -> None:
    """What was left before the start and while it runs; and the log verifies."""
    folder = tmp_path / FOLDER
    leave(folder, "evidence.exported", {"refs": ["a.mp4"], "who": "PC 42", "why": "case 7"})
    books = Books(tmp_path, ORIGIN)
    try:
        leave(folder, "evidence.viewed", {"ref": "b.jpg", "who": "PC 43"})
        assert eventually(lambda: not list(collect(folder)), 10.0)
    finally:
        books.close()
    kept = [record for record in read(folder) if record.kind.startswith("evidence.")]
    assert [record.kind for record in kept] == ["evidence.exported", "evidence.viewed"]
    assert kept[0].facts == {"refs": ["a.mp4"]}
    assert kept[0].personal == {"who": "PC 42", "why": "case 7"}
    assert not verify(folder).findings


def test_what_cannot_be_read_is_a_gap_and_holds_nobody_up(tmp_path: Path) -> None:
    """A file that a person put there, or of a newer version."""
    folder = tmp_path / FOLDER
    leave(folder, "evidence.viewed", {"ref": "b.jpg"})
    inbox = folder / "inbox"
    (inbox / "00-odd.json").write_text("{")
    (inbox / "01-odd.json").write_text(json.dumps({"kind": "telepathy", "facts": {}}))
    (inbox / "02-odd.json").write_text(" " * 100_000)
    found = [kind for _, kind, _ in collect(folder)]
    assert sorted(found) == ["evidence.viewed", *["log.gap"] * 3]
