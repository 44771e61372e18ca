"""Bound: what a full outbox throws away, and that it says so.

Boundary: the part of a transaction that keeps the queue within its size. First every `update`, then
the oldest `info`, `review` and `alert`; last its own reports. For each camera that loses something,
`events_dropped` begins with the first message thrown away, in the same transaction, and ends with
how many it were once there is room again.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime

from edge.event import Event, Kind, Lost
from edge.message import Origin, lost_messages
from edge.sinks import _incidents, _messages
from edge.sinks._messages import RANKS
from edge.sinks._store import Stored, Transaction
from edge.topics import is_level

KIND: Kind = "events_dropped"

_KEY = "outbox"
_ROOM = 0.9  # of the bound; there is room again below it


def enforce(transaction: Transaction, max_bytes: int, origin: Origin, at: datetime) -> None:
    """Throw away what is too much, and begin to say so.

    Args:
        transaction: After messages were added.
        max_bytes: Bound on the queue.
        origin: Who says so.
        at: UTC to say it at.
    """
    tally = transaction.tally
    while tally.bytes > max_bytes and tally.depth:
        for camera in _drop(transaction, max_bytes) - tally.losing:
            tally.losing |= {camera}
            event = Event(
                camera,
                KIND,
                "begin",
                at,
                0,
                priority="alert",
                key=_KEY,
                reason=f"the outbox is full at {max_bytes / (1 << 20):.4g} MiB, because the broker "
                "has not taken its messages; what matters least is thrown away",
                lost=_lost(transaction.db, camera),
            )
            _raise_rank(transaction, _incidents.add(transaction, event, origin, ()))


def has_room(tally_bytes: int, max_bytes: int) -> bool:
    """Whether a queue of this size is full no longer."""
    return tally_bytes <= _ROOM * max_bytes


def end_losses(transaction: Transaction, at: datetime, reason: str) -> None:
    """End every `events_dropped`, with what was lost."""
    for incident in _incidents.opened(transaction.db):
        if incident.kind == KIND:
            lost = _lost(transaction.db, incident.camera)
            stored = _incidents.end(
                transaction,
                incident.place,
                incident.begin,
                reason=reason,
                at=at,
                lost=lost_messages(lost) if lost is not None else None,
            )
            _raise_rank(transaction, [stored])
    transaction.db.execute("DELETE FROM loss")
    transaction.tally.losing = frozenset()


def losing(db: sqlite3.Connection) -> frozenset[str]:
    """Cameras whose loss goes on."""
    return frozenset(str(camera) for (camera,) in db.execute("SELECT camera FROM loss"))


def _drop(transaction: Transaction, max_bytes: int) -> frozenset[str]:
    """Throw away until it fits; gives the cameras whose messages went."""
    tally, cameras = transaction.tally, set()
    while tally.bytes > max_bytes and tally.depth:
        rank, seq = transaction.db.execute(
            "SELECT rank, seq FROM message ORDER BY rank, seq LIMIT 1"
        ).fetchone()
        stored = _messages.take(transaction, seq)
        if stored is None:
            raise sqlite3.DatabaseError(f"malformed: the index has message {seq}, the table not")
        tally.dropped[rank] = tally.dropped.get(rank, 0) + 1
        transaction.db.execute(
            "INSERT INTO dropped VALUES (?, 1) ON CONFLICT (rank) DO UPDATE SET n = n + 1", (rank,)
        )
        levels = stored.topic.split("/")
        if len(levels) < 5 or not is_level(levels[4]):
            continue  # altered on the disk
        camera = levels[4]
        cameras.add(camera)
        transaction.db.execute(
            "INSERT INTO loss VALUES (?, ?, ?, 1) ON CONFLICT (camera) DO UPDATE SET n = n + 1, "
            "first_seq = min(first_seq, excluded.first_seq), "
            "last_seq = max(last_seq, excluded.last_seq)",
            (camera, seq, seq),
        )
    return frozenset(cameras)


def _lost(db: sqlite3.Connection, camera: str) -> Lost | None:
    row = db.execute(
        "SELECT first_seq, last_seq, n FROM loss WHERE camera = ?", (camera,)
    ).fetchone()
    return Lost(*row) if row is not None else None


def _raise_rank(transaction: Transaction, reports: list[Stored]) -> None:
    """Reports of a loss are the last to be thrown away themselves."""
    for stored in reports:
        transaction.db.execute(
            "UPDATE message SET rank = ? WHERE seq = ?", (RANKS.index("report"), stored.seq)
        )
