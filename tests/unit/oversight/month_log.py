"""A month of a log as a box writes it, with everything a report tells of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from edge.audit import PERSONAL, Record

ARMED = {
    "camera": "gate",
    "place": "Gate, north",
    "rule": "yard-entry",
    "kind": "zone_entry",
    "classes": ["person"],
    "purpose": "yard-safety",
    "statement": "Nobody is hurt where lorries reverse",
    "legal_basis": "Health and Safety at Work Act 1974",
    "review": "2027-04-30",
    "dpia": "DPIA-2026-017 v2",
    "n_masks": 2,
    "n_signatures": 2,
}
MODEL = {
    "detector": "street",
    "model": "yolox-nano",
    "sha256": "3f" * 32,
    "engine": "openvino, precision bf16",
    "licence": "Apache-2.0",
    "intended_use": "People and vehicles seen by a fixed camera.",
    "known_limits": "Expect less at night.",
    "use": "Finding people in a yard",
    "accuracy": "mAP 50-95 30.4 on coco-dev, 2026-06-01",
}

EVALUATED: dict[str, Any] = {
    "sha256": "3f" * 32,
    "engine": "openvino, precision bf16",
    "dataset": "yard, 900 pictures",
    "date": "2026-11-14",
    "class": "person",
    "confidence": 0.35,
    "margin": 0.05,
    "file_sha256": "aa" * 32,
    "factors": [
        {
            "name": "light",
            "kind": "condition",
            "n_unlabelled": 0,
            "levels": [
                {"name": "day", "n": 500, "n_missed": 50, "n_tracks": 500, "miss_rate": 0.1,
                 "interval": [0.077, 0.129]},
                {"name": "dusk", "n": 12, "n_missed": 2, "n_tracks": 12, "miss_rate": 0.167,
                 "interval": [0.047, 0.448]},
            ],
            "compared": [
                {"first": "dusk", "second": "day", "difference": 0.067, "score": [-0.059, 0.349],
                 "verdict": {"answer": "not enough data", "more": [900, 400]}},
            ],
        },
        {
            "name": "age",
            "kind": "group",
            "n_unlabelled": 3,
            "levels": [
                {"name": "adult", "n": 400, "n_missed": 40, "n_tracks": 400, "miss_rate": 0.1,
                 "interval": [0.074, 0.133]},
                {"name": "child", "n": 300, "n_missed": 90, "n_tracks": 300, "miss_rate": 0.3,
                 "interval": [0.251, 0.354]},
            ],
            "compared": [
                {"first": "child", "second": "adult", "difference": 0.2, "score": [0.141, 0.26],
                 "bootstrap": [0.139, 0.258], "verdict": {"answer": "difference shown"}},
            ],
        },
    ],
}  # fmt: skip


def at(day: float, month: int = 11) -> datetime:
    """A moment of the month, day 1.0 being its first."""
    return datetime(2026, month, 1, tzinfo=timezone.utc) + timedelta(days=day - 1)


class Log:
    """Numbers records as the writer does."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def say(self, when: datetime, kind: str, facts: Mapping[str, Any]) -> None:
        """One more."""
        personal = {name: value for name, value in facts.items() if name in PERSONAL}
        rest = {name: value for name, value in facts.items() if name not in PERSONAL}
        self.records.append(
            Record(len(self.records), when, kind, rest, "c" * 64 if personal else "", personal)
        )

    def event(self, when: datetime, number: int, **facts: Any) -> str:
        """An event of a rule, unless told otherwise; gives its id."""
        identifier = f"0199a7c2-7f1e-7c55-9a53-{number:012d}"
        told = {"camera": "gate", "kind": "zone_entered", "rule": "yard-entry", "phase": "begin"}
        self.say(when, "event", {"id": identifier, "seq": number, **told, **facts})
        return identifier


def month_log(n_alerts: int = 40) -> list[Record]:
    """October's last days, November, and a review in December."""
    log = Log()
    log.say(at(28, 10), "start", {"software": {"edge": "1.0"}, "config": "ab" * 32})
    log.say(at(28, 10), "config.applied", {"config": "ab" * 32, "who": "J. Smith"})
    log.say(at(28, 10), "model.changed", MODEL)
    for of, value in (("detectors.street.confidence", 0.35), ("refer.false_alarm_share", 0.2),
                      ("refer.outage_share", 0.05)):  # fmt: skip
        owner = {"owner": "analytics", "approver": "ethics", "why": "Trial 3"}
        log.say(at(28, 10), "threshold.changed", {"of": of, "value": value, **owner})
    log.say(at(28, 10), "rule.armed", ARMED)
    log.say(at(28, 10), "rule.refused", {"camera": "gate", "rule": "kerb", "reason": "no purpose"})
    # The camera is lost for two days, the box is off for one, and then something is changed.
    log.event(at(4), 1, kind="camera_lost", rule=None)
    log.event(at(6), 2, kind="camera_lost", rule=None, phase="end")
    for i in range(n_alerts):
        identifier = log.event(at(7 + i / 10), 10 + i)
        if i % 2 == 0:
            what = "false" if i % 4 == 0 else ("unclear" if i % 10 == 2 else "true")
            log.say(
                at(7.05 + i / 10), "review",
                {"event": identifier, "verdict": what, "who": "Operator 4"},
            )  # fmt: skip
    log.event(at(12), 200, kind="line_crossed", rule="gate-in", phase="pulse")
    log.say(at(13), "evidence.made", {"ref": "0199.jpg", "sha256": "aa" * 32, "bytes": 2_500_000})
    log.say(at(13.1), "evidence.viewed", {"ref": "0199.jpg", "who": "A. Patel", "why": "review"})
    log.say(
        at(14), "evidence.exported",
        {"ref": "0199.jpg", "who": "A. Patel", "to": "Police, case 12", "why": "request 7"},
    )  # fmt: skip
    log.say(at(14.5), "model.evaluated", {**EVALUATED, "who": "A. Patel"})
    log.say(at(15), "evidence.erased", {"ref": "0198.jpg", "bytes": 1_000_000})
    log.say(at(16), "login", {"who": "A. Patel", "outcome": "ok"})
    log.say(at(20), "stop", {"reason": "maintenance"})
    log.say(at(21), "start", {"software": {"edge": "1.1"}, "config": "cd" * 32})
    log.say(at(21), "model.changed", MODEL)
    log.say(at(21), "model.changed", {k: MODEL[k] for k in ("detector", "model", "sha256")})
    log.say(
        at(21), "threshold.changed",
        {"detector": "street", "name": "confidence", "was": 0.35, "becomes": 0.3},
    )  # fmt: skip
    log.say(at(21), "threshold.changed", {"of": "detectors.street.confidence", "value": 0.3})
    log.say(at(21), "rule.armed", ARMED)
    log.say(at(22), "clock.step", {"seconds": 2.0})
    log.say(at(23), "log.gap", {"n": 1, "reason": "half a record was cut away"})
    log.say(at(23), "report.made", {"month": "2026-10", "files": {}, "who": "A. Patel"})
    log.say(at(24), "rule.due", {"what": "purpose yard-safety", "due": "2026-12-20"})
    # The power fails; what ran is known up to the last record.
    log.event(at(26), 300)
    log.say(at(29), "start", {"software": {"edge": "1.1"}, "config": "cd" * 32})
    log.say(at(29), "rule.armed", ARMED)
    log.say(
        at(2, 12), "review",
        {"event": f"0199a7c2-7f1e-7c55-9a53-{300:012d}", "verdict": "true", "who": "Op 4"},
    )  # fmt: skip
    return log.records


def read() -> Iterator[Record]:
    """As `edge.audit.read` gives them."""
    yield from month_log()
