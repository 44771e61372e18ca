"""Incidents: an event gets its number, its id and its incident; every begin gets its end.

Boundary: the part of a transaction that turns events into messages.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from pydantic import ValidationError

from edge.event import Event, Kind
from edge.message import EventMessage, Evidence, Origin, compose, encode
from edge.sinks import _messages
from edge.sinks._store import Stored, Transaction

_log = logging.getLogger("edge.sinks.outbox")

Place: TypeAlias = tuple[str, str, str, str]
"""Camera, rule, kind and key: what tells one incident that is open from another."""


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

    @property
    def place(self) -> Place:
        """Under which it is kept."""
        return self.camera, self.rule, self.kind, self.key


def add(
    transaction: Transaction, event: Event, origin: Origin, evidence: Sequence[Evidence]
) -> list[Stored]:
    """Queue an event, after the end of an incident that it begins anew."""
    place = (event.camera, event.rule, event.kind, event.key)
    begun = _begun(transaction.db, place)
    stored: list[Stored] = []
    if event.phase == "begin" and begun is not None:
        stored.append(end(transaction, place, begun, reason="superseded", at=event.at))
        begun = None
    identifier = transaction.identifier(event.at)
    message, payload = compose(
        event,
        origin,
        id=identifier,
        seq=transaction.tally.seq + 1,
        incident=begun.incident if begun is not None else identifier,
        evidence=evidence,
    )
    stored.append(_messages.insert(transaction, message, payload))
    if event.phase == "end":
        _close(transaction.db, place)
    elif event.phase != "pulse" and begun is None:
        transaction.db.execute(
            "INSERT OR REPLACE INTO incident VALUES (?, ?, ?, ?, ?)", (*place, payload)
        )
    return stored


def end(
    transaction: Transaction,
    place: Place,
    begun: EventMessage,
    *,
    reason: str,
    at: datetime,
    **more: Any,
) -> Stored:
    """Queue the end of an incident that nobody saw end."""
    message = EventMessage.model_validate(
        {
            **begun.model_dump(exclude={"objects", "evidence", "n_objects", "direction"}),
            "id": transaction.identifier(at),
            "seq": transaction.tally.seq + 1,
            "phase": "end",
            # A clock that was set back must not make it end before it began.
            "at": max(at, begun.at),
            "reason": reason,
            **more,
        }
    )
    _close(transaction.db, place)
    return _messages.insert(transaction, message, encode(message))


def supplement(
    transaction: Transaction, message: EventMessage, evidence: Sequence[Evidence], reason: str
) -> Stored:
    """Queue what has become known of an event that was sent; opens and ends nothing."""
    added = EventMessage.model_validate(
        {
            **message.model_dump(exclude={"objects", "n_objects", "direction", "lost"}),
            "id": transaction.identifier(message.at),
            "seq": transaction.tally.seq + 1,
            "phase": "update",
            "evidence": tuple(evidence) or None,
            "reason": reason or None,
        }
    )
    return _messages.insert(transaction, added, encode(added))


def opened(db: sqlite3.Connection) -> tuple[OpenIncident, ...]:
    """What has begun and not ended, oldest first."""
    rows = db.execute("SELECT camera, rule, kind, key, begin FROM incident").fetchall()
    found = []
    for camera, rule, kind, key, begin in rows:
        message = _read(begin)
        if message is not None:
            found.append(OpenIncident(camera, rule, kind, key, message))
    return tuple(sorted(found, key=lambda incident: incident.begin.seq))


def _begun(db: sqlite3.Connection, place: Place) -> EventMessage | None:
    row = db.execute(
        "SELECT begin FROM incident WHERE (camera, rule, kind, key) = (?, ?, ?, ?)", place
    ).fetchone()
    return _read(row[0]) if row is not None else None


def _read(begin: bytes) -> EventMessage | None:
    """A begin; None where the disk has altered it, and with it what it was the begin of."""
    try:
        return EventMessage.model_validate_json(begin)
    except ValidationError as problem:
        _log.error("an incident was altered on the disk and cannot be ended: %s", problem)
        return None


def _close(db: sqlite3.Connection, place: Place) -> None:
    db.execute("DELETE FROM incident WHERE (camera, rule, kind, key) = (?, ?, ?, ?)", place)
