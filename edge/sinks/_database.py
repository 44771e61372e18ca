"""Database: the outbox's file: opened, laid out, examined, and moved aside when it is damaged.

Boundary: SQLite's opening and its complaints; what is in the tables is others' business.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

from edge.errors import OutboxError
from edge.sinks import _bound
from edge.sinks._messages import ROW_BYTES
from edge.sinks._store import Tally

MIB = 1 << 20

_log = logging.getLogger("edge.sinks.outbox")

_VERSION = 2
_SCHEMA = """
BEGIN IMMEDIATE;
CREATE TABLE numbering (last_seq INTEGER NOT NULL);
CREATE TABLE message (
    seq INTEGER PRIMARY KEY, rank INTEGER NOT NULL, at_ms INTEGER NOT NULL,
    checksum INTEGER NOT NULL, topic TEXT NOT NULL, payload BLOB NOT NULL);
CREATE INDEX message_by_rank ON message (rank, seq);
CREATE TABLE delivered (
    seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, topic TEXT NOT NULL, payload BLOB NOT NULL);
CREATE TABLE incident (
    camera TEXT, rule TEXT, kind TEXT, key TEXT, begin BLOB NOT NULL,
    PRIMARY KEY (camera, rule, kind, key)) WITHOUT ROWID;
CREATE TABLE dropped (rank INTEGER PRIMARY KEY, n INTEGER NOT NULL);
CREATE TABLE loss (
    camera TEXT PRIMARY KEY, first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL,
    n INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE refused (
    seq INTEGER PRIMARY KEY, topic TEXT NOT NULL, payload BLOB NOT NULL, reason TEXT NOT NULL);
CREATE TABLE refusals (n INTEGER NOT NULL);
CREATE TABLE retained (topic TEXT PRIMARY KEY) WITHOUT ROWID;
INSERT INTO numbering VALUES (0);
INSERT INTO refusals VALUES (0);
PRAGMA user_version = 2;
COMMIT;
"""


class Damaged(Exception):
    """The database is not one, or not any more."""


def opened(path: Path | None, reserve_bytes: int) -> sqlite3.Connection:
    """Open the database, laying it out where it is new.

    Args:
        path: Its file; None for memory.
        reserve_bytes: Disk space to take now; 0 for none.

    Raises:
        OutboxError: It cannot be opened or written.
        Damaged: It is none, or not sound.
    """
    try:
        db = sqlite3.connect(
            path if path is not None else ":memory:",
            timeout=5.0,
            isolation_level=None,
            check_same_thread=False,
        )
    except sqlite3.Error as problem:
        raise in_words(problem, path) from problem
    try:
        db.text_factory = _text
        _prepare(db)
        if reserve_bytes:
            reserve(db, reserve_bytes)
    except sqlite3.Error as problem:
        db.close()
        raise in_words(problem, path) from problem
    except Damaged:
        db.close()
        raise
    return db


def opened_to_read(path: Path) -> sqlite3.Connection | None:
    """Open a sound database that cannot be written, to read what waits in it.

    Args:
        path: Its file.

    Returns:
        The database; None where it cannot be read, is not sound, or is of another layout.
    """
    try:
        db = read_only(path)
    except sqlite3.Error:
        return None
    try:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error:
        version = verdict = None
    if version == _VERSION and verdict == "ok":
        return db
    db.close()
    return None


def read_only(path: Path) -> sqlite3.Connection:
    """Open a database, sound or not, without writing anything.

    Raises:
        sqlite3.Error: It cannot be opened.
    """
    log = path.with_name(path.name + "-wal")
    has_log = log.exists() and log.stat().st_size > 0
    # Without a log nothing is missed by not looking for one, which would need a writable folder.
    how = "mode=ro" if has_log else "mode=ro&immutable=1"
    address = f"{path.absolute().as_uri()}?{how}"
    db = sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False)
    db.text_factory = _text
    return db


def move_aside(path: Path, damage: str) -> Path:
    """Rename a damaged database, its log included, so that support can look at it.

    Args:
        path: Its file; nothing has it open.
        damage: What is wrong with it, for the log.

    Returns:
        Where it is now.

    Raises:
        OutboxError: It cannot be renamed.
    """
    stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S.%fZ")
    kept = path.with_name(f"{path.name}.damaged-{stamp}")
    try:
        for suffix in ("", "-wal", "-shm"):
            source = path.with_name(path.name + suffix)
            if source.exists():
                source.rename(kept.with_name(kept.name + suffix))
    except OSError as problem:
        raise OutboxError(
            f"outbox {path}: damaged ({damage}) and cannot be moved aside: "
            f"{problem.strerror}; check the folder's permissions"
        ) from problem
    _log.error("outbox damaged (%s): moved to %s, starting a new one", damage, kept)
    return kept


def tally_of(db: sqlite3.Connection) -> Tally:
    """The numbers of a database, read from its tables."""
    sums = "SELECT count(*), coalesce(sum(length(payload) + length(topic)), 0) FROM "
    depth, size = db.execute(sums + "message").fetchone()
    kept, kept_size = db.execute(sums + "delivered").fetchone()
    (last_seq,) = db.execute("SELECT last_seq FROM numbering").fetchone()
    (refusals,) = db.execute("SELECT n FROM refusals").fetchone()
    return Tally(
        seq=last_seq,
        depth=depth,
        bytes=size + depth * ROW_BYTES,
        dropped=dict(db.execute("SELECT rank, n FROM dropped WHERE rank BETWEEN 0 AND 4")),
        refused=refusals,
        kept=kept,
        kept_bytes=kept_size + kept * ROW_BYTES,
        losing=_bound.losing(db),
    )


def in_words(problem: sqlite3.Error, path: Path | None) -> Exception:
    """What a technician can act on; `sqlite_errorcode` needs Python 3.11, so by text."""
    text = str(problem)
    if any(sign in text for sign in ("malformed", "not a database", "no such table")):
        return Damaged(text)
    folder = path.parent if path is not None else None
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
    return OutboxError(f"outbox {path}: {text}; {remedy}")


def speaker(path: Path | None) -> Callable[[sqlite3.Error], Exception]:
    """`in_words` for one file."""
    return lambda problem: in_words(problem, path)


def _text(stored: bytes) -> str:
    """Text that the disk has altered may be none; a checksum tells, not an exception."""
    return stored.decode(errors="replace")


def _prepare(db: sqlite3.Connection) -> None:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version not in (0, _VERSION):
        raise Damaged(f"it has layout {version}, this software writes {_VERSION}")
    (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise Damaged(" ".join(str(verdict).split()))
    db.execute("PRAGMA journal_mode = WAL")
    # Zeroing what is deleted (the default of some builds) would triple what is written.
    db.execute("PRAGMA secure_delete = OFF")
    # Checkpoints at 1 MiB keep the log inside the space that _reserve takes for it.
    db.execute("PRAGMA wal_autocheckpoint = 256")
    if version == 0:
        db.executescript(_SCHEMA)


def reserve(db: sqlite3.Connection, n_bytes: int) -> None:
    """Take disk space now: freed pages stay in the file, and the log keeps its length.

    At least one MiB is written each time, because the log starts empty at each opening.
    """
    try:
        db.execute("CREATE TABLE IF NOT EXISTS filler (bytes BLOB)")
        (page,) = db.execute("PRAGMA page_size").fetchone()
        while True:
            db.execute("INSERT INTO filler VALUES (zeroblob(?))", (MIB,))
            (n_pages,) = db.execute("PRAGMA page_count").fetchone()
            if n_pages * page >= n_bytes:
                break
    except sqlite3.OperationalError as problem:
        # A disk that is full already: go on with what there is.
        _log.warning("outbox: no space in reserve: %s", problem)
    db.execute("DROP TABLE IF EXISTS filler")
