"""Lines of the log reach the journal with their camera, and no flood of them does."""

from __future__ import annotations

import logging
import socket
from pathlib import Path

from edge.runtime.journal import MOST, WINDOW_S, JournalHandler, Limiter


def parsed(datagram: bytes) -> dict[str, str]:
    """The journal's native protocol, read as systemd reads it."""
    found = {}
    while datagram:
        head, _, rest = datagram.partition(b"\n")
        if b"=" in head:
            name, _, value = head.partition(b"=")
            datagram = rest
        else:
            name, size = head, int.from_bytes(rest[:8], "little")
            value, datagram = rest[8 : 8 + size], rest[9 + size :]
        found[name.decode()] = value.decode()
    return found


def record(level: int, text: str, *args: object) -> logging.LogRecord:
    return logging.LogRecord("edge.camera", level, "camera.py", 7, text, args, None)


def test_a_line_arrives_with_its_fields(tmp_path: Path) -> None:
    """Priority, camera and text, also of several lines and with `=` in them."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(str(tmp_path / "socket"))
        handler = JournalHandler(tmp_path / "socket")
        handler.emit(record(logging.WARNING, "camera %s: %s", "yard", "a=b\nsecond line"))
        handler.emit(record(logging.INFO, "stopped"))
        first, second = parsed(journal.recv(65536)), parsed(journal.recv(65536))
        handler.close()
    assert first["MESSAGE"] == "camera yard: a=b\nsecond line"
    assert (first["PRIORITY"], first["CAMERA"], first["CODE_LINE"]) == ("4", "yard", "7")
    assert (second["PRIORITY"], "CAMERA" in second) == ("6", False)


def test_a_flood_is_held_back_and_counted() -> None:
    """Ten of a kind a minute; the next one that passes says how many did not."""
    limiter = Limiter()
    flood = [limiter.admit(("lost", "yard"), t / 10) for t in range(100)]
    assert [one for one in flood if one is not None] == [0] * MOST
    assert limiter.n_held == 100 - MOST
    assert limiter.admit(("lost", "gate"), 10.0) == 0  # another camera is not held back by it
    assert limiter.admit(("lost", "yard"), WINDOW_S) == 100 - MOST
    assert limiter.admit(("lost", "yard"), WINDOW_S + 1) == 0
