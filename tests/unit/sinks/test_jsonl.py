"""Event messages in a rotating file."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from edge.errors import SinkError
from edge.sinks import open_publisher
from edge.sinks._outbox import Stored
from edge.sinks.jsonl import JsonLines, Options
from tests.unit.sinks.events_builder import ORIGIN, crossing


def line(n: int) -> Stored:
    return Stored(n, "topic", json.dumps({"seq": n, "fill": "x" * 80}).encode())


def numbers(path: Path) -> list[int]:
    return [json.loads(text)["seq"] for text in path.read_text().splitlines()]


def test_lines_are_the_messages_and_the_outbox_is_emptied(tmp_path: Path) -> None:
    """With no broker configured the file is the receiver: nothing piles up."""
    publisher = open_publisher(
        tmp_path, ORIGIN, [Options(path=Path("events.jsonl"))], folder=tmp_path
    )
    for n in range(3):
        publisher.emit(crossing(n))
    assert publisher.stats.depth == 0
    publisher.close()
    assert numbers(tmp_path / "events.jsonl") == [1, 2, 3]


def test_rotation_keeps_the_newest_files_and_breaks_no_line(tmp_path: Path) -> None:
    """Size is bounded, and each file holds whole lines."""
    path = tmp_path / "events.jsonl"
    sink = JsonLines(path, max_bytes=350, keep=2)
    for n in range(20):
        sink.deliver(line(n))
    sink.close()
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["events.jsonl", "events.jsonl.1", "events.jsonl.2"]
    kept = [n for file in (files[2], files[1], files[0]) for n in numbers(file)]
    assert kept == list(range(kept[0], 20))
    assert all(file.stat().st_size <= 350 for file in files)


def test_restart_appends_after_a_torn_line(tmp_path: Path) -> None:
    """Half a line from a power cut does not swallow the next one."""
    path = tmp_path / "events.jsonl"
    path.write_bytes(line(1).payload + b'\n{"seq": 2, "fi')
    sink = JsonLines(path, max_bytes=10_000, keep=1)
    sink.deliver(line(3))
    sink.close()
    assert path.read_text().splitlines()[2] == line(3).payload.decode()


def test_unwritable_place_is_named(tmp_path: Path) -> None:
    """The engineer reads which file, and what to do."""
    with pytest.raises(SinkError, match=r"jsonl .*/nowhere/events.jsonl: No such file"):
        JsonLines(tmp_path / "nowhere" / "events.jsonl", 1000, 1)


def test_full_disk_is_counted_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """A line that cannot be written is not an event lost, and not a silence."""
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    sink = JsonLines(full, max_bytes=1000, keep=1)
    with caplog.at_level(logging.ERROR):
        sink.deliver(line(1))
        sink.deliver(line(2))
    sink.close()
    assert sink.failed == 2
    assert caplog.text.count("No space left") == 1
