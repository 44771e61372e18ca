"""Salvage: what can still be read in a damaged database goes into the new one.

Boundary: reads a file that may hold anything. A message is believed when it is whole: its JSON is
an event message of that number, and the checksum beside it fits.
"""

from __future__ import annotations

import sqlite3
import zlib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from edge.message import EventMessage, unix_ms
from edge.sinks import _database, _messages
from edge.sinks._store import Stored, Transaction

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
            message = _whole(seq, checksum, payload)
            if message is not None and rank in range(len(_messages.RANKS)):
                found[seq] = (rank, message, Stored(seq, str(topic), payload))
    except (sqlite3.Error, UnicodeDecodeError):
        return


def _take_incidents(db: sqlite3.Connection, transaction: Transaction) -> None:
    try:
        for *place, begin in db.execute("SELECT camera, rule, kind, key, begin FROM incident"):
            EventMessage.model_validate_json(begin)
            transaction.db.execute(
                "INSERT OR IGNORE INTO incident VALUES (?, ?, ?, ?, ?)", (*place, begin)
            )
    except (sqlite3.Error, ValidationError, UnicodeDecodeError):
        return


def _whole(seq: Any, checksum: Any, payload: Any) -> EventMessage | None:
    """The message of a row; None where something in it is not as it was written."""
    if not isinstance(payload, bytes) or zlib.crc32(payload) != checksum:
        return None
    try:
        message = EventMessage.model_validate_json(payload)
    except ValidationError:
        return None
    return message if message.seq == seq else None
