"""Refused: messages set aside because the broker can never take them, for people to look at.

Boundary: SQL on one table and its count.
"""

from __future__ import annotations

import sqlite3

from edge.sinks import _messages
from edge.sinks._store import Stored, Transaction

_MAX_SET_ASIDE = 1000  # kept for inspection, newest win


def set_aside(transaction: Transaction, seq: int, reason: str) -> None:
    """Move a message from the queue to here; an unknown number is ignored."""
    stored = _messages.take(transaction, seq)
    if stored is None:
        return
    db = transaction.db
    db.execute(
        "INSERT OR REPLACE INTO refused VALUES (?, ?, ?, ?)",
        (stored.seq, stored.topic, stored.payload, reason),
    )
    db.execute(
        "DELETE FROM refused WHERE seq NOT IN (SELECT seq FROM refused ORDER BY seq DESC LIMIT ?)",
        (_MAX_SET_ASIDE,),
    )
    db.execute("UPDATE refusals SET n = n + 1")
    transaction.tally.refused += 1


def all_of(db: sqlite3.Connection) -> tuple[tuple[Stored, str], ...]:
    """What is set aside, each with its reason."""
    rows = db.execute("SELECT seq, topic, payload, reason FROM refused")
    return tuple((Stored(*row[:3]), str(row[3])) for row in rows)
