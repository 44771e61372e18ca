"""Messages: what waits in the outbox, row by row.

Boundary: SQL on one table. A row carries a checksum: SQLite notices a torn page, not a byte that
the disk has turned inside a message.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator

from edge.message import EventMessage, Origin
from edge.sinks._store import Stored, Transaction
from edge.topics import event_topic, node_topic
from edge.uuid7 import unix_ms

RANKS = ("update", "info", "review", "alert", "report")
"""What a full outbox throws away, first to last: an `update` of any priority is the first; what it
says of its own losses is the last."""

ROW_BYTES = 72
"""What SQLite adds to a message: row header, index entry, share of a page."""


def insert(transaction: Transaction, message: EventMessage, payload: bytes) -> Stored:
    """Put a message in the queue as it is written; its number is now the last one given."""
    tally = transaction.tally
    transaction.cover(message.seq)
    tally.seq = message.seq
    origin = Origin(message.site, message.node, message.config)
    topic = node_topic(origin, event_topic(message.camera, message.kind))
    stored = Stored(message.seq, topic, payload)
    transaction.db.execute("UPDATE numbering SET last_seq = ?", (stored.seq,))
    put(transaction, stored, _rank(message), unix_ms(message.at))
    tally.new.append(stored)
    return stored


def put(transaction: Transaction, stored: Stored, rank: int, at_ms: int) -> None:
    """Put a numbered message in the queue as it is."""
    transaction.db.execute(
        "INSERT INTO message VALUES (?, ?, ?, ?, ?, ?)",
        (stored.seq, rank, at_ms, checksum(stored), stored.topic, stored.payload),
    )
    transaction.tally.depth += 1
    transaction.tally.bytes += size(stored)


def take(transaction: Transaction, seq: int) -> Stored | None:
    """Remove one message and give it, or None where it is not there."""
    row = transaction.db.execute(
        "SELECT seq, topic, payload FROM message WHERE seq = ?", (seq,)
    ).fetchone()
    if row is None:
        return None
    stored = Stored(*row)
    transaction.db.execute("DELETE FROM message WHERE seq = ?", (seq,))
    transaction.tally.depth -= 1
    transaction.tally.bytes -= size(stored)
    return stored


def waiting(db: sqlite3.Connection, after: int) -> Iterator[tuple[Stored, bool]]:
    """What is queued, in order, each with whether it is still what was written.

    Args:
        db: The database.
        after: Only numbers above this.
    """
    rows = db.execute(
        "SELECT seq, topic, payload, checksum FROM message WHERE seq > ? ORDER BY seq", (after,)
    )
    for seq, topic, payload, written in rows:
        stored = Stored(seq, topic, payload)
        yield stored, checksum(stored) == written


def checksum(stored: Stored) -> int:
    """Of all that makes up a message."""
    return zlib.crc32(stored.payload, zlib.crc32(f"{stored.seq} {stored.topic}".encode()))


def is_alert(stored: Stored) -> bool:
    """Whether it asks for a person now; an `update` only adds to what did."""
    return b'"priority":"alert"' in stored.payload and b'"phase":"update"' not in stored.payload


def size(stored: Stored) -> int:
    """Bytes on disk, overhead of the table included."""
    return len(stored.payload) + len(stored.topic) + ROW_BYTES


def _rank(message: EventMessage) -> int:
    if message.phase == "update":
        return 0
    return RANKS.index(message.priority)
