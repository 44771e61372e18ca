"""Store: one database, and what is known of it without asking; changed in transactions.

Boundary: does not know what is in a message. A transaction takes any number of jobs, so that
cameras which have something to say at the same moment wait for one fsync between them; each job is
inside a savepoint of its own, so that one that cannot be done leaves the others as they are.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from edge.errors import OutboxError
from edge.uuid7 import unix_ms, uuid7

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Stored:
    """A message that is durable.

    Attributes:
        seq: Its number.
        topic: Below the broker's root, such as `v1/site/node/camera/gate/event/line_crossed`.
        payload: UTF-8 JSON.
    """

    seq: int
    topic: str
    payload: bytes


@dataclass(slots=True)
class Tally:
    """The numbers of a store; a transaction changes a copy, which counts once it has committed.

    Attributes:
        seq: The last number given.
        depth: Messages not yet acknowledged.
        bytes: Their size.
        dropped: How many were thrown away by rank, ever.
        refused: How many were set aside, ever.
        kept: Delivered messages still here.
        kept_bytes: Their size.
        losing: Cameras that have been told of a loss which goes on.
        new: Messages this transaction has added, in order.
    """

    seq: int = 0
    depth: int = 0
    bytes: int = 0
    dropped: dict[int, int] = field(default_factory=dict)
    refused: int = 0
    kept: int = 0
    kept_bytes: int = 0
    losing: frozenset[str] = frozenset()
    new: list[Stored] = field(default_factory=list)

    def copy(self) -> Tally:
        """One that can be changed without this one."""
        return Tally(  # `dataclasses.replace` takes 14 us, this 1
            self.seq,
            self.depth,
            self.bytes,
            dict(self.dropped),
            self.refused,
            self.kept,
            self.kept_bytes,
            self.losing,
            list(self.new),
        )


@dataclass(frozen=True, slots=True)
class Transaction:
    """What a job may use.

    Attributes:
        db: The database, inside a transaction.
        tally: To be kept true to it.
        cover: Makes sure that a number is never given again; called before it is used.
        randomness: Gives n random bytes for identifiers.
    """

    db: sqlite3.Connection
    tally: Tally
    cover: Callable[[int], None]
    randomness: Callable[[int], bytes]

    def identifier(self, at: datetime) -> str:
        """A new UUIDv7."""
        return uuid7(unix_ms(at), self.randomness(10))


class Job(Generic[T]):
    """One change, made whole or not at all.

    Args:
        work: Makes it; may be called again on another database after a failure.
        is_durable: It must have reached the disk when it is said to be done.
    """

    def __init__(self, work: Callable[[Transaction], T], *, is_durable: bool = True) -> None:
        self._work = work
        self._outcome: tuple[T] | None = None
        self.is_durable = is_durable
        self.is_done = False
        self.fault: Exception | None = None

    def run(self, transaction: Transaction) -> None:
        """Make it, and keep what it gave."""
        self.fault = None
        self._outcome = (self._work(transaction),)

    def outcome(self) -> T:
        """What it gave.

        Raises:
            OutboxError: The database could not be written.
            Exception: What the work itself raised.
        """
        if isinstance(self.fault, OutboxError):  # shared by all that were in the transaction
            raise OutboxError(*self.fault.args) from self.fault
        if self.fault is not None:
            raise self.fault
        assert self._outcome is not None
        return self._outcome[0]


class Store:
    """A database that is open, and its tally.

    Args:
        db: The database, with the outbox's layout.
        tally: Its numbers now.
        in_words: Turns SQLite's complaint into an error to raise.
        cover: As in `Transaction`.
        randomness: As in `Transaction`.
    """

    def __init__(
        self,
        db: sqlite3.Connection,
        tally: Tally,
        *,
        in_words: Callable[[sqlite3.Error], Exception],
        cover: Callable[[int], None],
        randomness: Callable[[int], bytes],
    ) -> None:
        self._db = db
        self.tally = tally
        self._in_words = in_words
        self._cover = cover
        self._randomness = randomness
        self._is_full_sync: bool | None = None

    def commit(self, jobs: Sequence[Job[Any]]) -> list[Stored]:
        """Do all jobs in one transaction.

        A job whose own work fails is undone alone, and keeps its fault.

        Returns:
            The messages they have added, in order.

        Raises:
            OutboxError: Nothing of it was done.
            Damaged: Nothing of it was done, and the database can no longer be used.
        """
        tally = self.tally.copy()
        try:
            self._sync(is_full=any(job.is_durable for job in jobs))
            self._db.execute("BEGIN IMMEDIATE")
            try:
                for job in jobs:
                    tally = self._with(job, tally)
                self._db.execute("COMMIT")
            finally:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
        except sqlite3.Error as problem:
            raise self._in_words(problem) from problem
        new, tally.new = tally.new, []
        self.tally = tally
        return new

    def read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Ask something.

        Raises:
            OutboxError: It cannot be read.
            Damaged: It can no longer be used.
        """
        try:
            return query(self._db)
        except sqlite3.Error as problem:
            raise self._in_words(problem) from problem

    def close(self) -> None:
        """Let go of the files; safe to call twice."""
        self._db.close()

    def _with(self, job: Job[Any], tally: Tally) -> Tally:
        """The tally with one more job done; the one given where the job failed."""
        attempt = tally.copy()
        self._db.execute("SAVEPOINT job")
        try:
            job.run(Transaction(self._db, attempt, self._cover, self._randomness))
        except (sqlite3.Error, OutboxError):
            raise
        except Exception as fault:  # noqa: BLE001 - it is raised again where the job came from
            self._db.execute("ROLLBACK TO job")
            job.fault, attempt = fault, tally
        self._db.execute("RELEASE job")
        return attempt

    def _sync(self, *, is_full: bool) -> None:
        """WAL and FULL: one fsync at each commit. NORMAL: left to the next FULL commit."""
        if is_full is not self._is_full_sync:
            self._db.execute(f"PRAGMA synchronous = {'FULL' if is_full else 'NORMAL'}")
            self._is_full_sync = is_full
