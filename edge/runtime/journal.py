"""Journal: log lines to systemd's journal with fields, at a rate a disk and a reader can bear.

Boundary: the journal's native protocol, one datagram to its socket (systemd's "Native Journal
Protocol"). Elsewhere the lines go to stderr as they always did. A line that begins `camera NAME:`
or `detector NAME:`, as they do by this project's habit, gets the field CAMERA= or DETECTOR=, so
that `journalctl CAMERA=high-street-north` shows that camera alone.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
import time
from pathlib import Path

SOCKET = Path("/run/systemd/journal/socket")

MOST, WINDOW_S = 10, 60.0
"""Lines of one kind about one camera that are let through in so many seconds."""

MOST_KINDS = 1000
"""Kinds of lines remembered: beyond, the oldest window is forgotten."""

_LEVELS = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
_SUBJECTS = {"camera %s": "CAMERA", "detector %s": "DETECTOR"}


class Limiter:
    """Lets so many lines of a kind through in a window, and counts the rest. Pure."""

    def __init__(self) -> None:
        self._windows: dict[tuple[str, ...], tuple[float, int]] = {}
        self.n_held = 0

    def admit(self, kind: tuple[str, ...], now: float) -> int | None:
        """Whether a line may pass.

        Args:
            kind: Lines alike in this are of one kind.
            now: Monotonic seconds.

        Returns:
            None if it is held back; else how many of its kind were since the last one that passed.
        """
        began, n = self._windows.get(kind, (now, 0))
        held = max(0, n - MOST)
        if now - began >= WINDOW_S:
            began, n = now, 0
        elif n < MOST:
            held = 0
        if kind not in self._windows and len(self._windows) >= MOST_KINDS:
            del self._windows[next(iter(self._windows))]
        self._windows[kind] = began, n + 1
        if n >= MOST:
            self.n_held += 1
            return None
        return held


class _Limit(logging.Filter):
    """The limiter on a handler; errors of ours with a traceback always pass."""

    def __init__(self) -> None:
        super().__init__()
        self.limiter = Limiter()
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info:
            return True
        with self._lock:
            kind = (record.name, str(record.msg), *fields(record).values())
            held = self.limiter.admit(kind, time.monotonic())
        if held:
            record.msg = f"{record.msg} (and {held} lines like this held back)"
        return held is not None


_limit = _Limit()


def held_back() -> int:
    """Lines held back since the start."""
    return _limit.limiter.n_held


class JournalHandler(logging.Handler):
    """Sends records to the journal.

    Args:
        path: Its socket.

    Raises:
        OSError: There is none.
    """

    def __init__(self, path: Path = SOCKET) -> None:
        super().__init__()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        try:
            self._socket.connect(str(path))
        except OSError:
            self._socket.close()
            raise

    def emit(self, record: logging.LogRecord) -> None:
        """Send one; one the journal cannot take goes to stderr, which systemd reads too."""
        try:
            self._socket.send(datagram(record, self.format(record)))
        except OSError:
            sys.stderr.write(self.format(record) + "\n")
        except Exception:  # noqa: BLE001 - as every handler does: logging must not raise
            self.handleError(record)

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()
        super().close()


def fields(record: logging.LogRecord) -> dict[str, str]:
    """Whom a line is about, as journal fields; empty where it is about nobody in particular."""
    for beginning, name in _SUBJECTS.items():
        if str(record.msg).startswith(beginning) and isinstance(record.args, tuple) and record.args:
            return {name: str(record.args[0])}
    return {}


def datagram(record: logging.LogRecord, message: str) -> bytes:
    """One record in the journal's native protocol.

    Args:
        record: Its level, place and arguments.
        message: Its text, traceback and all.
    """
    level = next((number for least, number in _LEVELS if record.levelno >= least), 7)
    told = {
        "PRIORITY": str(level),
        "SYSLOG_IDENTIFIER": "edge",
        "LOGGER": record.name,
        "CODE_FILE": record.pathname,
        "CODE_LINE": str(record.lineno),
        **fields(record),
        "MESSAGE": message,
    }
    return b"".join(_field(name, value) for name, value in told.items())


def _field(name: str, value: str) -> bytes:
    coded = value.encode("utf-8", "replace")
    if b"\n" not in coded:
        return name.encode() + b"=" + coded + b"\n"
    return name.encode() + b"\n" + len(coded).to_bytes(8, "little") + coded + b"\n"


def log_to_journal(level: int) -> None:
    """Set up logging: to the journal where systemd started us, else to stderr; limited in both.

    Args:
        level: Least level that is logged.
    """
    handler: logging.Handler
    try:
        if "JOURNAL_STREAM" not in os.environ:
            raise FileNotFoundError
        handler = JournalHandler()
        handler.setFormatter(logging.Formatter("%(message)s"))
    except OSError:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    handler.addFilter(_limit)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(level)
