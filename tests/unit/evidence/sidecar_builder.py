"""Sidecars for tests."""

from __future__ import annotations

import hashlib
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from edge.evidence import sidecar as sidecars
from edge.evidence.sidecar import Sidecar

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=timezone.utc)


def event_id(number: int) -> str:
    """A UUIDv7-shaped id."""
    return str(uuid.UUID(int=(0x0199A7C2 << 96) | (0x7 << 76) | (0x8 << 60) | number))


def a_sidecar(number: int = 1, content: bytes = b"media", **changes: Any) -> Sidecar:
    """A sidecar that is right, but for what the test says."""
    event = event_id(number)
    begin = changes.pop("begin", NOON)
    kind = changes.setdefault("media", "clip")
    said: dict[str, Any] = {
        "ref": event + {"clip": ".mp4", "snapshot": ".jpg", "clean": "-clean.jpg"}[kind],
        "site": "westminster",
        "node": "cabinet-017",
        "camera": "north",
        "event": event,
        "incident": event,
        "kind": "line_crossed",
        "rule": "gate-in",
        "begin": begin,
        "end": begin + timedelta(seconds=10 if kind == "clip" else 0),
        "clock_ms": 40,
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "codec": "h264" if kind == "clip" else "mjpeg",
        "masking": "none",
        "redaction": "none",
        "config": "c" * 64,
        "made_at": begin + timedelta(seconds=20),
        "software": "0.4.0",
    }
    return Sidecar(**{**said, **changes})


def keep(root: Path, number: int = 1, content: bytes = b"media", **changes: Any) -> Sidecar:
    """Put an item into a vault's folder as its maker does: media first, the sidecar last."""
    made = a_sidecar(number, content, **changes)
    place = sidecars.folder(root, made.begin, made.camera)
    place.mkdir(parents=True, exist_ok=True)
    (place / made.ref).write_bytes(content)
    sidecars.write(root, made)
    return made
