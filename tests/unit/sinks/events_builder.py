"""Events for tests of what leaves the box."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from edge.event import Event, Sighting
from edge.message import Origin

AT = datetime(2026, 11, 23, 9, 27, 38, 123999, tzinfo=timezone.utc)
ORIGIN = Origin("westminster", "cabinet-017", "9b1e77aa" + "0" * 56)
PERSON = Sighting(17, "person", 0.8712, (0.41234, 0.50311, 0.0611, 0.2144))


def crossing(n: int = 0, **changes: Any) -> Event:
    """A person crosses a line, `n` seconds after the others."""
    what: dict[str, Any] = {
        "camera": "high-street-north",
        "kind": "line_crossed",
        "phase": "pulse",
        "at": AT + timedelta(seconds=n),
        "clock_ms": 40,
        "priority": "alert",
        "rule": "gate-in",
        "where": "gate",
        "direction": "right",
        "objects": (PERSON,),
        "model": "yolox-nano@3fa1c2d4",
    }
    return Event(**{**what, **changes})


def stay(phase: str, n: int = 0, **changes: Any) -> Event:
    """A person is in a zone: begin, update or end."""
    what: dict[str, Any] = {
        "kind": "zone_entered",
        "phase": phase,
        "rule": "yard-entry",
        "where": "yard",
        "direction": None,
        "key": "17",
        "priority": "review",
    }
    return crossing(n, **{**what, **changes})
