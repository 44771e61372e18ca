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
import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from edge.audit import _folder, _merkle
from edge.audit._keys import SigningKey, key_in
from edge.audit._note import LOG, Head, PublicKey, is_name
from edge.audit._tail import Tail, utc_now, write_all
from edge.errors import AuditError, InputError
from edge.files import write_atomically

_log = logging.getLogger("edge.audit")

HEAD_RECORDS = 256
HEAD_S = 300.0
"""A head is signed after so many records, or so long after the first that none covers."""

SYNC_S = 1.0
"""Longest time a record is in the kernel's hands only."""


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
        self._tail = Tail(folder)
        self._head = Head(origin, 0, _merkle.EMPTY_ROOT)
        self._uncovered_since: float | None = None
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
                    self._tail.append("log.key", {"key": str(self.key)})
        except OSError as exc:
            self._tail.close()
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
        return self._tail.size

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
                    self._tail.catch_up()
                    self._say_lost()
                    n = self._tail.append(kind, facts)
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
                    self._tail.catch_up()
                    self._say_lost()
            n_uncovered = self.size - self._head.size
            if n_uncovered and self._uncovered_since is None:
                self._uncovered_since = now
            is_due = n_uncovered >= HEAD_RECORDS or (
                self._uncovered_since is not None and now - self._uncovered_since >= HEAD_S
            )
            is_due = n_uncovered > 0 and (is_due or is_last)
            if not is_due and not self._tail.is_dirty:
                return None
            size, root, self._tail.is_dirty = self.size, self._tail.frontier.root, False
            handles = {name: os.dup(fd) for name, fd in self._tail.files.items()}
        try:
            # Not under the lock: whoever writes a record does not wait for the disk.
            for fd in handles.values():
                os.fsync(fd)
        except OSError as exc:
            self._tail.is_dirty = True
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
            self._tail.close()
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
        self._tail.append("log.gap", facts)
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
                    write_all(handle, head.note.encode() + b"\n")
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
        """Cut off a head that was torn, and find the end of the records."""
        head, end = _folder.last_head(self.folder)
        heads = self.folder / _folder.HEADS
        if head is not None:
            os.truncate(heads, end)
        else:
            heads.unlink(missing_ok=True)
        if self._tail.recover(head) and head is not None:
            self._head = head
