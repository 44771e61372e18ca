"""Writes a small log of every sort of record."""

from __future__ import annotations

from pathlib import Path

from edge.audit import AuditLog, erase

ORIGIN = "westminster/cabinet-017/audit"


def fill(folder: Path, n_events: int = 12) -> None:
    """Write a small log and close it."""
    log = AuditLog(folder, ORIGIN)
    log.append("start", {"software": {"edge": "1.0"}, "config": "ab" * 32, "seq": 0})
    for seq in range(1, n_events + 1):
        log.append(
            "event",
            {
                "id": f"0199a7c2-7f1e-7c55-9a53-{seq:012x}",
                "seq": seq,
                "camera": "gate",
                "kind": "line_crossed",
                "message_sha256": f"{seq:064x}",
            },
        )
        if seq % 5 == 0:
            log.attend(is_last=True)
    log.append("login", {"who": "J. Smith", "outcome": "ok", "address": "10.0.0.9"})
    erase(log, [2, 3], {"who": "dpo", "why": "request 17"})
    log.append("stop", {"reason": "tést ☃"})
    log.attend(is_last=True)
    log.append("event", {"seq": n_events + 1, "message_sha256": "ff" * 32})  # after the last head
    log._tail.close()  # as kill -9 leaves it: no head over the last record
