"""What `edge model eval` prints of miss rates by condition and by annotated group."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from edge.oversight.comparison import Compared, Factor, Level
from edge.oversight.measures import Interval
from edge.oversight.table import LEAST_PUBLIC


def print_factors(factors: Sequence[Factor], label: str, margin: float, *, is_public: bool) -> None:
    """Print miss rates and verdicts.

    Args:
        factors: As compared.
        label: The class.
        margin: Smallest difference that matters.
        is_public: Show no figure of a level with fewer than 30 objects.
    """
    print(f"\nmiss rate of {label}, 95 % intervals; a difference matters from {margin:g}")
    for factor in factors:
        of = "annotated group" if factor.kind == "group" else "condition"
        print(f"\n  {of} {factor.name}")
        for level in factor.levels:
            print(f"    {level.name:18} {_rate(level, is_public)}")
        if factor.n_unlabelled:
            print(f"    {'not labelled':18} {factor.n_unlabelled} objects")
        hidden = _hidden(factor) if is_public else set()
        for one in factor.compared:
            if not hidden & {one.first, one.second}:
                print(f"    {one.first} less {one.second}: {in_words(one)}")


def _rate(level: Level, is_public: bool) -> str:
    share = level.share
    if is_public and share.n < LEAST_PUBLIC:
        return f"fewer than {LEAST_PUBLIC} objects: not shown"
    tracks = f", {level.n_clusters} tracks" if level.n_clusters != share.n else ""
    return f"{share.n_missed} of {share.n}{tracks}: {share.rate:.3f} {_span(level.interval)}"


def in_words(one: Compared) -> str:
    """A comparison in one line."""
    if one.difference is None:
        return one.verdict.answer
    parts = [f"{one.difference:+.3f} {_span(one.score)}"]
    if one.bootstrap is not None and one.bootstrap != one.score:
        parts.append(f"bootstrap {_span(one.bootstrap)}")
    words: str = one.verdict.answer
    if one.verdict.more is not None:
        first, second = one.verdict.more
        words += f": {first} more objects of {one.first} and {second} of {one.second} are needed"
    return f"{', '.join(parts)}: {words}"


def _span(interval: Interval | None) -> str:
    return "(-)" if interval is None else f"({interval[0]:.3f} to {interval[1]:.3f})"


def _hidden(factor: Factor) -> set[str]:
    return {level.name for level in factor.levels if level.share.n < LEAST_PUBLIC}


def plain(factors: Sequence[Factor], *, is_public: bool) -> list[dict[str, Any]]:
    """The same for scripts; what is hidden has no figures."""
    return list(_plain(factors, is_public))


def _plain(factors: Sequence[Factor], is_public: bool) -> Iterator[dict[str, Any]]:
    for factor in factors:
        hidden = _hidden(factor) if is_public else set()
        yield {
            "name": factor.name,
            "kind": factor.kind,
            "n_unlabelled": factor.n_unlabelled,
            "levels": [
                {"name": level.name, "hidden": f"fewer than {LEAST_PUBLIC} objects"}
                if level.name in hidden
                else {
                    "name": level.name,
                    "n": level.share.n,
                    "n_missed": level.share.n_missed,
                    "n_tracks": level.n_clusters,
                    "effective": round(level.share.effective, 1),
                    "miss_rate": level.share.rate,
                    "interval": level.interval,
                }
                for level in factor.levels
            ],
            "compared": [
                asdict(one) for one in factor.compared if not hidden & {one.first, one.second}
            ],
        }
