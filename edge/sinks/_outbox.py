"""Outbox: every decided event, numbered and on disk, until a broker has acknowledged it.

Boundary: the one file of the sinks room that touches the database. One transaction an event:
number, id, incident and message become durable together or not at all. Measured on a virtual
disk (ext4): 0.1 ms an append beside the fsync, 0.3 to 4 ms with it, as busy as the disk is;
0.03 ms an acknowledgement, in batches of 20.

Numbers never go backwards, also when the database is lost: see `_mark`.
"""

from __future__ import annotations

import logging
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TypeAlias, TypeVar

from edge.errors import OutboxError
from edge.event import Event, Kind
from edge.message import (
    EventMessage,
    Evidence,
    Origin,
    compose,
    encode,
    event_topic,
    node_topic,
    unix_ms,
    uuid7,
)
from edge.sinks._mark import Mark

MIB = 1 << 20
RANKS = ("update", "info", "review", "alert")
"""What a full outbox throws away, first to last; an `update` of any priority is the first."""

_log = logging.getLogger("edge.sinks.outbox")
_T = TypeVar("_T")

_ROW_BYTES = 64  # what SQLite adds to a message: row header, index entry, share of a page
_MAX_SET_ASIDE = 1000  # refused messages kept for inspection, newest win
_VERSION = 1

_SCHEMA = """
BEGIN IMMEDIATE;
CREATE TABLE numbering (last_seq INTEGER NOT NULL);
CREATE TABLE message (
    seq INTEGER PRIMARY KEY, rank INTEGER NOT NULL, topic TEXT NOT NULL, payload BLOB NOT NULL);
CREATE INDEX message_by_rank ON message (rank, seq);
CREATE TABLE incident (
    camera TEXT, rule TEXT, kind TEXT, key TEXT, begin BLOB NOT NULL,
    PRIMARY KEY (camera, rule, kind, key)) WITHOUT ROWID;
CREATE TABLE dropped (
    rank INTEGER PRIMARY KEY, n INTEGER NOT NULL, first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL);
CREATE TABLE refused (
    seq INTEGER PRIMARY KEY, topic TEXT NOT NULL, payload BLOB NOT NULL, reason TEXT NOT NULL);
CREATE TABLE refusals (n INTEGER NOT NULL);
CREATE TABLE retained (topic TEXT PRIMARY KEY) WITHOUT ROWID;
INSERT INTO numbering VALUES (0);
INSERT INTO refusals VALUES (0);
PRAGMA user_version = 1;
COMMIT;
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """A message that is on disk.

    Attributes:
        seq: Its number.
        topic: Below the broker's root, such as `v1/site/node/camera/gate/event/line_crossed`.
        payload: UTF-8 JSON.
    """

    seq: int
    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class OpenIncident:
    """Something that began and has not ended.

    Attributes:
        camera: The camera's id.
        rule: Name of the rule; empty for the appliance's own conditions.
        kind: What began.
        key: What tells it from others of the same camera, rule and kind.
        begin: The message that began it.
    """

    camera: str
    rule: str
    kind: Kind
    key: str
    begin: EventMessage


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
    """

    seq: int = 0
    depth: int = 0
    bytes: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    moved_aside: int = 0


class _Damaged(Exception):
    """The database is not one, or not any more."""


_Work: TypeAlias = Callable[[sqlite3.Connection, "_Tally"], _T]


@dataclass(slots=True)
class _Tally:
    """What a transaction changes in memory; replaces the old one only when it has committed."""

    seq: int
    depth: int
    bytes: int
    dropped: dict[int, int]
    refused: int


class Outbox:
    """Numbers events and keeps them until they are acknowledged. Safe from any thread.

    Args:
        path: The database; its folder must exist. None keeps everything in memory, for replay.
        max_bytes: Bound on the messages held; beyond it the lowest rank, oldest first, is dropped.
        reserve_bytes: Disk space taken at the start, so that a disk others have filled up still
            takes this much. 16 MiB hold about 25 000 events.
        randomness: Gives n random bytes for identifiers; replay injects a repeatable one.

    Raises:
        OutboxError: It cannot be opened or written, or another process has it.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        max_bytes: int = 256 * MIB,
        reserve_bytes: int = 16 * MIB,
        randomness: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._reserve_bytes = min(reserve_bytes, max_bytes)
        self._randomness = randomness
        self._lock = threading.RLock()
        self._moved_aside = 0
        self._quiet_until = 0.0
        self._mark = Mark(path.with_suffix(".seq")) if path is not None else None
        self._tally = _Tally(0, 0, 0, {}, 0)
        try:
            self._db = self._opened()
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

        def work(db: sqlite3.Connection, tally: _Tally) -> tuple[Stored, ...]:
            place = (event.camera, event.rule, event.kind, event.key)
            row = db.execute(
                "SELECT begin FROM incident WHERE (camera, rule, kind, key) = (?, ?, ?, ?)", place
            ).fetchone()
            begun = EventMessage.model_validate_json(row[0]) if row is not None else None
            stored: list[Stored] = []
            if event.phase == "begin" and begun is not None:
                stored.append(self._end(db, tally, place, begun, reason="superseded", at=event.at))
                begun = None
            identifier = self._identifier(event.at)
            message = compose(
                event,
                origin,
                id=identifier,
                seq=tally.seq + 1,
                incident=begun.incident if begun is not None else identifier,
                evidence=evidence,
            )
            stored.append(self._insert(db, tally, message))
            if event.phase == "end":
                self._close_incident(db, place)
            elif event.phase != "pulse" and begun is None:
                db.execute("INSERT INTO incident VALUES (?, ?, ?, ?, ?)", (*place, encode(message)))
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

        def work(db: sqlite3.Connection, tally: _Tally) -> tuple[Stored, ...]:
            return tuple(
                self._end(
                    db,
                    tally,
                    (incident.camera, incident.rule, incident.kind, incident.key),
                    incident.begin,
                    reason=reason,
                    at=at,
                )
                for incident in _open_incidents(db)
                if camera is None or incident.camera == camera
            )

        return self._run(work)

    def open_incidents(self) -> tuple[OpenIncident, ...]:
        """What has begun and not ended, oldest first."""
        return self._run(lambda db, _: _open_incidents(db))

    def pending(self, limit: int, after: int = 0) -> tuple[Stored, ...]:
        """Messages not yet acknowledged, in order.

        Args:
            limit: At most this many.
            after: Only numbers above this.
        """
        return self._run(
            lambda db, _: tuple(
                Stored(*row)
                for row in db.execute(
                    "SELECT seq, topic, payload FROM message WHERE seq > ? ORDER BY seq LIMIT ?",
                    (after, limit),
                )
            )
        )

    def acknowledge(self, seqs: Sequence[int]) -> None:
        """Forget messages that have arrived; unknown numbers are ignored.

        Not synced to disk by itself: a power cut may bring acknowledged messages back, to be sent
        twice under the same id. Saves one fsync in two.
        """

        def work(db: sqlite3.Connection, tally: _Tally) -> None:
            for seq in seqs:
                _take(db, tally, seq)

        self._run(work, is_durable=False)

    def refuse(self, seq: int, reason: str) -> None:
        """Set aside a message that the broker can never take.

        Args:
            seq: Its number; unknown numbers are ignored.
            reason: The broker's, in words.
        """

        def work(db: sqlite3.Connection, tally: _Tally) -> None:
            stored = _take(db, tally, seq)
            if stored is not None:
                db.execute(
                    "INSERT INTO refused VALUES (?, ?, ?, ?)",
                    (stored.seq, stored.topic, stored.payload, reason),
                )
                db.execute(
                    "DELETE FROM refused WHERE seq NOT IN "
                    "(SELECT seq FROM refused ORDER BY seq DESC LIMIT ?)",
                    (_MAX_SET_ASIDE,),
                )
                db.execute("UPDATE refusals SET n = n + 1")
                tally.refused += 1

        self._run(work)

    def refused(self) -> tuple[tuple[Stored, str], ...]:
        """Messages set aside, each with its reason; the newest thousand."""
        return self._run(
            lambda db, _: tuple(
                (Stored(*row[:3]), str(row[3]))
                for row in db.execute("SELECT seq, topic, payload, reason FROM refused")
            )
        )

    def remember_retained(self, topic: str) -> None:
        """Note that a retained value may exist at the broker.

        Args:
            topic: Full topic, so that it is found again after the node has been renamed.
        """
        self._run(lambda db, _: db.execute("INSERT OR IGNORE INTO retained VALUES (?)", (topic,)))

    def forget_retained(self, topic: str) -> None:
        """Note that the broker holds no value there any more."""
        self._run(lambda db, _: db.execute("DELETE FROM retained WHERE topic = ?", (topic,)))

    def retained(self) -> tuple[str, ...]:
        """Full topics at which a retained value may exist, from this run and earlier ones."""
        return self._run(
            lambda db, _: tuple(
                str(topic) for (topic,) in db.execute("SELECT topic FROM retained ORDER BY topic")
            )
        )

    @property
    def stats(self) -> OutboxStats:
        """Numbers for health; costs nothing."""
        with self._lock:
            tally = self._tally
            return OutboxStats(
                seq=tally.seq,
                depth=tally.depth,
                bytes=tally.bytes,
                dropped={RANKS[rank]: n for rank, n in sorted(tally.dropped.items())},
                refused=tally.refused,
                moved_aside=self._moved_aside,
            )

    def close(self) -> None:
        """Let go of the files; safe to call twice."""
        with self._lock:
            self._db.close()
            if self._mark is not None:
                self._mark.close()

    def _identifier(self, at: datetime) -> str:
        return uuid7(unix_ms(at), self._randomness(10))

    def _end(
        self,
        db: sqlite3.Connection,
        tally: _Tally,
        place: tuple[str, str, str, str],
        begun: EventMessage,
        *,
        reason: str,
        at: datetime,
    ) -> Stored:
        end = EventMessage.model_validate(
            {
                **begun.model_dump(exclude={"objects", "evidence", "n_objects", "direction"}),
                "id": self._identifier(at),
                "seq": tally.seq + 1,
                "phase": "end",
                # A clock that was set back must not make it end before it began.
                "at": max(at, begun.at),
                "reason": reason,
            }
        )
        self._close_incident(db, place)
        return self._insert(db, tally, end)

    def _insert(self, db: sqlite3.Connection, tally: _Tally, message: EventMessage) -> Stored:
        tally.seq = message.seq
        if self._mark is not None:
            self._mark.cover(message.seq)
        origin = Origin(message.site, message.node, message.config)
        topic = node_topic(origin, event_topic(message.camera, message.kind))
        stored = Stored(message.seq, topic, encode(message))
        rank = 0 if message.phase == "update" else RANKS.index(message.priority)
        db.execute("UPDATE numbering SET last_seq = ?", (stored.seq,))
        db.execute(
            "INSERT INTO message VALUES (?, ?, ?, ?)", (stored.seq, rank, topic, stored.payload)
        )
        tally.depth += 1
        tally.bytes += _size(stored)
        while tally.bytes > self._max_bytes:
            _drop_one(db, tally)
        return stored

    @staticmethod
    def _close_incident(db: sqlite3.Connection, place: tuple[str, str, str, str]) -> None:
        db.execute("DELETE FROM incident WHERE (camera, rule, kind, key) = (?, ?, ?, ?)", place)

    def _run(self, work: _Work[_T], *, is_durable: bool = True) -> _T:
        """Do one transaction; on a damaged database, once more on a new one.

        Raises:
            OutboxError: Nothing was changed, and why.
        """
        with self._lock:
            try:
                return self._transaction(work, is_durable=is_durable)
            except _Damaged as damage:
                self._db.close()
                self._move_aside(str(damage))
                self._db = self._opened()
                try:
                    return self._transaction(work, is_durable=is_durable)
                except _Damaged as again:
                    raise OutboxError(f"outbox {self._path}: damaged again: {again}") from again

    def _transaction(self, work: _Work[_T], *, is_durable: bool) -> _T:
        tally = replace(self._tally, dropped=dict(self._tally.dropped))
        try:
            # WAL and FULL: one fsync at each commit. NORMAL: left to the next FULL commit.
            self._db.execute(f"PRAGMA synchronous = {'FULL' if is_durable else 'NORMAL'}")
            self._db.execute("BEGIN IMMEDIATE")
            try:
                result = work(self._db, tally)
                self._db.execute("COMMIT")
            finally:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
        except sqlite3.Error as problem:
            raise self._in_words(problem) from problem
        is_dropping = tally.dropped != self._tally.dropped
        self._tally = tally
        if is_dropping:
            self._say_full()
        return result

    def _say_full(self) -> None:
        """One line a minute at most, with the count so far."""
        if time.monotonic() >= self._quiet_until:
            self._quiet_until = time.monotonic() + 60.0
            _log.error(
                "outbox full at %d MiB: dropped so far %s; the broker has not taken %d messages",
                self._max_bytes // MIB,
                self.stats.dropped,
                self._tally.depth,
            )

    def _opened(self) -> sqlite3.Connection:
        """Open the database, moving a damaged one aside."""
        try:
            return self._connect()
        except _Damaged as damage:
            self._move_aside(str(damage))
        try:
            return self._connect()
        except _Damaged as again:
            raise OutboxError(f"outbox {self._path}: damaged again: {again}") from again

    def _connect(self) -> sqlite3.Connection:
        try:
            db = sqlite3.connect(
                self._path if self._path is not None else ":memory:",
                timeout=5.0,
                isolation_level=None,
                check_same_thread=False,
            )
        except sqlite3.Error as problem:
            raise self._in_words(problem) from problem
        try:
            return self._prepared(db)
        except sqlite3.Error as problem:
            db.close()
            raise self._in_words(problem) from problem
        except (OutboxError, _Damaged):
            db.close()
            raise

    def _prepared(self, db: sqlite3.Connection) -> sqlite3.Connection:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version not in (0, _VERSION):
            raise _Damaged(f"it has layout {version}, this software writes {_VERSION}")
        (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise _Damaged(str(verdict).splitlines()[0])
        db.execute("PRAGMA journal_mode = WAL")
        # Zeroing what is deleted (the default of some builds) would triple what is written.
        db.execute("PRAGMA secure_delete = OFF")
        # Checkpoints at 1 MiB keep the log inside the space that _reserve takes for it.
        db.execute("PRAGMA wal_autocheckpoint = 256")
        if version == 0:
            db.executescript(_SCHEMA)
        if self._path is not None:
            self._reserve(db)
        (last_seq,) = db.execute("SELECT last_seq FROM numbering").fetchone()
        if self._mark is not None:
            last_seq = self._mark.resume(last_seq, is_damaged=self._moved_aside > 0)
        depth, size = db.execute(
            "SELECT count(*), coalesce(sum(length(payload) + length(topic) + ?), 0) FROM message",
            (_ROW_BYTES,),
        ).fetchone()
        (refusals,) = db.execute("SELECT n FROM refusals").fetchone()
        dropped = dict(db.execute("SELECT rank, n FROM dropped"))
        self._tally = _Tally(last_seq, depth, size, dropped, refusals)
        return db

    def _reserve(self, db: sqlite3.Connection) -> None:
        """Take disk space now: freed pages stay in the file, and the log keeps its length.

        At least one MiB is written each time, because the log starts empty at each opening.
        """
        try:
            db.execute("CREATE TABLE IF NOT EXISTS filler (bytes BLOB)")
            (page,) = db.execute("PRAGMA page_size").fetchone()
            while True:
                db.execute("INSERT INTO filler VALUES (zeroblob(?))", (MIB,))
                (n_pages,) = db.execute("PRAGMA page_count").fetchone()
                if n_pages * page >= self._reserve_bytes:
                    break
            db.execute("DROP TABLE filler")
        except sqlite3.OperationalError as problem:
            # A disk that is full already: go on with what there is, each append says what fails.
            _log.warning("outbox %s: no space in reserve: %s", self._path, problem)

    def _move_aside(self, damage: str) -> None:
        """Rename the damaged database, its log included, so that support can look at it."""
        if self._path is None:
            raise OutboxError(f"outbox in memory: {damage}")
        stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S.%fZ")
        kept = self._path.with_name(f"{self._path.name}.damaged-{stamp}")
        try:
            for suffix in ("", "-wal", "-shm"):
                source = self._path.with_name(self._path.name + suffix)
                if source.exists():
                    source.rename(kept.with_name(kept.name + suffix))
        except OSError as problem:
            raise OutboxError(
                f"outbox {self._path}: damaged ({damage}) and cannot be moved aside: "
                f"{problem.strerror}; check the folder's permissions"
            ) from problem
        self._moved_aside += 1
        _log.error("outbox damaged (%s): moved to %s, starting a new one", damage, kept)

    def _in_words(self, problem: sqlite3.Error) -> Exception:
        """What a technician can act on; `sqlite_errorcode` needs Python 3.11, so by text."""
        text = str(problem)
        if any(sign in text for sign in ("malformed", "not a database", "no such table")):
            return _Damaged(text)
        folder = self._path.parent if self._path is not None else None
        remedies = {
            "disk is full": f"free space on it (df -h {folder})",
            "readonly": f"make {folder} writable for this user; a disk that failed may have been "
            "remounted read-only (dmesg)",
            "disk I/O error": f"the disk may be full or failing (df -h {folder}, dmesg)",
            "unable to open": f"make sure {folder} exists and this user may write to it",
            "locked": "another program holds it open for writing; close it",
            "closed": "it was used after the appliance had let go of it",
        }
        remedy = next((what for sign, what in remedies.items() if sign in text), "see the log")
        return OutboxError(f"outbox {self._path}: {text}; {remedy}")


def _open_incidents(db: sqlite3.Connection) -> tuple[OpenIncident, ...]:
    rows = db.execute("SELECT camera, rule, kind, key, begin FROM incident").fetchall()
    found = [
        OpenIncident(camera, rule, kind, key, EventMessage.model_validate_json(begin))
        for camera, rule, kind, key, begin in rows
    ]
    return tuple(sorted(found, key=lambda incident: incident.begin.seq))


def _size(stored: Stored) -> int:
    return len(stored.payload) + len(stored.topic) + _ROW_BYTES


def _take(db: sqlite3.Connection, tally: _Tally, seq: int) -> Stored | None:
    """Remove one message and give it, or None where it is not there."""
    row = db.execute("SELECT seq, topic, payload FROM message WHERE seq = ?", (seq,)).fetchone()
    if row is None:
        return None
    stored = Stored(*row)
    db.execute("DELETE FROM message WHERE seq = ?", (seq,))
    tally.depth -= 1
    tally.bytes -= _size(stored)
    return stored


def _drop_one(db: sqlite3.Connection, tally: _Tally) -> None:
    """Throw away the oldest of the lowest rank, and count it."""
    rank, seq = db.execute("SELECT rank, seq FROM message ORDER BY rank, seq LIMIT 1").fetchone()
    _take(db, tally, seq)
    tally.dropped[rank] = tally.dropped.get(rank, 0) + 1
    db.execute(
        "INSERT INTO dropped VALUES (?, 1, ?, ?) "
        "ON CONFLICT (rank) DO UPDATE SET n = n + 1, last_seq = excluded.last_seq",
        (rank, seq, seq),
    )
