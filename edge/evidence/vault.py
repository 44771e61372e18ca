"""Vault: the evidence on this disk: listed, opened, checked, held, sealed and erased.

Boundary: the only part that takes evidence away. An erasure is written down before it is done; on
a disk so full that not even that can be written, it is done first and written down as soon as
there is room. A hold and an erasure take turns under a lock, also between processes.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TypeAlias

from edge.errors import EvidenceError, EvidenceInvalid
from edge.evidence import sidecar as sidecars
from edge.evidence.erasures import Erasure, Erasures
from edge.evidence.holds import Hold, Holds, is_held
from edge.evidence.item import Broken, Item
from edge.evidence.listing import SENT, Listing
from edge.evidence.sealed import Key, Sealer, is_sealed, plain
from edge.evidence.sidecar import MODE
from edge.files import write_atomically

log = logging.getLogger("edge.evidence.vault")

Record: TypeAlias = Callable[[str, Mapping[str, object]], None]
"""What the audit log takes: a name such as `evidence-erased`, and what there is to say."""

ORPHAN_AFTER = timedelta(hours=1)
"""A media file that nothing was written to for so long, and without a sidecar, is a crash's."""

_SEALING = ".sealing"


def unrecorded(_name: str, _facts: Mapping[str, object]) -> None:
    """Record nothing: there is no audit log."""


class Vault:
    """All evidence of a box.

    Args:
        folder: `storage.path/evidence`; need not exist.
        key: For what is encrypted; None where nothing is.
        record: The audit log.
    """

    def __init__(
        self, folder: Path, *, key: Key | None = None, record: Record = unrecorded
    ) -> None:
        self.folder = folder
        self.key = key
        self.record = record
        self._holds = Holds(folder / "holds")
        self._erasures = Erasures(folder / "erased")
        self._listing = Listing(folder)
        self._unwritten: list[Erasure] = []
        self._sealed: set[Path] = set()

    def scan(self) -> tuple[list[Item], list[Broken]]:
        """What there is now, the oldest first, and what should be evidence and is not.

        Raises:
            EvidenceError: The folder cannot be read.
        """
        try:
            items, broken = self._listing.look()
        except OSError as exc:
            raise EvidenceError(f"evidence in {self.folder}: {exc.strerror}") from exc
        self._sealed &= {item.path for item in items}
        return items, broken

    def open(self, item: Item, offset: int = 0) -> Iterator[bytes]:
        """An item's media as it was made, decrypted where it is encrypted; see `sealed.plain`."""
        return plain(item.path, self.key, item.sidecar.ref, offset)

    def fault(self, item: Item) -> str:
        """What is wrong with an item's media; empty where every byte is as it was made."""
        digest, size = hashlib.sha256(), 0
        try:
            for chunk in self.open(item):
                digest.update(chunk)
                size += len(chunk)
        except FileNotFoundError:
            return f"{item.path}: the media file is gone"
        except OSError as exc:  # EvidenceError is one
            return str(exc)
        if size != item.sidecar.bytes:
            return f"{item.path}: {size} bytes, expected {item.sidecar.bytes}"
        if digest.hexdigest() != item.sidecar.sha256:
            return f"{item.path}: changed: its SHA-256 is not the one in its sidecar"
        return ""

    def holds(self) -> dict[str, Hold]:
        """Every legal hold by its event or incident; see `Holds.all`."""
        return self._holds.all()

    def hold(self, id_: str, who: str, why: str, now: datetime) -> Hold:
        """Keep all evidence of an event or incident until it is released; see `Holds.put`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._lock():
            hold = self._holds.put(id_, who, why, now)
        self.record("evidence-held", {"id": id_, "who": hold.who, "why": hold.why})
        return hold

    def release(self, id_: str, who: str, why: str) -> bool:
        """Let it go its way again; whether it was held."""
        if not self.folder.is_dir():
            return False
        with self._lock():
            was_held = self._holds.take_away(id_)
        if was_held:
            self.record("evidence-released", {"id": id_, "who": who, "why": why})
        return was_held

    def erased(self) -> Iterator[Erasure]:
        """What was taken away, the oldest first."""
        return self._erasures.all()

    def erase(self, item: Item, why: str, now: datetime) -> bool:
        """Take an item away, unless it is on hold; whether it is gone.

        Raises:
            EvidenceInvalid: A hold cannot be read.
            OSError: It could not be removed.
        """
        with self._lock():
            if is_held(item.sidecar, self.holds()):
                return False
            place = str(item.path.relative_to(self.folder))
            sent = self.sent_to(item)
            erasure = Erasure.of(item.sidecar, place, why, now, sent=",".join(sent))
            marks = [item.path.with_name(f"{item.path.name}{SENT}{name}") for name in sent]
            self._remove(erasure, item.sidecar_path, item.path, *marks)
        return True

    def sent_to(self, item: Item) -> list[str]:
        """Names of the other sides that have an item now, also since it was listed."""
        marks = item.path.parent.glob(f"{item.path.name}{SENT}*")
        return sorted(mark.name.rpartition(SENT)[2] for mark in marks)

    def note_sent(self, item: Item, name: str, place: str, now: datetime) -> None:
        """Remember that an item is on the other side, verified.

        Raises:
            OSError: It could not be written; it will be sent again.
        """
        said = {"at": now.isoformat(timespec="seconds"), "place": place}
        mark = item.path.with_name(f"{item.path.name}{SENT}{name}")
        write_atomically(mark, json.dumps(said).encode() + b"\n", mode=MODE)
        facts = {"ref": item.sidecar.ref, "place": place, "sha256": item.sidecar.sha256}
        self.record("evidence-sent", facts)

    def sweep(self, now: datetime) -> int:
        """Take away what a crash left: media without a sidecar, and folders that are empty.

        Returns:
            How many files.

        Raises:
            OSError: One could not be removed.
        """
        swept = 0
        oldest_ns = (now - ORPHAN_AFTER).timestamp() * 1e9
        with self._lock():
            for path, entry in list(self._listing.files()):
                is_item = sidecars.sidecar_path(path).exists()
                is_said_of_media = path.with_name(path.name.partition(".json")[0]).exists()
                if is_item or (".json" in path.name and is_said_of_media):
                    continue
                if path.name.endswith(".json") and not path.name.startswith("."):
                    continue  # a sidecar without media is no orphan: somebody took the media
                if entry.stat().st_mtime_ns < oldest_ns:
                    place = str(path.relative_to(self.folder))
                    at = now.isoformat(timespec="seconds")
                    self._remove(Erasure(at, place, "left by a crash, never evidence"), path)
                    swept += 1
        today = now.astimezone(timezone.utc).date().isoformat()
        for day in self._listing.days():
            if day.name < today:
                for camera in day.iterdir():
                    _remove_empty(camera)
                _remove_empty(day)
        self._erasures.forget(now)
        return swept

    def seal(self, item: Item) -> bool:
        """Encrypt an item that is not; whether it was necessary.

        Raises:
            EvidenceInvalid: It is not what its sidecar says; it stays as it is.
            OSError: It could not be written; it stays as it is.
        """
        if self.key is None or item.path in self._sealed:
            return False
        if is_sealed(item.path):
            self._sealed.add(item.path)
            return False
        part = item.path.with_name(f".{item.path.name}{_SEALING}")
        digest = hashlib.sha256()
        try:
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, MODE), "wb") as out:
                sealer = Sealer(out, self.key, item.sidecar.ref)
                for chunk in plain(item.path, None, item.sidecar.ref):
                    digest.update(chunk)
                    sealer.write(chunk)
                sealer.finish()
                out.flush()
                os.fsync(out.fileno())
            if digest.hexdigest() != item.sidecar.sha256:
                raise EvidenceInvalid(f"{item.path}: changed before it was encrypted")
            part.replace(item.path)
        finally:
            part.unlink(missing_ok=True)
        return True

    def _remove(self, erasure: Erasure, *paths: Path) -> None:
        """Write down, then remove; the other way round where there is no room to write."""
        try:
            self._write_down(erasure)
        except OSError as exc:
            log.error("an erasure is not yet written down: %s", exc)
            self._unwritten.append(erasure)
        for path in paths:  # the sidecar first: from then on it is no item
            path.unlink(missing_ok=True)
        if self._unwritten:
            try:
                while self._unwritten:
                    self._erasures.note(self._unwritten[0])
                    self._unwritten.pop(0)
            except OSError as exc:
                log.error("%d erasures are not written down: %s", len(self._unwritten), exc)
        self.record("evidence-erased", asdict(erasure))

    def _write_down(self, erasure: Erasure) -> None:
        if self._unwritten:
            raise OSError(28, "others wait to be written down")
        self._erasures.note(erasure)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Holds and erasures take turns; on the folder itself, which needs no room."""
        handle = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def _remove_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
