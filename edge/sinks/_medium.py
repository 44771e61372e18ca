"""Medium: where the outbox's store is: on the disk, or in memory while the disk is not well.

Boundary: opens, repairs, flees and comes back; the only part that decides between the two. Used
under the outbox's lock.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeVar

from edge.errors import OutboxError
from edge.sinks import _database, _history, _messages, _refuge
from edge.sinks._database import Damaged
from edge.sinks._mark import Mark, OutboxInUse, number_without_disk
from edge.sinks._refuge import Refuge
from edge.sinks._salvage import salvage
from edge.sinks._store import Job, Store, Stored, Transaction

_log = logging.getLogger("edge.sinks.outbox")
_T = TypeVar("_T")

_HARM_S = 60.0  # how long damage that was dealt with is still told


class Medium:
    """The store, wherever it is.

    Args:
        path: The database; None for memory alone.
        max_bytes: Bound on the messages held.
        reserve_bytes: Disk space taken at the start; 0 for none.
        randomness: Gives n random bytes for identifiers.

    Attributes:
        store: Where jobs go now.
        moved_aside: Damaged databases moved aside so far.
        rewinds: How often messages came back that lie before what was given out already.

    Raises:
        OutboxInUse: Another process has it.
    """

    store: Store

    def __init__(
        self,
        path: Path | None,
        *,
        max_bytes: int,
        reserve_bytes: int,
        randomness: Callable[[int], bytes],
    ) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._reserve_bytes = reserve_bytes
        self._randomness = randomness
        self.moved_aside = 0
        self.rewinds = 0
        self._harm = ""
        self._harm_until = 0.0
        self._is_closed = False
        self._mark: Mark | None = None
        self._refuge: Refuge | None = None
        try:
            self.store = self._opened()
        except OutboxInUse:
            raise
        except OutboxError as problem:
            disk = self._readable()
            self._flee(problem, disk, self._first_number(disk), is_open=False)

    @property
    def bound(self) -> int:
        """Bound on the messages held, in bytes."""
        return self._max_bytes if self._refuge is None else min(self._max_bytes, _refuge.MAX_BYTES)

    @property
    def trouble(self) -> str:
        """What is wrong with the disk or the database, in words; empty while all is well."""
        refuge = self._refuge
        if refuge is not None:
            return f"events are kept in memory only: {refuge.why}"
        return self._harm if time.monotonic() < self._harm_until else ""

    @property
    def is_in_memory(self) -> bool:
        """The disk cannot be written now."""
        return self._refuge is not None

    @property
    def size(self) -> tuple[int, int]:
        """Messages that wait, wherever they are, and their bytes."""
        tally, refuge = self.store.tally, self._refuge
        depth, size = refuge.on_disk if refuge is not None else (0, 0)
        return tally.depth + depth, tally.bytes + size

    def commit(self, jobs: Sequence[Job[Any]]) -> list[Stored]:
        """As `Store.commit`; where the disk does not let it, in memory.

        Raises:
            OutboxError: It is closed.
        """
        if self._refuge is not None and self._refuge.is_time:
            self._come_back()
        new = self._wherever(lambda: self.store.commit(jobs))
        if new and self._mark is not None:
            self._mark.note(new[-1].seq)
        return new

    def read(self, query: Callable[[sqlite3.Connection], _T]) -> _T:
        """As `Store.read`; where the disk does not let it, in memory."""
        return self._wherever(lambda: self.store.read(query))

    def waiting(self, after: int, limit: int) -> list[tuple[Stored, bool]]:
        """As `_messages.waiting`, at most so many, wherever they are."""

        def look(db: sqlite3.Connection) -> list[tuple[Stored, bool]]:
            refuge = self._refuge
            rows = _messages.waiting(db, after) if refuge is None else refuge.waiting(after)
            return [row for row, _ in zip(rows, range(limit), strict=False)]

        return self.read(look)

    def history(self, start: int | datetime, after: int, limit: int) -> tuple[Stored, ...]:
        """As `_history.since`, wherever they are."""

        def look(db: sqlite3.Connection) -> tuple[Stored, ...]:
            if self._refuge is not None:
                return self._refuge.history(start, after=after, limit=limit)
            return _history.since(db, start, after=after, limit=limit)

        return self.read(look)

    def pull(self, transaction: Transaction, seqs: Sequence[int]) -> None:
        """See that messages are in the store before they change; inside a job."""
        if self._refuge is not None:
            self._refuge.pull(transaction, seqs)

    def close(self) -> None:
        """Let go of the files; safe to call twice. The disk gets a last chance first."""
        while not self._is_closed and self._refuge is not None and self._come_back():
            pass
        if not self._is_closed and self._refuge is not None and self.store.tally.depth:
            _log.error(
                "the disk takes nothing: %d events that were in memory only are lost",
                self.store.tally.depth,
            )
        self._is_closed = True
        self.store.close()
        if self._refuge is not None:
            self._refuge.close()
        if self._mark is not None:
            self._mark.close()

    def _wherever(self, attempt: Callable[[], _T]) -> _T:
        try:
            return self._repairing(attempt)
        except OutboxError as problem:
            if self._path is None or self._refuge is not None or self._is_closed:
                raise
            seq = self.store.tally.seq
            if self._mark is not None:
                with suppress(OutboxError):
                    self._mark.leap(seq)
            self._flee(problem, self.store, seq, is_open=True)
        return attempt()

    def _repairing(self, attempt: Callable[[], _T]) -> _T:
        """Do something with the store; where it is damaged, once more with a new one."""
        try:
            return attempt()
        except Damaged as damage:
            self.store.close()
            self.store = self._renewed(damage)
        try:
            return attempt()
        except Damaged as again:
            raise OutboxError(f"outbox {self._path}: damaged again: {again}") from again

    def _opened(self) -> Store:
        """The store on the disk, with the number to go on behind."""
        is_new = self._path is not None and not self._path.exists()
        store = self._found()
        if self._mark is not None:
            last_seq = store.tally.seq
            if self._mark.is_behind(last_seq, is_new=is_new) and not self.moved_aside:
                self._tell_harm(
                    "the newest part of the outbox is gone: what was decided after message "
                    f"{last_seq}, and was not delivered, is lost"
                )
            is_damaged = self.moved_aside > 0
            store.tally.seq = self._mark.resume(last_seq, is_damaged=is_damaged, is_new=is_new)
        return store

    def _found(self) -> Store:
        """The store on the disk, a new one where the old is damaged."""
        if self._path is not None and self._mark is None:
            self._mark = Mark(self._path.with_suffix(".seq"))
        try:
            return self._connected()
        except Damaged as damage:
            return self._renewed(damage)

    def _renewed(self, damage: Damaged) -> Store:
        """A new store, with what the damaged one still holds."""
        if self._path is None or self._mark is None:
            raise OutboxError(f"outbox in memory: {damage}")
        kept = _database.move_aside(self._path, str(damage))
        self.moved_aside += 1
        try:
            store = self._connected()
        except Damaged as again:
            raise OutboxError(f"outbox {self._path}: damaged again: {again}") from again
        store.tally.seq = self._mark.resume(0, is_damaged=True)
        saving = Job(lambda transaction: salvage(kept, transaction))
        store.commit([saving])
        self.rewinds += 1
        self._tell_harm(
            f"the outbox was damaged ({damage}) and is kept as {kept.name}: "
            f"{saving.outcome()} messages were saved from it, others that waited are lost"
        )
        return store

    def _connected(self) -> Store:
        db = _database.opened(self._path, self._reserve_bytes if self._refuge is None else 0)
        assert self._path is None or self._mark is not None
        return self._store_of(db, self._mark.cover if self._mark is not None else _uncovered)

    def _store_of(self, db: sqlite3.Connection, cover: Callable[[int], None]) -> Store:
        in_words = _database.speaker(self._path)
        tally = _database.tally_of(db)
        return Store(db, tally, in_words=in_words, cover=cover, randomness=self._randomness)

    def _readable(self) -> Store | None:
        """What can be read on a disk that cannot be written."""
        db = _database.opened_to_read(self._path) if self._path is not None else None
        return self._store_of(db, _uncovered) if db is not None else None

    def _flee(self, problem: OutboxError, disk: Store | None, seq: int, *, is_open: bool) -> None:
        """Go on in memory, behind this number."""
        _log.error("%s; events are kept in memory until it is well", problem)
        self._refuge = Refuge(
            disk,
            seq,
            str(problem),
            is_open=is_open,
            cover=self._cover_if_possible,
            randomness=self._randomness,
        )
        self.store = self._refuge.store

    def _first_number(self, disk: Store | None) -> int:
        """The number to go on behind where the start finds no disk to write to."""
        assert self._path is not None
        known = disk.tally.seq if disk is not None else 0
        without = number_without_disk(self._path.with_suffix(".seq"))
        if self._mark is None:
            return max(known, without)
        seq = self._mark.resume(known, is_damaged=False, is_new=disk is None)
        try:
            self._mark.leap(seq)  # so that a later start does not give these numbers again
        except OutboxError:
            return max(seq, without)
        return seq

    def _come_back(self) -> bool:
        """Bring some of what is in memory to the disk; whether it takes it and there is more."""
        refuge = self._refuge
        assert refuge is not None
        assert self._path is not None
        refuge.later()
        try:
            disk = refuge.disk if refuge.is_open else self._reopened()
            if disk is None:
                return False
            is_blind = refuge.is_blind
            is_over = refuge.give_back(disk, datetime.now(timezone.utc))
            self.rewinds += is_blind
        except (OutboxError, Damaged, sqlite3.Error) as problem:
            # Where the folder takes files a new connection may do what this one cannot.
            refuge.is_open = refuge.is_open and not _refuge.is_writable(self._path.parent)
            _log.info("the disk does not take the outbox back yet: %s", problem)
            return False
        if not is_over:
            refuge.soon()
            return True
        if self._mark is not None:
            with suppress(OutboxError):  # then the next start leaves a gap
                self._mark.land(disk.tally.seq)
        refuge.close(is_over=True)
        self.store, self._refuge = disk, None
        with suppress(OutboxError, Damaged):
            disk.read(lambda db: _database.reserve(db, self._reserve_bytes))
        _log.warning("the outbox is on the disk again")
        return False

    def _reopened(self) -> Store | None:
        """The store on the disk if it can be written again."""
        assert self._path is not None
        if not _refuge.is_writable(self._path.parent):
            return None
        store = self._found()
        assert self._mark is not None
        self._mark.cover(self.store.tally.seq)
        return store

    def _cover_if_possible(self, seq: int) -> None:
        if self._mark is not None:
            with suppress(OutboxError):
                self._mark.cover(seq)

    def _tell_harm(self, words: str) -> None:
        self._harm, self._harm_until = words, time.monotonic() + _HARM_S
        _log.error("%s", words)


def _uncovered(seq: int) -> None:
    """Numbers in memory end with the process."""
