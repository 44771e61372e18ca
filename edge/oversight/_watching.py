"""Watching: what ran where and for what, how long cameras watched, and when not. Pure."""

from __future__ import annotations

from collections import defaultdict

from edge.oversight.facts import Month, Stretch, records_of, text
from edge.oversight.spans import common, hours, union, without
from edge.oversight.table import Figure, Row, Table


def _by_rule(month: Month) -> dict[tuple[str, str], list[Stretch]]:
    found: dict[tuple[str, str], list[Stretch]] = defaultdict(list)
    for one in month.armed:
        found[one.camera, one.what].append(one)
    return dict(sorted(found.items()))


def deployments(month: Month) -> Table:
    rows: list[Row] = []
    for (camera, rule), stretches in _by_rule(month).items():
        facts = stretches[-1].facts
        armed = union([one.span for one in stretches])
        rows.append(
            {
                "camera": camera,
                "place": text(facts, "place"),
                "rule": rule,
                "kind": text(facts, "kind"),
                "classes": ", ".join(facts.get("classes") or ()) or "all",
                "purpose": text(facts, "statement") or text(facts, "purpose") or "none stated",
                "legal_basis": text(facts, "legal_basis") or "none stated",
                "review": text(facts, "review") or "none stated",
                "dpia": text(facts, "dpia") or "none stated",
                "hours": Figure(round(hours(armed), 1), records_of(stretches)),
            }
        )
    return Table(
        "deployments",
        "What ran, where and for what purpose",
        {
            "camera": "Camera",
            "place": "Place",
            "rule": "Rule",
            "kind": "What it reports",
            "classes": "Of what",
            "purpose": "Purpose",
            "legal_basis": "Legal basis",
            "review": "Review by",
            "dpia": "Impact assessment",
            "hours": "Hours armed",
        },
        rows,
        "Armed means that it could report. Nothing on the box identifies a person or infers an "
        "attribute of one.",
    )


def watching(month: Month) -> Table:
    rows: list[Row] = []
    for camera in sorted({one.camera for one in month.armed}):
        armed, blind = month.armed_of(camera), month.blind(camera)
        due = union([one.span for one in armed])
        away = common(due, [one.span for one in blind])
        rows.append(
            {
                "camera": camera,
                "hours": Figure(
                    round(hours(month.watched(camera)), 1), records_of([*armed, *blind])
                ),
                "blind": Figure(round(hours(away), 1), records_of([*armed, *blind])),
                "share": Figure(
                    round(1 - hours(away) / hours(due), 4) if due else None,
                    records_of([*armed, *blind]),
                    f"{1 - hours(away) / hours(due):.1%}" if due else "-",
                ),
            }
        )
    return Table(
        "watching",
        "Cameras watching, in hours",
        {
            "camera": "Camera",
            "hours": "Hours watching",
            "blind": "Hours armed and not able to watch",
            "share": "Share of the armed time watched",
        },
        rows,
        "A camera watches while some rule of it is armed and it is not lost, frozen, covered or "
        "moved, and its detector answers.",
        chart="hours",
    )


def outages(month: Month) -> Table:
    by_kind: dict[tuple[str, str], list[Stretch]] = defaultdict(list)
    for one in month.outages:
        by_kind[one.camera, one.what].append(one)
    rows: list[Row] = []
    runs = union([one.span for one in month.runs])
    off = without([(month.start, month.end)], runs)
    known = [one for one in off if month.runs and one[0] >= month.runs[0].span[0]]
    rows.append(
        {
            "camera": "the box",
            "what": "not running",
            "n": Figure(len(known), records_of(month.runs)),
            "hours": Figure(round(hours(known), 1), records_of(month.runs)),
        }
    )
    for (camera, what), stretches in sorted(by_kind.items()):
        rows.append(
            {
                "camera": camera,
                "what": what,
                "n": Figure(len(stretches), records_of(stretches)),
                "hours": Figure(
                    round(hours(union([one.span for one in stretches])), 1), records_of(stretches)
                ),
            }
        )
    return Table(
        "outages",
        "Outages: when it could not watch, or watched with less",
        {"camera": "Camera", "what": "What", "n": "Times", "hours": "Hours"},
        rows,
        "The box counts as not running from the end of one run to the start of the next, as the "
        "log has them.",
        chart="hours",
    )
