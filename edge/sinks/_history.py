"""History: delivered messages, kept for a while so that a control room can ask for them again.

Boundary: SQL on one table. Bounded by count and by bytes, the oldest go first; nothing in it is
owed to anybody, so a disk that is full takes this space back first.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime

from edge.sinks._messages import ROW_BYTES, size
from edge.sinks._store import Stored, Transaction
from edge.uuid7 import unix_ms

MAX_KEPT = 10_000
"""Messages: three hours of one a second."""

MAX_KEPT_BYTES = 8 << 20

_SPARE = 64  # thrown away this many at a time
_MOST_NAMED = 500  # numbers in one statement; older SQLite takes 999


def deliver(transaction: Transaction, seqs: Sequence[int]) -> None:
    """Move messages from the queue to here; unknown numbers are ignored.

    Three statements for all of them: one by one they took 36 us a message, together 10.
    """
    tally = transaction.tally
    for start in range(0, len(seqs), _MOST_NAMED):
        some = seqs[start : start + _MOST_NAMED]
        these = f"FROM message WHERE seq IN ({', '.join('?' * len(some))})"
        n, n_bytes = transaction.db.execute(
            f"SELECT count(*), coalesce(sum(length(payload) + length(topic)), 0) {these}", some
        ).fetchone()
        transaction.db.execute(
            f"INSERT OR REPLACE INTO delivered SELECT seq, at_ms, topic, payload {these}", some
        )
        transaction.db.execute(f"DELETE {these}", some)
        moved = n_bytes + n * ROW_BYTES
        tally.depth -= n
        tally.bytes -= moved
        tally.kept += n
        tally.kept_bytes += moved


def add(transaction: Transaction, rows: Sequence[tuple[int, int, str, bytes]]) -> None:
    """Keep delivered messages: number, time in Unix milliseconds, topic and payload of each."""
    for seq, at_ms, topic, payload in rows:
        transaction.db.execute(
            "INSERT OR REPLACE INTO delivered VALUES (?, ?, ?, ?)", (seq, at_ms, topic, payload)
        )
        transaction.tally.kept += 1
        transaction.tally.kept_bytes += size(Stored(seq, topic, payload))


def trim(transaction: Transaction) -> None:
    """Forget the oldest beyond the bounds."""
    tally = transaction.tally
    while tally.kept > MAX_KEPT + _SPARE or tally.kept_bytes > MAX_KEPT_BYTES:
        rows = transaction.db.execute(
            "SELECT seq, topic, payload FROM delivered ORDER BY seq LIMIT ?", (_SPARE,)
        ).fetchall()
        if not rows:
            break
        transaction.db.execute("DELETE FROM delivered WHERE seq <= ?", (rows[-1][0],))
        tally.kept -= len(rows)
        tally.kept_bytes -= sum(size(Stored(*row)) for row in rows)


def since(
    db: sqlite3.Connection, start: int | datetime, *, after: int, limit: int
) -> tuple[Stored, ...]:
    """Delivered messages from a number or a time on, in order of their numbers."""
    at_ms = unix_ms(start) if isinstance(start, datetime) else 0
    first = start if isinstance(start, int) else 0
    rows = db.execute(
        "SELECT seq, topic, payload FROM delivered "
        "WHERE seq >= ? AND seq > ? AND at_ms >= ? ORDER BY seq LIMIT ?",
        (first, after, at_ms, limit),
    )
    return tuple(Stored(*row) for row in rows)


def oldest(db: sqlite3.Connection) -> int | None:
    """The lowest number kept; None where nothing is."""
    (seq,) = db.execute("SELECT min(seq) FROM delivered").fetchone()
    return None if seq is None else int(seq)
