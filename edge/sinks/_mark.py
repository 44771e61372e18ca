"""Mark: numbers never go backwards, and one process at a time gives them.

Boundary: one small file beside the outbox's database, with two numbers in it.

- The first no message has gone beyond. It is raised in steps of 1000, and synced, before a number
  above it is used. When the database is lost, numbering goes on behind it: the hub sees a gap,
  which is the truth. Only when both files are gone with the disk does it start at 1 again.
- The second is the last number that was committed, written after each commit and not synced. It
  outlives the process, though not a power cut, and tells when a database has lost its newest part
  without knowing: SQLite takes a log that is missing, or damaged in the middle, for a short one.

Where the first cannot be read, numbering goes on from the Unix time in seconds, which is ahead of
any node that has averaged less than one event a second since 1970.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import IO

from edge.errors import OutboxError

_STEP = 1000  # one extra fsync in a thousand events; also the largest gap without a loss
_LINE = 21  # twenty digits and a line's end; both lines in one sector, so neither is ever half


class OutboxInUse(OutboxError):
    """Another process gives numbers from this folder."""


class Mark:
    """A file that holds a number no message has gone beyond, and the lock on the outbox.

    Args:
        path: The file; made where it is missing.

    Raises:
        OutboxInUse: Another process has it.
        OutboxError: It cannot be opened for writing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file: IO[bytes] = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o640), "r+b")
        except OSError as problem:
            raise OutboxError(
                f"outbox {path.with_suffix('.db')}: {problem.strerror}; make sure {path.parent} "
                "exists and this user may write to it"
            ) from problem
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as problem:
            self._file.close()
            raise OutboxInUse(
                f"outbox {path.with_suffix('.db')}: another process is using it; "
                "stop the other one (systemctl stop edge)"
            ) from problem
        self._is_readable, self._mark, self._last = _read(self._file)
        if not os.fstat(self._file.fileno()).st_size:
            with suppress(OSError):  # takes the space now; a full disk says so with the first event
                os.pwrite(self._file.fileno(), b"%020d\n%020d\n" % (0, 0), 0)

    def resume(self, last_seq: int, *, is_damaged: bool, is_new: bool = False) -> int:
        """The number to go on behind.

        Args:
            last_seq: The database's; 0 in a new one.
            is_damaged: The database that held the true one had to be moved aside.
            is_new: There was no database.
        """
        if not self._is_readable and (is_damaged or last_seq == 0):
            return max(last_seq, _seconds_since(0.0))
        is_behind = is_damaged or self.is_behind(last_seq, is_new=is_new)
        return self._mark if is_behind else last_seq

    def is_behind(self, last_seq: int, *, is_new: bool) -> bool:
        """Whether a database that ends with this number is not the one the mark was raised for.

        True for a new one beside an old mark, for one more than a step behind, for one that lacks
        what was committed last, and for one whose number was never covered. Not for one without a
        number that was there before: a kill came between the first mark and the first commit.
        """
        is_plausible = max(self._mark - _STEP, self._last) <= last_seq <= self._mark
        return bool(self._mark) and (is_new or not is_plausible)

    def cover(self, seq: int) -> None:
        """Raise the mark before a number above it is used.

        Raises:
            OutboxError: The mark cannot be written.
        """
        if seq > self._mark or not self._is_readable:
            self._write(seq + _STEP - 1)

    def leap(self, seq: int) -> None:
        """Raise the mark so far that a database which ends with this number counts as behind.

        For numbers that are given while the database cannot be written.

        Raises:
            OutboxError: The mark cannot be written.
        """
        if self._mark <= seq + _STEP:
            self._write(seq + 2 * _STEP)

    def land(self, seq: int) -> None:
        """Take a leap back: the database can be written again, and ends with this number.

        Raises:
            OutboxError: The mark cannot be written.
        """
        self._write(seq + _STEP - 1)

    def note(self, seq: int) -> None:
        """This number is committed; costs 2 µs, because nothing is synced."""
        self._last = seq
        # Only a check rests on it: what cannot be written is no reason to fail.
        with suppress(OSError):
            os.pwrite(self._file.fileno(), b"%020d\n" % seq, _LINE)

    def close(self) -> None:
        """Release the lock."""
        self._file.close()

    def _write(self, mark: int) -> None:
        try:
            os.pwrite(self._file.fileno(), b"%020d\n" % mark, 0)
            os.fsync(self._file.fileno())
        except OSError as problem:
            raise OutboxError(f"outbox mark {self._path}: {problem.strerror}") from problem
        self._mark, self._is_readable = mark, True


def number_without_disk(path: Path) -> int:
    """The number to go on behind where nothing can be written, so that it is most likely new.

    Earlier runs without a disk left no trace of the numbers they gave, so this goes beyond the mark
    by the seconds since it was last written: ahead of any node that has averaged less than one
    event a second since then. The gap is no proof of a loss; what cannot be proven is not claimed.

    Args:
        path: The mark's file; need not exist.
    """
    try:
        with path.open("rb") as file:
            is_readable, mark, _ = _read(file)
            written_at = os.fstat(file.fileno()).st_mtime
    except OSError:
        return _seconds_since(0.0)
    return mark + _seconds_since(written_at) if is_readable else _seconds_since(0.0)


def _read(file: IO[bytes]) -> tuple[bool, int, int]:
    """Whether the mark is readable, the mark, and the last number known to be committed."""
    lines = [line.strip() for line in file.read(64).split(b"\n")]
    first = lines[0] if lines else b""
    last = lines[1] if len(lines) > 1 else b""
    is_readable = first.isdigit() or not first
    return is_readable, _number(first), _number(last)


def _number(digits: bytes) -> int:
    return int(digits) if digits.isdigit() else 0


def _seconds_since(unix_s: float) -> int:
    return max(0, int(datetime.now(timezone.utc).timestamp() - unix_s))
