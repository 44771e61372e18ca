"""Governed: models, values, refusals, and what calls for re-referral. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from edge.oversight._alarms import alerts_of, behind, reviewed
from edge.oversight._fairness import differences
from edge.oversight.facts import Month, Told, records_of, text, when
from edge.oversight.measures import wilson
from edge.oversight.spans import common, hours, union
from edge.oversight.table import LEAST_SHOWN, Figure, Row, Table


def models(month: Month) -> Table:
    rows: list[Row] = [
        {
            "at": when(one.at) if one.at >= month.start else "before the month",
            "detector": text(one.facts, "detector"),
            "model": Figure(text(one.facts, "model"), (one.n,)),
            "sha256": text(one.facts, "sha256"),
            "engine": text(one.facts, "engine"),
            "licence": text(one.facts, "licence"),
            "use": text(one.facts, "use") or "none stated",
            "accuracy": text(one.facts, "accuracy") or "not measured for this engine",
        }
        for one in history(month, "model.changed")
    ]
    return Table(
        "models",
        "Models in force, and their history",
        {
            "at": "Since (UTC)",
            "detector": "Detector",
            "model": "Model",
            "sha256": "SHA-256",
            "engine": "Engine",
            "licence": "Licence",
            "use": "Stated use",
            "accuracy": "Measured accuracy",
        },
        rows,
    )


def thresholds(month: Month, *, is_public: bool) -> Table:
    rows: list[Row] = []
    for one in history(month, "threshold.changed"):
        row: Row = {
            "at": when(one.at) if one.at >= month.start else "before the month",
            "of": text(one.facts, "of"),
            "value": Figure(one.facts.get("value"), (one.n,), f"{one.facts.get('value')}"),
        }
        if not is_public:
            row["owner"] = text(one.personal, "owner") or "nobody named"
            row["approver"] = text(one.personal, "approver") or "nobody named"
            row["why"] = text(one.personal, "why") or "-"
        rows.append(row)
    columns = {"at": "Since (UTC)", "of": "Value", "value": "Is"}
    if not is_public:
        columns |= {"owner": "Chosen by", "approver": "Approved by", "why": "Reason"}
    return Table("thresholds", "Thresholds in force, and their history", columns, rows)


def history(month: Month, kind: str) -> list[Told]:
    """What was in force at the start, then each change; the same again after a restart is none."""
    before = sorted(
        (one for (what, _), one in month.before.items() if what == kind), key=lambda one: one.n
    )
    last: dict[str, Mapping[str, Any]] = {}
    found = []
    for one in [*before, *month.of(kind)]:
        key = str(one.facts.get("of") or one.facts.get("detector"))
        if not _is_same(last.get(key), one.facts):
            found.append(one)
            last[key] = one.facts
    return found


def _is_same(before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> bool:
    """Whether nothing is another; a record that does not say a thing says nothing against it."""
    decides = ("value", "sha256", "engine", "accuracy", "use")
    return before is not None and all(now[key] == before.get(key) for key in decides if key in now)


def refusals(month: Month) -> Table:
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    for one in month.of("model.refused", "rule.refused", "config.refused", "rule.due"):
        what = {
            "model.refused": f"detector {text(one.facts, 'detector')}",
            "rule.refused": f"rule {text(one.facts, 'camera')}/{text(one.facts, 'rule')}",
            "rule.due": f"{text(one.facts, 'what')}, by {text(one.facts, 'due')}",
        }.get(one.kind, "configuration")
        words = "to be reviewed" if one.kind == "rule.due" else text(one.facts, "reason")
        found[what, words].append(one.n)
    return Table(
        "refusals",
        "What was not admitted, and what is due for review",
        {"what": "What", "why": "Why", "n": "Times"},
        [
            {"what": what, "why": why or "-", "n": Figure(len(numbers), tuple(numbers))}
            for (what, why), numbers in sorted(found.items())
        ],
    )


def referrals(month: Month, *, is_public: bool) -> Table:
    return Table(
        "referrals",
        "Breaches that call for re-referral",
        {"what": "What", "figure": "Figure", "limit": "Limit"},
        [*_breaches(month, is_public=is_public), *differences(month, is_public=is_public)],
        "To whoever authorised the deployment. Limits are the policy's; a change of a model or a "
        "threshold within the month is always listed, and so is a difference between annotated "
        "groups that an evaluation has shown.",
    )


def _breaches(month: Month, *, is_public: bool) -> Iterator[Row]:
    limits = {
        str(one.facts.get("of")): one
        for one in history(month, "threshold.changed")
        if str(one.facts.get("of")).startswith("refer.")
    }
    if most := limits.get("refer.false_alarm_share"):
        yield from _too_many_false(month, most, is_public=is_public)
    if most := limits.get("refer.outage_share"):
        yield from _too_often_away(month, most)
    yield from _changes(month)


def _too_many_false(month: Month, most: Told, *, is_public: bool) -> Iterator[Row]:
    alerts = alerts_of(month)
    wrong, right = reviewed(month, alerts, "false"), reviewed(month, alerts, "true")
    n = len(wrong) + len(right)
    interval = wilson(len(wrong), n)
    if interval is None or interval[0] <= float(most.facts["value"]):
        return
    figure = Figure(
        round(len(wrong) / n, 4),
        (*behind(month, [*wrong, *right]), most.n),
        f"at least {interval[0]:.1%} (95 %)",
    )
    if is_public and n < LEAST_SHOWN:
        figure = Figure(None, (), f"fewer than {LEAST_SHOWN} reviewed", is_small=True)
    yield {
        "what": "share of false alarms",
        "figure": figure,
        "limit": f"{float(most.facts['value']):.1%}",
    }


def _too_often_away(month: Month, most: Told) -> Iterator[Row]:
    for camera in sorted({one.camera for one in month.armed}):
        armed, blind = month.armed_of(camera), month.blind(camera)
        due = union([one.span for one in armed])
        share = hours(common(due, [one.span for one in blind])) / hours(due) if due else 0.0
        if share > float(most.facts["value"]):
            records = (*records_of([*armed, *blind]), most.n)
            yield {
                "what": f"{camera} not watching",
                "figure": Figure(round(share, 4), records, f"{share:.1%}"),
                "limit": f"{float(most.facts['value']):.1%}",
            }


def _changes(month: Month) -> Iterator[Row]:
    """Models and thresholds that were others within the month."""
    for kind, key in (("model.changed", "detector"), ("threshold.changed", "of")):
        before: dict[str, Told] = {}
        for one in history(month, kind):
            name = str(one.facts.get(key))
            if name in before and one.at >= month.start:
                what = "model" if kind == "model.changed" else "threshold"
                value = text(one.facts, "model" if what == "model" else "value")
                yield {
                    "what": f"{what} changed: {name}",
                    "figure": Figure(value, (before[name].n, one.n)),
                    "limit": "any change",
                }
            before[name] = one
