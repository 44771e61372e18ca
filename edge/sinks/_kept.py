"""Kept: event messages that are still in the outbox, read beside the program that writes it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection
from pathlib import Path

from edge.errors import OutboxError
from edge.sinks._database import read_only


def kept_events(outbox: Path, ids: Collection[str]) -> list[bytes]:
    """Event messages of some events and incidents, waiting or delivered.

    Args:
        outbox: Its database; where there is none, none are kept.
        ids: Of events or incidents.

    Returns:
        Their UTF-8 JSON as it was made, in the order of their numbers.

    Raises:
        OutboxError: It cannot be read.
    """
    wanted = set(ids)
    return [payload for _, payload in events_after(outbox, 0) if _is_about(payload, wanted)]


def events_after(outbox: Path, seq: int) -> list[tuple[int, bytes]]:
    """Event messages with a higher number, waiting or delivered.

    Args:
        outbox: Its database; where there is none, there are none.
        seq: 0 for all that are still kept.

    Returns:
        Number and UTF-8 JSON, in the order of their numbers.

    Raises:
        OutboxError: It cannot be read.
    """
    if not outbox.exists():
        return []
    try:
        db = read_only(outbox)
        try:
            rows = db.execute(
                "SELECT seq, payload FROM delivered WHERE instr(topic, 'event/') AND seq > :seq "
                "UNION SELECT seq, payload FROM message WHERE instr(topic, 'event/') "
                "AND seq > :seq ORDER BY seq",
                {"seq": seq},
            )
            return [(int(number), bytes(payload)) for number, payload in rows]
        finally:
            db.close()
    except sqlite3.Error as exc:
        raise OutboxError(f"outbox {outbox}: its events cannot be read: {exc}") from exc


def _is_about(payload: bytes, ids: set[str]) -> bool:
    try:
        said = json.loads(payload)
    except ValueError:
        return False
    return said.get("id") in ids or said.get("incident") in ids
