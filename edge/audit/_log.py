"""Log: the writer of the audit log. Several threads and processes may write; each record is whole.

Boundary: files below `storage.path/audit`. A record is handed to the kernel before `append`
returns, so that `kill -9` at any instant loses none; `attend` has the disk hold it, at most a
second later, and always before a head is signed over it. So a power cut takes a second at most, and
never what a head covers.

Every writer holds `lock` while it writes, and first reads what others have written. What a writer
left half-written is cut away and said in a `log.gap`.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path

from edge.audit import _folder, _merkle
from edge.audit._keys import SigningKey, key_in
from edge.audit._merkle import HASH_BYTES, Frontier, leaf_hash
from edge.audit._note import LOG, Head, PublicKey, is_name
from edge.audit._record import SALT_BYTES, draft, parsed
from edge.errors import AuditError, InputError
from edge.files import write_atomically

_log = logging.getLogger("edge.audit")

HEAD_RECORDS = 256
HEAD_S = 300.0
"""A head is signed after so many records, or so long after the first that none covers."""

SYNC_S = 1.0
"""Longest time a record is in the kernel's hands only."""


def utc_now() -> datetime:
    """UTC by the box's clock."""
    return datetime.now(timezone.utc)


class AuditLog:
    """Appends records to the log of one box, and signs heads. Safe from any thread and process.

    Args:
        folder: `storage.path/audit`; made where it is missing.
        origin: Name of a log that is new, `<site>/<node>/audit`; one that exists keeps its name.

    Raises:
        AuditError: It cannot be opened or made.
    """

    def __init__(self, folder: Path, origin: str) -> None:
        self.folder = folder
        self._guard = threading.RLock()
        self._frontier = Frontier()
        self._offset = 0  # in the file of the newest records
        self._first = -1  # of that file; -1 where none is open
        self._files: dict[str, int] = {}  # descriptors by what is in them
        self._head = Head(origin, 0, _merkle.EMPTY_ROOT)
        self._uncovered_since: float | None = None
        self._is_dirty = False
        self._n_lost = 0
        self._lost_since: datetime | None = None
        self._trouble = ""
        self.n_lost = 0
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = os.open(folder / _folder.LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as exc:
            raise AuditError(f"audit log {folder}: {exc.strerror}; check its owner") from exc
        try:
            with self._locked():
                self._key, is_new_key = self._identity(origin)
                self._recover()
                if is_new_key and self.size:
                    self._append("log.key", {"key": str(self.key)})
        except OSError as exc:
            self._close_files()
            os.close(self._lock)
            if isinstance(exc, AuditError):
                raise
            raise AuditError(f"audit log {folder}: {exc.strerror or exc}") from exc

    @property
    def key(self) -> PublicKey:
        """Who signs the heads."""
        return self._key.public

    @property
    def size(self) -> int:
        """Records in it, as far as this writer has read."""
        return self._frontier.size

    @property
    def head(self) -> Head:
        """The newest signed head; of size 0 and unsigned where there is none."""
        return self._head

    @property
    def trouble(self) -> str:
        """Why records cannot be written now; empty while they can."""
        return self._trouble

    def record(self, kind: str, facts: Mapping[str, object]) -> None:
        """Append a record; never raises and never waits for the disk.

        What cannot be written is counted, logged, shown as `trouble`, and said in the log itself as
        soon as that can be written again.
        """
        with suppress(AuditError, ValueError):
            self.append(kind, facts)

    def append(self, kind: str, facts: Mapping[str, object]) -> int:
        """Append a record.

        Args:
            kind: One of `KINDS`.
            facts: What happened; those in `PERSONAL` are kept apart.

        Returns:
            Its number.

        Raises:
            AuditError: It cannot be written; it was counted.
            ValueError: No record can say this; it was counted.
        """
        with self._guard:
            try:
                with self._locked():
                    self._catch_up()
                    self._say_lost()
                    n = self._append(kind, facts)
            except OSError as exc:
                self._lose(exc.strerror or str(exc))
                raise AuditError(
                    f"audit log {self.folder}: {exc.strerror or exc}; {kind} is not recorded"
                ) from exc
            except ValueError as wrong:
                self._lose(str(wrong))
                raise
            self._trouble = ""
            return n

    def attend(self, *, is_last: bool = False) -> Head | None:
        """Have the disk hold what was written, and sign a head when one is due; call every second.

        Args:
            is_last: Sign one in any case, if there is anything that none covers.

        Returns:
            A head that is new; None where none was due.

        Raises:
            AuditError: The disk does not take it.
        """
        with self._guard:
            now = time.monotonic()
            if self._n_lost:
                with suppress(AuditError), self._said():
                    self._catch_up()
                    self._say_lost()
            n_uncovered = self.size - self._head.size
            if n_uncovered and self._uncovered_since is None:
                self._uncovered_since = now
            is_due = n_uncovered >= HEAD_RECORDS or (
                self._uncovered_since is not None and now - self._uncovered_since >= HEAD_S
            )
            is_due = n_uncovered > 0 and (is_due or is_last)
            if not is_due and not self._is_dirty:
                return None
            size, root, self._is_dirty = self.size, self._frontier.root, False
            handles = {name: os.dup(fd) for name, fd in self._files.items()}
        try:
            # Not under the lock: whoever writes a record does not wait for the disk.
            for fd in handles.values():
                os.fsync(fd)
        except OSError as exc:
            self._is_dirty = True
            self._trouble = exc.strerror or str(exc)
            raise AuditError(f"audit log {self.folder}: {exc.strerror}") from exc
        finally:
            for fd in handles.values():
                os.close(fd)
        if not self._n_lost:
            self._trouble = ""
        return self._sign(size, root) if is_due else None

    def close(self) -> None:
        """Sign a last head and let go; safe to call twice."""
        with self._guard:
            if self._lock < 0:
                return
            try:
                self.attend(is_last=True)
            except AuditError as exc:
                _log.error("%s; the last records are not under a signed head", exc)
            self._close_files()
            os.close(self._lock)
            self._lock = -1

    # Under the lock.

    @contextmanager
    def _locked(self) -> Iterator[None]:
        if self._lock < 0:
            raise AuditError("it is closed")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    @contextmanager
    def _said(self) -> Iterator[None]:
        """Hold the lock; a failure is an `AuditError`."""
        try:
            with self._locked():
                yield
        except OSError as exc:
            raise AuditError(f"audit log {self.folder}: {exc.strerror or exc}") from exc

    def _append(self, kind: str, facts: Mapping[str, object]) -> int:
        n = self.size
        drafted = draft(n, utc_now(), kind, facts, secrets.token_bytes(SALT_BYTES))
        if n % _folder.SEGMENT == 0:
            self._open_segment(n)
        places = {name: os.lseek(fd, 0, os.SEEK_END) for name, fd in self._files.items()}
        grown = self._frontier.copy()
        completed = b"".join(grown.append(leaf_hash(drafted.line)))
        try:
            # The personal part first: a record that lacks it looks as if it had been taken away.
            # The tree last: whoever finds a record more than he knows makes its end anew.
            if drafted.apart:
                _write(self._files["personal"], drafted.apart + b"\n")
            _write(self._files["records"], drafted.line + b"\n")
            _write(self._files["tree"], completed)
        except OSError:
            for name, place in places.items():
                with suppress(OSError):  # else whoever writes next finds it torn
                    os.ftruncate(self._files[name], place)
            raise
        self._offset += len(drafted.line) + 1
        self._grew(grown)
        return n

    def _grew(self, grown: Frontier) -> None:
        self._frontier = grown
        self._is_dirty = True
        if self._uncovered_since is None:
            self._uncovered_since = time.monotonic()

    def _lose(self, why: str) -> None:
        self.n_lost += 1
        self._n_lost += 1
        if self._lost_since is None:
            self._lost_since = utc_now()
        if why != self._trouble:
            _log.error("audit log %s: %s; records are lost and counted", self.folder, why)
        self._trouble = why

    def _say_lost(self) -> None:
        if not self._n_lost:
            return
        facts = {"reason": self._trouble, "lost": self._n_lost, "since": self._lost_since}
        self._append("log.gap", facts)
        self._n_lost, self._lost_since, self._trouble = 0, None, ""

    def _sign(self, size: int, root: bytes) -> Head:
        head = Head(self.key.name, size, root).signed(self.key, self._key.sign)
        path = self.folder / _folder.HEADS
        with self._guard, self._said():
            newest, _ = _folder.last_head(self.folder)
            if newest is not None and newest.size >= size:
                head = newest  # another writer's
            else:
                handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
                try:
                    _write(handle, head.note.encode() + b"\n")
                finally:
                    os.close(handle)
            self._head = head
            self._uncovered_since = time.monotonic() if self.size > head.size else None
        try:
            with path.open("rb") as file:
                os.fsync(file.fileno())
        except OSError as exc:
            raise AuditError(f"{path}: {exc.strerror}") from exc
        return head

    # What others wrote, and what a crash left.

    def _identity(self, origin: str) -> tuple[SigningKey, bool]:
        """The log's key, and whether it is another one than before."""
        try:
            known = _folder.log_keys(self.folder)
        except InputError:
            known = []
        name = known[-1].name if known else origin
        if not is_name(name):
            raise AuditError(f"audit log {self.folder}: {name!r} cannot be the name of a log")
        key = key_in(self.folder / _folder.PRIVATE_KEY, name, LOG)
        if known and known[-1] == key.public:
            return key, False
        listed = "".join(f"{one}\n" for one in [*known, key.public])
        write_atomically(self.folder / _folder.PUBLIC_KEY, listed.encode(), mode=0o640)
        return key, bool(known)

    def _recover(self) -> None:
        """Find the end of the log, from its newest head on."""
        head, end = _folder.last_head(self.folder)
        heads = self.folder / _folder.HEADS
        if head is not None:
            os.truncate(heads, end)
        else:
            heads.unlink(missing_ok=True)
        if head is not None:
            self._head = head
        if not self._resume(head) and not self._rebuild(head):
            self._set_aside(head)

    def _resume(self, head: Head | None) -> bool:
        """Go on at a head; False where the tree or the records are not what it says."""
        try:
            tree = _folder.Tree(self.folder)
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
        (self.folder / _folder.TREE).write_bytes(b"")
        if not self._begin_at(Frontier()):
            return False
        if head is None:
            return True
        tree = _folder.Tree(self.folder)
        try:
            return self.size >= head.size and _merkle.root(head.size, tree) == head.root
        finally:
            tree.close()

    def _begin_at(self, known: Frontier) -> bool:
        """Read what follows a known place; False where the records end before it."""
        first = max(0, known.size - 1) // _folder.SEGMENT * _folder.SEGMENT
        self._frontier = known
        self._open_segment(first)
        os.ftruncate(self._files["tree"], _merkle.n_complete(known.size) * HASH_BYTES)
        with _folder.records_file(self.folder, first).open("rb") as file:
            for _ in range(known.size - first):
                if not file.readline().endswith(b"\n"):
                    return False
            self._offset = file.tell()
        self._catch_up()
        self._cut_personal()
        return True

    def _catch_up(self) -> None:
        """Read what other writers have appended; cut what one of them left half-written."""
        while True:
            if os.fstat(self._files["records"]).st_size != self._offset and (
                torn := self._read_on()
            ):
                self._cut(torn)
                return
            if self.size % _folder.SEGMENT or self.size == self._first:
                return
            if not _folder.records_file(self.folder, self.size).exists():
                return
            self._open_segment(self.size)

    def _read_on(self) -> str:
        """Take in whole records behind the known end.

        Returns:
            Why reading stopped before the end of the file; empty where it did not.
        """
        os.ftruncate(self._files["tree"], _merkle.n_complete(self.size) * HASH_BYTES)
        with _folder.records_file(self.folder, self._first).open("rb") as file:
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
                grown = self._frontier.copy()
                _write(self._files["tree"], b"".join(grown.append(leaf_hash(line))))
                self._offset += len(line) + 1
                self._grew(grown)
        return ""

    def _cut(self, why: str) -> None:
        """Set aside what cannot be read behind the last whole record, and say so."""
        path = _folder.records_file(self.folder, self._first)
        with path.open("rb") as file:
            file.seek(self._offset)
            cut = file.read()
        aside = self.folder / f"cut-{self.size:010d}-{hashlib.sha256(cut).hexdigest()[:8]}"
        aside.write_bytes(cut)
        os.ftruncate(self._files["records"], self._offset)
        self._cut_personal()
        _log.error("audit log %s: %s behind record %d", self.folder, why, self.size - 1)
        self._append(
            "log.gap",
            {"reason": why, "bytes": len(cut), "sha256": hashlib.sha256(cut).hexdigest()},
        )

    def _cut_personal(self) -> None:
        """Cut personal parts whose record was never written."""
        path = _folder.personal_file(self.folder, self._first)
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
        os.ftruncate(self._files["personal"], end)

    def _set_aside(self, head: Head | None) -> None:
        """Begin anew where the records are not those that a head was signed over."""
        self._close_files()
        aside = self.folder / f"aside-{utc_now():%Y%m%dT%H%M%SZ}"
        aside.mkdir()
        kept = {_folder.PRIVATE_KEY, _folder.PUBLIC_KEY, _folder.LOCK}
        for file in [*self.folder.iterdir()]:
            if file.name not in kept and not file.name.startswith(("aside-", "cut-")):
                file.rename(aside / file.name)
        self._frontier = Frontier()
        self._head = Head(self.key.name, 0, _merkle.EMPTY_ROOT)
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
            self.folder, aside.name,
        )  # fmt: skip
        self._append("log.gap", facts)

    def _open_segment(self, first: int) -> None:
        for name in ("records", "personal"):
            if name in self._files:
                os.fsync(self._files[name])
        self._close_files()
        for name, path in (
            ("records", _folder.records_file(self.folder, first)),
            ("personal", _folder.personal_file(self.folder, first)),
            ("tree", self.folder / _folder.TREE),
        ):
            mode = 0o600 if name == "personal" else 0o640
            self._files[name] = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, mode)
        _sync_folder(self.folder)
        self._first, self._offset = first, 0

    def _close_files(self) -> None:
        for fd in self._files.values():
            os.close(fd)
        self._files.clear()


def _write(fd: int, content: bytes) -> None:
    """Write all of it.

    Raises:
        OSError: The disk took a part, or nothing.
    """
    n = os.write(fd, content)
    while n < len(content):
        n += os.write(fd, content[n:])


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
