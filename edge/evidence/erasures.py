"""Erasures: a line for everything that was taken out of the vault, for two years."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

from edge.evidence.sidecar import MODE, Sidecar

KEPT = timedelta(days=731)


@dataclass(frozen=True, slots=True)
class Erasure:
    """Something that is no longer there.

    Attributes:
        at: UTC, ISO 8601.
        path: Below the evidence folder.
        why: `days`, `camera quota`, `quota`, `disk`, or words.
        camera: Its camera; empty where that is not known.
        event: Its event; empty where that is not known.
        incident: Its incident.
        sha256: Of the media.
        bytes: Of the media.
        sent: Names of the other sides that have it, with commas; empty where none has.
    """

    at: str
    path: str
    why: str
    camera: str = ""
    event: str = ""
    incident: str = ""
    sha256: str = ""
    bytes: int = 0
    sent: str = ""

    @classmethod
    def of(cls, sidecar: Sidecar, path: str, why: str, now: datetime, *, sent: str) -> Erasure:
        """An item's."""
        at = now.isoformat(timespec="seconds")
        said = (sidecar.camera, sidecar.event, sidecar.incident, sidecar.sha256, sidecar.bytes)
        return cls(at, path, why, *said, sent)


class Erasures:
    """The record of one vault: a file a month, a line each.

    Args:
        folder: Where they lie; made with the first.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def note(self, erasure: Erasure) -> None:
        """Write one down, durably.

        Raises:
            OSError: It could not be written.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / f"{erasure.at[:7]}.jsonl"
        line = json.dumps(asdict(erasure), ensure_ascii=False).encode() + b"\n"
        handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, MODE)
        try:
            size = os.fstat(handle).st_size
            if os.write(handle, line) != len(line):
                os.ftruncate(handle, size)  # half a line on a full disk would spoil the next
                raise OSError(28, "no space left for the record of an erasure", str(file))
            os.fsync(handle)
        finally:
            os.close(handle)

    def all(self) -> Iterator[Erasure]:
        """Every one that is kept, the oldest first; a line that cannot be read is left out."""
        for file in sorted(self._folder.glob("*.jsonl")):
            for line in file.read_text("utf-8", "replace").splitlines():
                try:
                    yield Erasure(**json.loads(line))
                except (ValueError, TypeError):
                    continue

    def forget(self, now: datetime) -> None:
        """Drop whole months that are older than two years.

        Raises:
            OSError: One could not be dropped.
        """
        oldest = (now - KEPT).strftime("%Y-%m")
        for file in self._folder.glob("*.jsonl"):
            if file.stem < oldest:
                file.unlink()
