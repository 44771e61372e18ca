"""Salvage: what can still be read in a damaged database goes into the new one.

Boundary: reads a file that may hold anything. A message is believed when the checksum beside it
fits and it is an event message.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from pydantic import ValidationError

from edge.message import EventMessage
from edge.sinks import _database, _messages
from edge.sinks._store import Stored, Transaction
from edge.uuid7 import unix_ms

_ROWS = "SELECT seq, rank, checksum, topic, payload FROM message ORDER BY seq "


def salvage(path: Path, transaction: Transaction) -> int:
    """Take over undelivered messages and open incidents.

    Args:
        path: The damaged database, moved aside.
        transaction: In the new one.

    Returns:
        How many messages were saved; how many were lost is unknown.
    """
    try:
        db = _database.read_only(path)
    except sqlite3.Error:
        return 0
    try:
        found: dict[int, tuple[int, EventMessage, Stored]] = {}
        # From both ends: a scan stops at the first page that cannot be read.
        for order in ("ASC", "DESC"):
            _scan(db, order, found)
        for rank, message, stored in sorted(found.values(), key=lambda one: one[2].seq):
            _messages.put(transaction, stored, rank, unix_ms(message.at))
        _take_incidents(db, transaction)
    finally:
        db.close()
    return len(found)


def _scan(
    db: sqlite3.Connection, order: str, found: dict[int, tuple[int, EventMessage, Stored]]
) -> None:
    try:
        for seq, rank, checksum, topic, payload in db.execute(_ROWS + order):
            if seq in found:
                return
            stored = Stored(seq, topic, payload)
            message = _whole(stored, checksum)
            if message is not None and rank in range(len(_messages.RANKS)):
                found[seq] = (rank, message, stored)
    except sqlite3.Error:
        return


def _take_incidents(db: sqlite3.Connection, transaction: Transaction) -> None:
    try:
        for *place, begin in db.execute("SELECT camera, rule, kind, key, begin FROM incident"):
            EventMessage.model_validate_json(begin)
            transaction.db.execute(
                "INSERT OR IGNORE INTO incident VALUES (?, ?, ?, ?, ?)", (*place, begin)
            )
    except (sqlite3.Error, ValidationError):
        return


def _whole(stored: Stored, checksum: object) -> EventMessage | None:
    """The message of a row; None where something in it is not as it was written."""
    try:
        is_whole = _messages.checksum(stored) == checksum
        return EventMessage.model_validate_json(stored.payload) if is_whole else None
    except (TypeError, ValidationError):  # no bytes, or no message
        return None
