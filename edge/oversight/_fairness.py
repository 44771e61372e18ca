"""Fairness: miss rates by annotated group and by condition, of evaluations the log was given. Pure.

The box infers no attribute of anybody: groups are what the operator's labelled pictures say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from edge.oversight.facts import Month, Told, text, when
from edge.oversight.table import LEAST_PUBLIC, Figure, Row, Table


def fairness(month: Month, *, is_public: bool) -> Table:
    """Who is missed more often, as the newest evaluations of the models in force found it."""
    before = [one for (kind, _), one in month.before.items() if kind == "model.evaluated"]
    rows = [
        row
        for one in [*before, *month.of("model.evaluated")]
        for factor in sorted(one.facts.get("factors", ()), key=_groups_first)
        for row in _rows(month, one, factor, is_public=is_public)
    ]
    return Table(
        "fairness",
        "Who is missed more often",
        {
            "evaluation": "Evaluation",
            "by": "By",
            "level": "Which",
            "objects": "Objects",
            "rate": "Miss rate or difference (95\u00a0%)",
            "verdict": "Verdict",
        },
        rows,
        "Measured on labelled pictures, not on the street. Groups are what those who labelled them "
        "wrote; the box infers no attribute of anybody. A difference is shown, or the rates are "
        "equivalent within the margin, or there is not enough data.",
    )


def _groups_first(factor: Mapping[str, Any]) -> tuple[bool, str]:
    return factor["kind"] != "group", factor["name"]


def _rows(month: Month, one: Told, factor: Mapping[str, Any], *, is_public: bool) -> Iterator[Row]:
    facts = one.facts
    about = (
        f"{facts['class']} from confidence {facts['confidence']:g}, {facts['engine']}, weights "
        f"{text(facts, 'sha256')[:12]}, on {facts['dataset']}, {facts['date']}"
        + ("" if one.at >= month.start else f" (recorded {when(one.at)})")
    )
    named = {"evaluation": about, "by": f"{factor['kind']} {factor['name']}"}
    hidden = _hidden(factor, is_public=is_public)
    for level in factor["levels"]:
        if level["name"] in hidden:
            few = Figure(None, (one.n,), f"fewer than {LEAST_PUBLIC}")
            yield {**named, "level": level["name"], "objects": few, "rate": "not shown",
                   "verdict": ""}  # fmt: skip
            continue
        n, rate = level["n"], level.get("miss_rate")
        yield {
            **named,
            "level": level["name"],
            "objects": Figure(n, (one.n,), f"{level['n_missed']} of {n} missed"),
            "rate": Figure(rate, (one.n,), f"{rate:.1%}{_span(level)}" if n else "-"),
            "verdict": "",
        }
    for pair in factor["compared"]:
        if hidden & {pair["first"], pair["second"]}:
            continue
        difference = pair.get("difference")
        shown = "-" if difference is None else f"{difference:+.1%}{_span(pair, 'score')}"
        verdict = pair["verdict"]
        words = verdict["answer"]
        if "more" in verdict:
            words += ": {} more of {} and {} of {} are needed".format(
                verdict["more"][0], pair["first"], verdict["more"][1], pair["second"]
            )
        if words == "equivalent within the margin":
            words += f" of {facts['margin']:.1%}"
        yield {
            **named,
            "level": f"{pair['first']} less {pair['second']}",
            "objects": "",
            "rate": Figure(difference, (one.n,), shown),
            "verdict": Figure(verdict["answer"], (one.n,), words),
        }


def _hidden(factor: Mapping[str, Any], *, is_public: bool) -> set[str]:
    """Levels of so few objects that the public is shown no figure of them."""
    return {
        level["name"]
        for level in factor["levels"]
        if "hidden" in level or (is_public and level["n"] < LEAST_PUBLIC)
    }


def differences(month: Month, *, is_public: bool) -> Iterator[Row]:
    """Groups of which one was shown in the month to be missed more often, as breaches."""
    for one in month.of("model.evaluated"):
        for factor in one.facts.get("factors", ()):
            hidden = _hidden(factor, is_public=is_public)
            for pair in factor["compared"] if factor["kind"] == "group" else ():
                is_shown = pair["verdict"]["answer"] == "difference shown"
                if is_shown and not hidden & {pair["first"], pair["second"]}:
                    difference = pair["difference"]
                    words = f"{difference:+.1%}{_span(pair, 'score')}"
                    yield {
                        "what": f"{one.facts['class']} missed, {factor['name']}: {pair['first']} "
                        f"less {pair['second']}",
                        "figure": Figure(difference, (one.n,), words),
                        "limit": f"{one.facts['margin']:.1%}",
                    }


def _span(told: Mapping[str, Any], key: str = "interval") -> str:
    return " ({:.1%} to {:.1%})".format(*told[key]) if told.get(key) else ""
