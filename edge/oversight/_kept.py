"""Kept: evidence, who had access to it, and the log itself. Pure."""

from __future__ import annotations

from edge.oversight.facts import Month, text, when
from edge.oversight.table import Figure, Row, Table, counted


def evidence(month: Month, *, is_public: bool) -> Table:
    words = {
        "evidence.made": "kept",
        "evidence.erased": "erased",
        "personal.erased": "personal parts of records erased",
    }
    rows: list[Row] = [
        {
            "what": text,
            "n": counted([one.n for one in month.of(kind)], is_public=is_public),
            "mib": Figure(
                round(sum(int(one.facts.get("bytes") or 0) for one in month.of(kind)) / 2**20, 1),
                tuple(one.n for one in month.of(kind)),
            ),
        }
        for kind, text in words.items()
    ]
    return Table(
        "evidence",
        "Evidence kept and erased",
        {"what": "What", "n": "Files", "mib": "MiB"},
        rows,
    )


def access(month: Month, *, is_public: bool) -> Table:
    words = {
        "evidence.viewed": "looked at evidence",
        "evidence.exported": "took a copy of evidence",
        "login": "logged in, or tried to",
        "command": "sent a command",
    }
    if is_public:
        public: list[Row] = [
            {
                "what": text,
                "n": counted([one.n for one in month.of(kind)], is_public=True, is_sensitive=True),
            }
            for kind, text in words.items()
        ]
        return Table("access", "Access", {"what": "What", "n": "Times"}, public)
    rows: list[Row] = [
        {
            "at": when(one.at),
            "what": words[one.kind],
            "who": text(one.personal, "who") or "erased or not named",
            "to": text(one.personal, "to"),
            "about": Figure(
                text(one.facts, "ref") or text(one.facts, "verb") or text(one.facts, "outcome"),
                (one.n,),
            ),
            "why": text(one.personal, "why"),
        }
        for one in month.of(*words)
    ]
    return Table(
        "access",
        "Access",
        {
            "at": "When (UTC)",
            "what": "What",
            "who": "Who",
            "to": "To whom",
            "about": "About",
            "why": "Why",
        },
        rows,
    )


def log(month: Month) -> Table:
    gaps = [one.n for one in month.of("log.gap")]
    steps = [one.n for one in month.of("clock.step")]
    rows: list[Row] = [
        {"what": "records of the month", "n": Figure(month.n_records, month.numbers)},
        {"what": "gaps that the log itself admits", "n": Figure(len(gaps), tuple(gaps))},
        {"what": "steps of the clock", "n": Figure(len(steps), tuple(steps))},
        {
            "what": "configurations taken up",
            "n": Figure(*_count(month, "config.applied")),
        },
        {"what": "starts of the software", "n": Figure(*_count(month, "start"))},
        {"what": "reports made", "n": Figure(*_count(month, "report.made"))},
    ]
    return Table("log", "The log itself", {"what": "What", "n": "Number"}, rows)


def _count(month: Month, kind: str) -> tuple[int, tuple[int, ...]]:
    numbers = tuple(one.n for one in month.of(kind))
    return len(numbers), numbers
