"""jsonl: one event message a line, to a file that is rotated by size.

Boundary: writes what the outbox has already made durable, so a line lost to a power cut is not an
event lost. The same bytes as over MQTT, with the same `id` and `seq`.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import IO, Annotated, Literal

from pydantic import Field

from edge.errors import SinkError
from edge.message import Origin
from edge.sinks._outbox import Outbox, Stored
from edge.sinks._outlet import SinkOptions
from edge.sinks._post import Ear

_log = logging.getLogger("edge.sinks.jsonl")


class Options(SinkOptions):
    """Write event messages to a file, one a line."""

    kind: Literal["jsonl"] = "jsonl"
    path: Annotated[
        Path,
        Field(
            strict=False, description="File to append to.", examples=["/var/lib/edge/events.jsonl"]
        ),
    ]
    max_mib: Annotated[
        float, Field(gt=0, description="Size at which a new file is begun.", examples=[64])
    ] = 64.0
    keep: Annotated[
        int,
        Field(ge=1, le=1000, description="Full files kept beside it, as path.1 (newest) and on."),
    ] = 4

    def open(self, outbox: Outbox, origin: Origin, folder: Path) -> JsonLines:  # noqa: ARG002
        """Open the file."""
        return JsonLines(folder / self.path, int(self.max_mib * (1 << 20)), self.keep)


class JsonLines:
    """An open, rotating file.

    Args:
        path: Where; its folder must exist.
        max_bytes: A line that would pass this begins a new file.
        keep: How many full files stay.

    Raises:
        SinkError: The file cannot be written.
    """

    acknowledges = False

    def __init__(self, path: Path, max_bytes: int, keep: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._keep = keep
        self._lock = threading.Lock()
        self._quiet_until = 0.0
        self.failed = 0
        """Lines that could not be written; the outbox still has or had their messages."""
        try:
            self._file: IO[bytes] | None = _appendable(path)
        except OSError as problem:
            raise SinkError(
                f"jsonl {path}: {problem.strerror}; make sure its folder exists and this user "
                "may write to it"
            ) from problem

    def deliver(self, stored: Stored) -> None:
        """Write one line and flush it to the operating system."""
        line = stored.payload + b"\n"
        with self._lock:
            if self._file is None:
                return
            try:
                if self._file.tell() and self._file.tell() + len(line) > self._max_bytes:
                    self._rotate()
                self._file.write(line)
            except OSError as problem:
                self._say_failed(problem)

    def retain(self, subtopic: str, payload: bytes) -> None:
        """States are not events: nothing is written."""

    def keep_only(self, subtopics: Collection[str]) -> None:
        """States are not events: nothing is written."""

    def health(self, payload: bytes) -> None:
        """Vital signs are not events: nothing is written."""

    def hear(self, subtopics: Sequence[str], ear: Ear) -> None:
        """Nobody speaks through a file."""

    def start(self) -> None:
        """Nothing to wait for."""

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def _rotate(self) -> None:
        for n in range(self._keep - 1, 0, -1):
            older = self._path.with_name(f"{self._path.name}.{n}")
            if older.exists():
                older.replace(self._path.with_name(f"{self._path.name}.{n + 1}"))
        self._path.replace(self._path.with_name(f"{self._path.name}.1"))
        fresh = _appendable(self._path)
        if self._file is not None:
            self._file.close()
        self._file = fresh

    def _say_failed(self, problem: OSError) -> None:
        self.failed += 1
        if time.monotonic() >= self._quiet_until:
            self._quiet_until = time.monotonic() + 60.0
            _log.error("%s: %s (%d lines lost)", self._path, problem.strerror, self.failed)


def _appendable(path: Path) -> IO[bytes]:
    """Open unbuffered at the end; a line torn by a power cut is closed off, not continued."""
    file = path.open("ab", buffering=0)
    if file.tell():
        with path.open("rb") as reader:
            reader.seek(-1, os.SEEK_END)
            if reader.read(1) != b"\n":
                file.write(b"\n")
    return file
