"""Outbox: every decided event, numbered and on disk, until a broker has acknowledged it.

Boundary: what the rest of the room knows of the disk. Number, id, incident and message become
durable together or not at all. Callers that come at the same moment share one transaction and its
fsync: whoever holds the lock takes along what waits. Its parts:

    _store      transactions        _database   the file: layout, damage
    _messages   the queue           _incidents  numbers, begins and ends
    _history    what was delivered  _bound      what a full outbox throws away
    _mark       numbers never go backwards, also when the database is lost
"""

from __future__ import annotations

import logging
import secrets
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeVar

from edge.errors import OutboxError
from edge.event import Event
from edge.message import Evidence, Origin
from edge.sinks import _bound, _database, _history, _incidents, _messages
from edge.sinks._database import MIB, Damaged
from edge.sinks._incidents import OpenIncident
from edge.sinks._mark import Mark
from edge.sinks._messages import RANKS
from edge.sinks._store import Job, Store, Stored, Transaction

__all__ = ["MIB", "RANKS", "OpenIncident", "Outbox", "OutboxStats", "Stored"]

_log = logging.getLogger("edge.sinks.outbox")
_T = TypeVar("_T")

_MAX_SET_ASIDE = 1000  # refused messages kept for inspection, newest win


@dataclass(frozen=True, slots=True)
class OutboxStats:
    """The outbox in numbers.

    Attributes:
        seq: Number of the newest message.
        depth: Messages not yet acknowledged.
        bytes: Their size, overhead of the table included.
        dropped: How many were thrown away because the outbox was full, by rank, ever.
        refused: How many were set aside because the broker can never take them, ever.
        moved_aside: Damaged databases this process has moved aside.
        kept: Delivered messages that can be had again.
    """

    seq: int = 0
    depth: int = 0
    bytes: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    moved_aside: int = 0
    kept: int = 0


class Outbox:
    """Numbers events and keeps them until they are acknowledged. Safe from any thread.

    Args:
        path: The database; its folder must exist. None keeps everything in memory, for replay.
        max_bytes: Bound on the messages held; beyond it the lowest rank, oldest first, is dropped.
        reserve_bytes: Disk space taken at the start, so that a disk others have filled up still
            takes this much. 24 MiB hold about 25 000 events beside what is kept of the delivered.
        randomness: Gives n random bytes for identifiers; replay injects a repeatable one.

    Raises:
        OutboxError: It cannot be opened or written, or another process has it.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        max_bytes: int = 256 * MIB,
        reserve_bytes: int = 24 * MIB,
        randomness: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._reserve_bytes = min(reserve_bytes, max_bytes)
        self._randomness = randomness
        self._lock = threading.Lock()
        self._waiting: deque[Job[Any]] = deque()
        self._followers: list[deque[Stored]] = []
        self._moved_aside = 0
        self._quiet_until = 0.0
        self._mark = Mark(path.with_suffix(".seq")) if path is not None else None
        try:
            self._store = self._opened()
        except OutboxError:
            if self._mark is not None:
                self._mark.close()
            raise

    def append(
        self, event: Event, origin: Origin, evidence: Sequence[Evidence] = ()
    ) -> tuple[Stored, ...]:
        """Make one event durable.

        A `begin` whose incident is still open first ends the old one (`superseded`), so that
        every begin has exactly one end. An `update` or `end` whose begin is not known (the
        database was lost in between) is sent all the same, as an incident of its own.

        Args:
            event: What was decided.
            origin: Who says so.
            evidence: Files that support it; may be empty.

        Returns:
            What is now on disk, in order: usually one, two where an old incident was ended.

        Raises:
            OutboxError: It is not on disk: disk full, read-only or failing.
            ValueError: The event has a name or time that no message can carry.
        """

        def work(transaction: Transaction) -> tuple[Stored, ...]:
            stored = _incidents.add(transaction, event, origin, evidence)
            _bound.enforce(transaction, self._max_bytes, origin, event.at)
            return tuple(stored)

        return self._run(work)

    def end_open(self, reason: str, at: datetime, camera: str | None = None) -> tuple[Stored, ...]:
        """End what is open, because nobody will see it end.

        Args:
            reason: Why, in words, such as `the appliance was restarted`.
            at: UTC to say it ended at.
            camera: Only this camera's; None for all.

        Returns:
            The `end` messages now on disk; empty when nothing was open.

        Raises:
            OutboxError: They could not be written; nothing was ended.
        """

        def work(transaction: Transaction) -> tuple[Stored, ...]:
            stored = []
            for incident in _incidents.opened(transaction.db):
                if incident.kind == _bound.KIND:
                    continue  # the outbox's own, and it knows when that is over
                if camera is None or incident.camera == camera:
                    place, begin = incident.place, incident.begin
                    stored.append(_incidents.end(transaction, place, begin, reason=reason, at=at))
                    origin = Origin(begin.site, begin.node, begin.config)
                    _bound.enforce(transaction, self._max_bytes, origin, at)
            return tuple(stored)

        return self._run(work)

    def open_incidents(self) -> tuple[OpenIncident, ...]:
        """What has begun and not ended, oldest first."""
        return self._read(_incidents.opened)

    def pending(self, limit: int, after: int = 0) -> tuple[Stored, ...]:
        """Messages not yet acknowledged, in order.

        One that the disk has altered is set aside and said, never sent.

        Args:
            limit: At most this many.
            after: Only numbers above this.
        """
        found: list[Stored] = []
        altered: list[Stored] = []

        def look(db: sqlite3.Connection) -> None:
            for stored, is_sound in _messages.waiting(db, after):
                (found if is_sound else altered).append(stored)
                if len(found) == limit:
                    break

        self._read(look)
        for stored in altered:
            self.refuse(stored.seq, "altered on the disk")
            _log.error("message %d was altered on the disk: set aside, not sent", stored.seq)
        return tuple(found)

    def delivered_since(
        self, start: int | datetime, *, after: int = 0, limit: int = 1000
    ) -> tuple[Stored, ...]:
        """Messages that were acknowledged, from a number or a time on.

        The newest ten thousand are kept, or 8 MiB of them where that is less; compare `start` with
        `delivered_from` to know whether all that was asked for is still there.

        Args:
            start: The lowest number wanted, or the earliest time of the scene.
            after: Only numbers above this, to go on where the last answer ended.
            limit: At most this many.

        Returns:
            In order of their numbers, the same bytes as the first time.
        """
        return self._read(lambda db: _history.since(db, start, after=after, limit=limit))

    @property
    def delivered_from(self) -> int | None:
        """The lowest number `delivered_since` can give; None where nothing is kept."""
        return self._read(_history.oldest)

    def acknowledge(self, seqs: Sequence[int]) -> None:
        """Move messages that have arrived to the history; unknown numbers are ignored.

        Not synced to disk by itself: a power cut may bring acknowledged messages back, to be sent
        twice under the same id. Saves one fsync in two.
        """

        def work(transaction: Transaction) -> None:
            tally = transaction.tally
            for seq in seqs:
                _history.deliver(transaction, seq)
            _history.trim(transaction)
            if tally.losing and _bound.has_room(tally.bytes, self._max_bytes):
                _bound.end_losses(transaction, _now(), "there is room in the outbox again")

        # A message made here may go out at once, and its number must not be given twice.
        self._run(work, is_durable=bool(self._store.tally.losing))

    def refuse(self, seq: int, reason: str) -> None:
        """Set aside a message that the broker can never take.

        Args:
            seq: Its number; unknown numbers are ignored.
            reason: The broker's, in words.
        """

        def work(transaction: Transaction) -> None:
            db = transaction.db
            stored = _messages.take(transaction, seq)
            if stored is not None:
                db.execute(
                    "INSERT OR REPLACE INTO refused VALUES (?, ?, ?, ?)",
                    (stored.seq, stored.topic, stored.payload, reason),
                )
                db.execute(
                    "DELETE FROM refused WHERE seq NOT IN "
                    "(SELECT seq FROM refused ORDER BY seq DESC LIMIT ?)",
                    (_MAX_SET_ASIDE,),
                )
                db.execute("UPDATE refusals SET n = n + 1")
                transaction.tally.refused += 1

        self._run(work)

    def refused(self) -> tuple[tuple[Stored, str], ...]:
        """Messages set aside, each with its reason; the newest thousand."""
        return self._read(
            lambda db: tuple(
                (Stored(*row[:3]), str(row[3]))
                for row in db.execute("SELECT seq, topic, payload, reason FROM refused")
            )
        )

    def remember_retained(self, topic: str) -> None:
        """Note that a retained value may exist at the broker.

        Args:
            topic: Full topic, so that it is found again after the node has been renamed.
        """
        self._run(lambda tx: tx.db.execute("INSERT OR IGNORE INTO retained VALUES (?)", (topic,)))

    def forget_retained(self, topic: str) -> None:
        """Note that the broker holds no value there any more."""
        self._run(lambda tx: tx.db.execute("DELETE FROM retained WHERE topic = ?", (topic,)))

    def retained(self) -> tuple[str, ...]:
        """Full topics at which a retained value may exist, from this run and earlier ones."""
        return self._read(
            lambda db: tuple(
                str(topic) for (topic,) in db.execute("SELECT topic FROM retained ORDER BY topic")
            )
        )

    @property
    def stats(self) -> OutboxStats:
        """Numbers for health; costs nothing."""
        tally = self._store.tally
        return OutboxStats(
            seq=tally.seq,
            depth=tally.depth,
            bytes=tally.bytes,
            dropped={RANKS[rank]: n for rank, n in sorted(tally.dropped.items())},
            refused=tally.refused,
            moved_aside=self._moved_aside,
            kept=tally.kept,
        )

    def follow(self) -> deque[Stored]:
        """Every message from now on, in the order of their numbers, for the caller to take out."""
        new: deque[Stored] = deque()
        self._followers.append(new)
        return new

    def close(self) -> None:
        """Let go of the files; safe to call twice."""
        with self._lock:
            self._store.close()
            if self._mark is not None:
                self._mark.close()

    def _run(self, work: Callable[[Transaction], _T], *, is_durable: bool = True) -> _T:
        """Do one job, in one transaction with those of other threads that wait.

        Raises:
            OutboxError: Nothing was changed, and why.
        """
        job = Job(work, is_durable=is_durable)
        self._waiting.append(job)
        with self._lock:
            if not job.is_done:  # else whoever had the lock before took it along
                self._commit_waiting()
        return job.outcome()

    def _commit_waiting(self) -> None:
        jobs = [self._waiting.popleft() for _ in range(len(self._waiting))]
        dropped = self._store.tally.dropped
        try:
            new = self._repairing(lambda: self._store.commit(jobs))
        except OutboxError as problem:
            for job in jobs:
                job.fault = problem
        else:
            for follower in self._followers:
                follower.extend(new)
        finally:
            for job in jobs:
                job.is_done = True
        if self._store.tally.dropped != dropped:
            self._say_full()

    def _read(self, query: Callable[[sqlite3.Connection], _T]) -> _T:
        with self._lock:
            return self._repairing(lambda: self._store.read(query))

    def _repairing(self, attempt: Callable[[], _T]) -> _T:
        """Do something with the database; where it is damaged, once more with a new one."""
        try:
            return attempt()
        except Damaged as damage:
            self._store.close()
            self._move_aside(damage)
            self._store = self._opened()
        try:
            return attempt()
        except Damaged as again:
            raise OutboxError(f"outbox {self._path}: damaged again: {again}") from again

    def _opened(self) -> Store:
        """Open the database, moving a damaged one aside."""
        try:
            return self._connected()
        except Damaged as damage:
            self._move_aside(damage)
        try:
            return self._connected()
        except Damaged as again:
            raise OutboxError(f"outbox {self._path}: damaged again: {again}") from again

    def _connected(self) -> Store:
        db = _database.opened(self._path, self._reserve_bytes)
        tally = _database.tally_of(db)
        if self._mark is not None:
            tally.seq = self._mark.resume(tally.seq, is_damaged=self._moved_aside > 0)
        return Store(
            db,
            tally,
            in_words=_database.speaker(self._path),
            cover=self._mark.cover if self._mark is not None else _uncovered,
            randomness=self._randomness,
        )

    def _move_aside(self, damage: Damaged) -> None:
        if self._path is None:
            raise OutboxError(f"outbox in memory: {damage}")
        _database.move_aside(self._path, str(damage))
        self._moved_aside += 1

    def _say_full(self) -> None:
        """One line a minute at most, with the count so far."""
        if time.monotonic() >= self._quiet_until:
            self._quiet_until = time.monotonic() + 60.0
            stats = self.stats
            _log.error(
                "outbox full at %d MiB: dropped so far %s; the broker has not taken %d messages",
                self._max_bytes // MIB,
                stats.dropped,
                stats.depth,
            )


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _uncovered(seq: int) -> None:
    """Numbers in memory end with the process."""
