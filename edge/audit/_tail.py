"""Tail: the end of the log on disk, which every writer finds, reads on from and appends to.

Boundary: the files of records, personal parts and the tree; knows no lock, no key and no signing.
Whoever calls holds the log's lock. What another writer or a crash left half-written is cut away and
said in a `log.gap`; where the records are not those that were signed, all is set aside.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path

from edge.audit import _folder, _merkle
from edge.audit._merkle import HASH_BYTES, Frontier, leaf_hash
from edge.audit._note import Head
from edge.audit._record import SALT_BYTES, draft, parsed
from edge.errors import AuditError
from edge.files import sync_folder

_log = logging.getLogger("edge.audit")


def utc_now() -> datetime:
    """UTC by the box's clock."""
    return datetime.now(timezone.utc)


class Tail:
    """Where the next record goes.

    Args:
        folder: The log's; there is one.

    Attributes:
        frontier: The tree over all records that were read or written.
        files: Descriptors by what is in them: `records`, `personal`, `tree`; none until `recover`.
        is_dirty: Something was written that the disk need not hold yet.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.frontier = Frontier()
        self.files: dict[str, int] = {}
        self.is_dirty = False
        self._offset = 0  # in the file of the newest records
        self._first = -1  # of that file; -1 where none is open

    @property
    def size(self) -> int:
        """Records, as far as was read."""
        return self.frontier.size

    def append(self, kind: str, facts: Mapping[str, object]) -> int:
        """Write a record behind the newest, and nothing of it where the disk does not take it all.

        Returns:
            Its number.

        Raises:
            OSError: The disk does not take it.
            ValueError: No record can say this.
        """
        n = self.size
        drafted = draft(n, utc_now(), kind, facts, secrets.token_bytes(SALT_BYTES))
        if n % _folder.SEGMENT == 0:
            self._open_segment(n)
        places = {name: os.lseek(fd, 0, os.SEEK_END) for name, fd in self.files.items()}
        grown = self.frontier.copy()
        completed = b"".join(grown.append(leaf_hash(drafted.line)))
        try:
            # The personal part first: a record that lacks it looks as if it had been taken away.
            # The tree last: whoever finds a record more than he knows makes its end anew.
            if drafted.apart:
                write_all(self.files["personal"], drafted.apart + b"\n")
            write_all(self.files["records"], drafted.line + b"\n")
            write_all(self.files["tree"], completed)
        except OSError:
            for name, place in places.items():
                with suppress(OSError):  # else whoever writes next finds it torn
                    os.ftruncate(self.files[name], place)
            raise
        self._offset += len(drafted.line) + 1
        self._grew(grown)
        return n

    def _grew(self, grown: Frontier) -> None:
        self.frontier = grown
        self.is_dirty = True

    def recover(self, head: Head | None) -> bool:
        """Find the end of the log, from its newest head on.

        Returns:
            Whether the records are those the head was signed over; where not, they are set aside
            and a new log has begun.

        Raises:
            OSError: The disk gives or takes something not.
        """
        if self._resume(head) or self._rebuild(head):
            return True
        self._set_aside(head)
        return False

    def _resume(self, head: Head | None) -> bool:
        """Go on at a head; False where the tree or the records are not what it says."""
        try:
            tree = _folder.Tree(self._folder)
        except FileNotFoundError:
            return head is None and self._rebuild(None)
        size = head.size if head else 0
        try:
            known = _merkle.frontier(size, tree)
        except AuditError:
            return False
        finally:
            tree.close()
        if head is not None and known.root != head.root:
            return False
        return self._begin_at(known) and self.size >= size

    def _rebuild(self, head: Head | None) -> bool:
        """Make the tree again of all records; 10 s for a year of them."""
        (self._folder / _folder.TREE).write_bytes(b"")
        if not self._begin_at(Frontier()):
            return False
        if head is None:
            return True
        tree = _folder.Tree(self._folder)
        try:
            return self.size >= head.size and _merkle.root(head.size, tree) == head.root
        finally:
            tree.close()

    def _begin_at(self, known: Frontier) -> bool:
        """Read what follows a known place; False where the records end before it."""
        first = max(0, known.size - 1) // _folder.SEGMENT * _folder.SEGMENT
        self.frontier = known
        self._open_segment(first)
        os.ftruncate(self.files["tree"], _merkle.n_complete(known.size) * HASH_BYTES)
        with _folder.records_file(self._folder, first).open("rb") as file:
            for _ in range(known.size - first):
                if not file.readline().endswith(b"\n"):
                    return False
            self._offset = file.tell()
        self.catch_up()
        self._cut_personal()
        return True

    def catch_up(self) -> None:
        """Read what other writers have appended; cut what one of them left half-written."""
        while True:
            if os.fstat(self.files["records"]).st_size != self._offset and (
                torn := self._read_on()
            ):
                self._cut(torn)
                return
            if self.size % _folder.SEGMENT or self.size == self._first:
                return
            if not _folder.records_file(self._folder, self.size).exists():
                return
            self._open_segment(self.size)

    def _read_on(self) -> str:
        """Take in whole records behind the known end.

        Returns:
            Why reading stopped before the end of the file; empty where it did not.
        """
        os.ftruncate(self.files["tree"], _merkle.n_complete(self.size) * HASH_BYTES)
        with _folder.records_file(self._folder, self._first).open("rb") as file:
            file.seek(self._offset)
            for line, is_whole in _folder.lines(file):
                if not is_whole:
                    return "a record was torn"
                try:
                    n = parsed(line)["n"]
                except ValueError as wrong:
                    return str(wrong)
                if n != self.size:
                    return f"record {n} where {self.size} was expected"
                grown = self.frontier.copy()
                write_all(self.files["tree"], b"".join(grown.append(leaf_hash(line))))
                self._offset += len(line) + 1
                self._grew(grown)
        return ""

    def _cut(self, why: str) -> None:
        """Set aside what cannot be read behind the last whole record, and say so."""
        path = _folder.records_file(self._folder, self._first)
        with path.open("rb") as file:
            file.seek(self._offset)
            cut = file.read()
        aside = self._folder / f"cut-{self.size:010d}-{hashlib.sha256(cut).hexdigest()[:8]}"
        aside.write_bytes(cut)
        os.ftruncate(self.files["records"], self._offset)
        self._cut_personal()
        _log.error("audit log %s: %s behind record %d", self._folder, why, self.size - 1)
        self.append(
            "log.gap",
            {"reason": why, "bytes": len(cut), "sha256": hashlib.sha256(cut).hexdigest()},
        )

    def _cut_personal(self) -> None:
        """Cut personal parts whose record was never written."""
        path = _folder.personal_file(self._folder, self._first)
        end = 0
        with path.open("rb") as file:
            start = max(0, file.seek(0, 2) - 2 * _folder.SEGMENT)
            file.seek(start)
            if start:
                file.readline()
            end = file.tell()
            for line, is_whole in _folder.lines(file):
                n = _folder.number(line)
                if not is_whole or (n is not None and n >= self.size):
                    break
                end += len(line) + 1
        os.ftruncate(self.files["personal"], end)

    def _set_aside(self, head: Head | None) -> None:
        """Begin anew where the records are not those that a head was signed over."""
        self.close()
        aside = self._folder / f"aside-{utc_now():%Y%m%dT%H%M%SZ}"
        aside.mkdir()
        kept = {_folder.PRIVATE_KEY, _folder.PUBLIC_KEY, _folder.LOCK}
        for file in [*self._folder.iterdir()]:
            if file.name not in kept and not file.name.startswith(("aside-", "cut-")):
                file.rename(aside / file.name)
        self.frontier = Frontier()
        self._open_segment(0)
        self._offset = 0
        facts: dict[str, object] = {
            "reason": "the records are not those that were signed: a new log begins",
            "folder": aside.name,
        }
        if head is not None:
            facts |= {"size": head.size, "root": head.root.hex()}
        _log.error(
            "audit log %s: its records are not those its newest head was signed over; they are "
            "in %s, and a new log begins. Witnesses will refuse it until a person has looked",
            self._folder, aside.name,
        )  # fmt: skip
        self.append("log.gap", facts)

    def _open_segment(self, first: int) -> None:
        for name in ("records", "personal"):
            if name in self.files:
                os.fsync(self.files[name])
        self.close()
        for name, path in (
            ("records", _folder.records_file(self._folder, first)),
            ("personal", _folder.personal_file(self._folder, first)),
            ("tree", self._folder / _folder.TREE),
        ):
            mode = 0o600 if name == "personal" else 0o640
            self.files[name] = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, mode)
        sync_folder(self._folder)
        self._first, self._offset = first, 0

    def close(self) -> None:
        """Let go of the files; safe to call twice."""
        for fd in self.files.values():
            os.close(fd)
        self.files.clear()


def write_all(fd: int, content: bytes) -> None:
    """Write all of it.

    Raises:
        OSError: The disk took a part, or nothing.
    """
    n = os.write(fd, content)
    while n < len(content):
        n += os.write(fd, content[n:])
