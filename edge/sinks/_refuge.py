"""Refuge: memory in place of a disk that is full, read-only or failing, until it is well again.

Boundary: beside the outbox's store. What is on the disk is read there for as long as it can be;
what is new, and what changes, is in memory, and goes to the disk in small pieces as soon as it
takes any.
"""

from __future__ import annotations

import heapq
import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path

from edge.errors import OutboxError
from edge.sinks import _database, _history, _incidents, _messages
from edge.sinks._database import MIB, Damaged
from edge.sinks._store import Job, Store, Stored, Transaction

MAX_BYTES = 32 * MIB
"""Bound on what is kept in memory: about 40 000 events."""

RETRY_S = 5.0

_UNREADABLE = (OutboxError, Damaged, sqlite3.Error)

_PROBE_BYTES = 64 << 10
_PIECE = 256  # messages to the disk in one transaction; a disk that is nearly full takes some
_PIECES = 4  # before the cameras get their turn again
_SMALL = ("incident", "retained", "refused", "loss")  # copied as they are
_COUNTS = ("refusals", "dropped")


class Refuge:
    """A store in memory, in front of one on disk that cannot be written.

    Args:
        disk: What can be read of it; None where nothing can.
        seq: The number to go on behind.
        why: What is wrong with the disk, in words.
        is_open: The disk is open for writing, should it take anything.
        cover: As in `Transaction`; must not raise.
        randomness: As in `Transaction`.

    Attributes:
        store: In memory.
        disk: As given, or as opened again.
        why: As given.
        is_open: As given, or since it was opened again.
        is_blind: What waits on the disk is not known.
    """

    def __init__(
        self,
        disk: Store | None,
        seq: int,
        why: str,
        *,
        is_open: bool,
        cover: Callable[[int], None],
        randomness: Callable[[int], bytes],
    ) -> None:
        self.why = why
        self.is_open = is_open
        self._settled: set[int] = set()  # on the disk still, though not owed any more
        db = _database.opened(None, 0)
        self.disk = disk if disk is not None and _copied(disk, db) else None
        self.is_blind = self.disk is None
        tally = _database.tally_of(db)
        tally.seq = seq
        self.store = Store(
            db, tally, in_words=_database.speaker(None), cover=cover, randomness=randomness
        )
        self._retry_at = time.monotonic() + RETRY_S

    @property
    def is_time(self) -> bool:
        """The disk deserves another try."""
        return time.monotonic() >= self._retry_at

    @property
    def on_disk(self) -> tuple[int, int]:
        """Messages that wait on the disk, and about how many bytes."""
        if self.disk is None:
            return 0, 0
        tally = self.disk.tally
        if not self._settled or not tally.depth:
            return tally.depth, tally.bytes
        share = 1.0 - len(self._settled) / tally.depth
        return tally.depth - len(self._settled), int(tally.bytes * share)

    def waiting(self, after: int) -> Iterator[tuple[Stored, bool]]:
        """As `_messages.waiting`, of both."""
        mine = self.store.read(lambda db: _messages.waiting(db, after))
        return heapq.merge(self._waiting_on_disk(after), mine, key=lambda row: row[0].seq)

    def history(self, start: int | datetime, *, after: int, limit: int) -> tuple[Stored, ...]:
        """As `_history.since`, of both."""
        query = partial(_history.since, start=start, after=after, limit=limit)
        found = list(self.store.read(query))
        if self.disk is not None:
            with suppress(*_UNREADABLE):
                found += self.disk.read(query)
        return tuple(sorted(found, key=lambda stored: stored.seq)[:limit])

    def pull(self, transaction: Transaction, seqs: Sequence[int]) -> None:
        """Take messages from the disk into memory, because they are about to change."""
        if self.disk is None:
            return
        for seq in set(seqs) - self._settled:
            try:
                row = self.disk.read(partial(_row, seq=seq))
            except _UNREADABLE:
                self._settled.add(seq)  # it need not be sent again once it can be read
                continue
            if row is not None:
                rank, at_ms, topic, payload = row
                _messages.put(transaction, Stored(seq, topic, payload), rank, at_ms)
                self._settled.add(seq)

    def later(self) -> None:
        """Do not try the disk again for a while."""
        self._retry_at = time.monotonic() + RETRY_S

    def soon(self) -> None:
        """The disk takes it: go on with the next piece as soon as the cameras had their turn."""
        self._retry_at = time.monotonic()

    def give_back(self, disk: Store, now: datetime) -> bool:
        """Bring to the disk what is here, a piece at a time.

        Args:
            disk: It, open for writing again.
            now: UTC, for incidents that an earlier run left open there.

        Returns:
            Whether all of it is there; the refuge is over then.

        Raises:
            OutboxError: It takes no more now; what it took, it has.
        """
        if disk is not self.disk:
            if self.disk is not None:
                self.disk.close()
            self.disk, self.is_open = disk, True
        self._clear_settled(disk)
        disk.commit([Job(partial(self._bring_small, now=now))])
        self.store.tally.seq = disk.tally.seq
        self.is_blind = False
        for _ in range(_PIECES):
            rows = self.store.read(_some)
            if not rows:
                break
            disk.commit([Job(partial(_put, rows=rows))])
            self.store.commit([Job(partial(_take, seqs=[seq for seq, *_ in rows]))])
        if self.store.tally.depth:
            return False
        kept = self.store.read(
            lambda db: db.execute("SELECT seq, at_ms, topic, payload FROM delivered").fetchall()
        )
        disk.commit([Job(partial(_history.add, rows=kept))])
        return True

    def close(self, *, is_over: bool = False) -> None:
        """Let go of both; of the memory only, where the refuge is over."""
        self.store.close()
        if self.disk is not None and not is_over:
            self.disk.close()

    def _waiting_on_disk(self, after: int) -> Iterator[tuple[Stored, bool]]:
        if self.disk is None:
            return
        with suppress(*_UNREADABLE):
            for stored, is_sound in self.disk.read(lambda db: _messages.waiting(db, after)):
                if stored.seq not in self._settled:
                    yield stored, is_sound

    def _clear_settled(self, disk: Store) -> None:
        """Remove from the disk what is not owed any more, which may be all the room there is."""
        # The log begins anew, so that it need not grow.
        disk.read(lambda db: db.execute("PRAGMA wal_checkpoint(RESTART)").fetchall())
        while self._settled:
            some = sorted(self._settled)[:_PIECE]
            disk.commit([Job(partial(_take, seqs=some))])
            self._settled.difference_update(some)

    def _bring_small(self, transaction: Transaction, now: datetime) -> None:
        """Numbers, incidents and counts; what was settled goes."""
        db, tally, mine = transaction.db, transaction.tally, self.store.tally
        tally.seq = max(tally.seq, mine.seq)
        if self.is_blind:  # what is there is from an earlier run, and nobody will see it end
            for incident in _incidents.opened(db):
                _incidents.end(
                    transaction,
                    incident.place,
                    incident.begin,
                    reason="the appliance was restarted",
                    at=now,
                )
            n_refused = tally.refused + mine.refused
            ranks = {*tally.dropped, *mine.dropped}
            dropped = {n: tally.dropped.get(n, 0) + mine.dropped.get(n, 0) for n in ranks}
        else:
            n_refused, dropped = mine.refused, dict(mine.dropped)
            for table in _SMALL:
                db.execute(f"DELETE FROM {table}")  # noqa: S608 - the names above
        for table in _SMALL:
            _copy(self.store, db, table)
        db.execute("UPDATE numbering SET last_seq = ?", (tally.seq,))
        db.execute("UPDATE refusals SET n = ?", (n_refused,))
        db.execute("DELETE FROM dropped")
        db.executemany("INSERT INTO dropped VALUES (?, ?)", dropped.items())
        tally.refused, tally.dropped, tally.losing = n_refused, dropped, mine.losing


def is_writable(folder: Path) -> bool:
    """Whether a folder takes a little; asked before a large database is opened and examined."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(_PROBE_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        return False
    return True


def _copied(disk: Store, db: sqlite3.Connection) -> bool:
    """Whether the small tables could be read from the disk, and are in `db` now."""
    try:
        for table in (*_SMALL, *_COUNTS):
            db.execute(f"DELETE FROM {table}")  # noqa: S608 - the names above
            _copy(disk, db, table)
    except _UNREADABLE:
        for table in (*_SMALL, *_COUNTS):
            db.execute(f"DELETE FROM {table}")  # noqa: S608 - the names above
        db.execute("INSERT INTO refusals VALUES (0)")
        return False
    return True


def _row(db: sqlite3.Connection, seq: int) -> tuple[int, int, str, bytes] | None:
    query = "SELECT rank, at_ms, topic, payload FROM message WHERE seq = ?"
    row: tuple[int, int, str, bytes] | None = db.execute(query, (seq,)).fetchone()
    return row


def _copy(source: Store, db: sqlite3.Connection, table: str) -> None:
    rows = source.read(lambda old: old.execute(f"SELECT * FROM {table}").fetchall())  # noqa: S608
    for row in rows:
        marks = ", ".join("?" * len(row))
        db.execute(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", row)  # noqa: S608


def _some(db: sqlite3.Connection) -> list[tuple[int, int, int, str, bytes]]:
    return db.execute(
        "SELECT seq, rank, at_ms, topic, payload FROM message ORDER BY seq LIMIT ?", (_PIECE,)
    ).fetchall()


def _put(transaction: Transaction, rows: Sequence[tuple[int, int, int, str, bytes]]) -> None:
    for seq, rank, at_ms, topic, payload in rows:
        _messages.put(transaction, Stored(seq, topic, payload), rank, at_ms)


def _take(transaction: Transaction, seqs: Sequence[int]) -> None:
    for seq in seqs:
        _messages.take(transaction, seq)
