"""Alarms: alerts by kind and by what review found, and how many were false. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from edge.oversight.facts import Month, Told, records_of
from edge.oversight.measures import poisson_interval, wilson
from edge.oversight.spans import hours
from edge.oversight.table import LEAST_SHOWN, Figure, Row, Table, counted


def alerts_of(month: Month) -> list[Told]:
    return [
        one
        for one in month.of("event")
        if one.facts.get("rule")
        and one.facts.get("phase") in ("begin", "pulse")
        and one.facts.get("kind") != "rule_disarmed"
    ]


def _outcome(month: Month, alert: Told) -> str:
    review = month.reviews.get(str(alert.facts.get("id")))
    return str(review.facts.get("verdict")) if review else "unreviewed"


def reviewed(month: Month, alerts: Sequence[Told], outcome: str) -> list[Told]:
    """The alerts with one outcome."""
    return [alert for alert in alerts if _outcome(month, alert) == outcome]


def behind(month: Month, alerts: Sequence[Told]) -> tuple[int, ...]:
    """Records of alerts, and of what people found them to be."""
    reviews = [month.reviews.get(str(alert.facts.get("id"))) for alert in alerts]
    return (*(alert.n for alert in alerts), *(review.n for review in reviews if review))


def alerts(month: Month, *, is_public: bool) -> Table:
    by_kind: dict[str, list[Told]] = defaultdict(list)
    for one in alerts_of(month):
        by_kind[str(one.facts.get("kind"))].append(one)
    rows: list[Row] = []
    for kind, alerts in sorted(by_kind.items()):
        row: Row = {"kind": kind}
        total = counted([one.n for one in alerts], is_public=is_public, is_sensitive=True)
        row["n"] = total
        for outcome in ("true", "false", "unclear", "unreviewed"):
            found = reviewed(month, alerts, outcome)
            if total.is_small:  # else the total could be read off its parts
                row[outcome] = Figure(None, (), "not shown", is_small=True)
                continue
            figure = counted([one.n for one in found], is_public=is_public, is_sensitive=True)
            row[outcome] = (
                figure if figure.is_small else replace(figure, records=behind(month, found))
            )
        rows.append(row)
    return Table(
        "alerts",
        "Alerts, by kind and by what review found",
        {
            "kind": "Kind",
            "n": "Alerts",
            "true": "True",
            "false": "False",
            "unclear": "Unclear",
            "unreviewed": "Not reviewed",
        },
        rows,
        "Events of rules, each incident once. What review found is what a person said of it.",
        chart="n",
    )


def false_alarms(month: Month, *, is_public: bool) -> Table:
    rows: list[Row] = []
    by_camera: dict[str, list[Told]] = defaultdict(list)
    for one in alerts_of(month):
        by_camera[str(one.facts.get("camera"))].append(one)
    for camera in sorted({one.camera for one in month.armed} | set(by_camera)):
        alerts = by_camera[camera]
        right = reviewed(month, alerts, "true")
        wrong = reviewed(month, alerts, "false")
        judged = [*right, *wrong, *reviewed(month, alerts, "unclear")]
        numbers = behind(month, judged)
        watched = records_of([*month.armed_of(camera), *month.blind(camera)])
        n = len(right) + len(wrong)
        is_hidden = is_public and 0 < n < LEAST_SHOWN
        interval = wilson(len(wrong), n)
        days = hours(month.watched(camera)) / 24
        rate = poisson_interval(len(wrong))
        rows.append(
            {
                "camera": camera,
                "share": Figure(None, (), f"fewer than {LEAST_SHOWN} reviewed", is_small=True)
                if is_hidden
                else Figure(
                    round(len(wrong) / n, 4) if n else None,
                    numbers,
                    f"{len(wrong) / n:.1%} ({interval[0]:.1%} to {interval[1]:.1%})"
                    if interval
                    else "none reviewed",
                ),
                "rate": Figure(None, (), f"fewer than {LEAST_SHOWN} reviewed", is_small=True)
                if is_hidden
                else Figure(
                    round(len(wrong) / days, 3) if days and judged else None,
                    (*numbers, *watched),
                    f"{len(wrong) / days:.2f} ({rate[0] / days:.2f} to {rate[1] / days:.2f})"
                    if days and judged
                    else "not known",
                ),
                "reviewed": Figure(
                    round(len(judged) / len(alerts), 4) if alerts else None,
                    behind(month, alerts) if not is_hidden else (),
                    f"{len(judged) / len(alerts):.0%}" if alerts else "no alerts",
                ),
            }
        )
    return Table(
        "false_alarms",
        "False alarms",
        {
            "camera": "Camera",
            "share": "Share of the reviewed alerts that were false (95\u00a0%)",
            "rate": "False alarms found, a day of watching (95\u00a0%)",
            "reviewed": "Share of the alerts that was reviewed",
        },
        rows,
        "Wilson's interval of a share and the exact interval of a count. The daily figure counts "
        "what review found: where little was reviewed, there were more.",
    )
