"""Mark: numbers never go backwards, and one process at a time gives them.

Boundary: one small file beside the outbox's database. The database holds the last number; the mark
is at least as high, raised in steps of 1000 before a number above it is used. When the database is
lost or damaged, numbering goes on behind the mark: the hub sees a gap, which is the truth. Only
when both files are gone with the disk does it start at 1 again. Should the mark be unreadable and
the database damaged at once, numbering goes on from the Unix time in seconds, which is ahead of any
node that has averaged less than one event a second since 1970.
"""

from __future__ import annotations

import fcntl
import os
from datetime import datetime, timezone
from pathlib import Path
from typing import IO

from edge.errors import OutboxError

_STEP = 1000  # one extra fsync in a thousand events; also the largest gap without a loss


class Mark:
    """A file that holds a number no message has gone beyond, and the lock on the outbox."""

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
            raise OutboxError(
                f"outbox {path.with_suffix('.db')}: another process is using it; "
                "stop the other one (systemctl stop edge)"
            ) from problem
        text = self._file.read(32).strip()
        self._is_readable = text.isdigit() or not text
        self._mark = int(text) if text.isdigit() else 0

    def resume(self, last_seq: int, *, is_damaged: bool) -> int:
        """The number to go on behind.

        Args:
            last_seq: The database's; 0 in a new one.
            is_damaged: The database that held the true one had to be moved aside.
        """
        if not self._is_readable and (is_damaged or last_seq == 0):
            return max(last_seq, int(datetime.now(timezone.utc).timestamp()))
        # New beside an old mark, or more than a step behind: not the one it was raised for.
        is_other = last_seq == 0 or last_seq + _STEP < self._mark
        return self._mark if is_damaged or is_other else last_seq

    def cover(self, seq: int) -> None:
        """Raise the mark before a number above it is used.

        Raises:
            OutboxError: The mark cannot be written.
        """
        if seq <= self._mark and self._is_readable:
            return
        mark = seq + _STEP - 1
        try:
            # Twenty digits in place: one sector, so a power cut leaves the old or the new number.
            os.pwrite(self._file.fileno(), b"%020d\n" % mark, 0)
            os.fsync(self._file.fileno())
        except OSError as problem:
            raise OutboxError(f"outbox mark {self._path}: {problem.strerror}") from problem
        self._mark, self._is_readable = mark, True

    def close(self) -> None:
        """Release the lock."""
        self._file.close()
