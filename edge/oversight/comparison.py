"""Comparison: who and what a model misses more often, by condition and by annotated group. Pure.

Groups of people come from the operator's annotation file and from nowhere else: nothing on the
appliance infers a personal attribute, and no message has a field for one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from edge.oversight.clusters import bootstrap_difference, effective_number
from edge.oversight.difference import Share, Verdict, newcombe, score_z, verdict
from edge.oversight.measures import Interval

MARGIN = 0.05
"""Smallest difference of miss rates that matters, unless somebody says otherwise."""

SEED = 20261001
"""Of the bootstrap: the same annotations give the same table."""


@dataclass(frozen=True)
class Looked:
    """One annotated object, and whether the model found it.

    Attributes:
        is_missed: Nothing was found where it is.
        cluster: What it shares with objects that are not independent of it: a track's name, or one
            of its own.
        conditions: Level by condition, such as `light`: `night`.
        groups: Level by annotated attribute, as the file has it.
    """

    is_missed: bool
    cluster: str
    conditions: Mapping[str, str]
    groups: Mapping[str, str]


@dataclass(frozen=True)
class Level:
    """One level of a condition or attribute.

    Attributes:
        name: The level.
        share: What was missed.
        n_clusters: Tracks; the number of objects where nothing names tracks.
        interval: Of the miss rate, 95 %.
    """

    name: str
    share: Share
    n_clusters: int
    interval: Interval | None


@dataclass(frozen=True)
class Compared:
    """Two levels held against each other.

    Attributes:
        first: Name of the level that is taken from.
        second: Name of the one that is taken away.
        difference: Of the miss rates; None where a level is empty.
        score: Newcombe's interval at 95 %.
        bootstrap: The bootstrap's; None below 10 tracks a level.
        confidence: That a difference was asked for: above 0.95 where several comparisons are made.
        verdict: One of three.
    """

    first: str
    second: str
    difference: float | None
    score: Interval | None
    bootstrap: Interval | None
    confidence: float
    verdict: Verdict


@dataclass(frozen=True)
class Factor:
    """One condition or attribute.

    Attributes:
        name: Such as `light`.
        kind: `condition`, or `group` for an attribute of people.
        levels: The most objects first.
        compared: Each level against the first; of groups, each pair.
        n_unlabelled: Objects whose annotation does not say.
    """

    name: str
    kind: str
    levels: tuple[Level, ...]
    compared: tuple[Compared, ...]
    n_unlabelled: int


@dataclass(frozen=True)
class _Pair:
    """A comparison before it is judged."""

    factor: int
    names: tuple[str, str]
    shares: tuple[Share, Share]
    counts: tuple[list[tuple[int, int]], list[tuple[int, int]]]


def compare(objects: Sequence[Looked], *, margin: float = MARGIN) -> tuple[Factor, ...]:
    """Compare miss rates by each condition, then by each group.

    All comparisons are one family: by Holm's procedure a difference must be surer the more are
    made. Equivalence is asked of each by itself, for there each wrong answer is its own.

    Args:
        objects: As annotated; may be empty.
        margin: Smallest difference that matters, in (0, 1).

    Source:
        Holm, Scandinavian J. Statistics 6 (1979).
    """
    factors: list[tuple[str, str, dict[str, list[Looked]]]] = []
    for kind in ("condition", "group"):
        names = sorted({name for one in objects for name in _labels(one, kind)})
        for name in names:
            by_level: dict[str, list[Looked]] = defaultdict(list)
            for one in objects:
                if name in _labels(one, kind):
                    by_level[_labels(one, kind)[name]].append(one)
            ordered = sorted(by_level.items(), key=lambda item: (-len(item[1]), item[0]))
            factors.append((name, kind, dict(ordered)))
    pairs = [
        _pair(number, levels, one, two)
        for number, (_, kind, levels) in enumerate(factors)
        for two, one in combinations(levels, 2)
        if kind == "group" or two == next(iter(levels))
    ]
    judged = _judged(pairs, margin)
    return tuple(
        Factor(
            name,
            kind,
            tuple(_level(level, members) for level, members in levels.items()),
            tuple(judged[i] for i, pair in enumerate(pairs) if pair.factor == number),
            len(objects) - sum(map(len, levels.values())),
        )
        for number, (name, kind, levels) in enumerate(factors)
    )


def _labels(one: Looked, kind: str) -> Mapping[str, str]:
    return one.groups if kind == "group" else one.conditions


def _by_cluster(members: Sequence[Looked]) -> dict[str, tuple[int, int]]:
    """Misses and objects by cluster."""
    found: dict[str, tuple[int, int]] = {}
    for one in members:
        missed, seen = found.get(one.cluster, (0, 0))
        found[one.cluster] = (missed + one.is_missed, seen + 1)
    return found


def _share(clusters: Mapping[str, tuple[int, int]]) -> Share:
    missed = [one for one, _ in clusters.values()]
    seen = [n for _, n in clusters.values()]
    is_single = all(n == 1 for n in seen)
    effective = float(len(seen)) if is_single else effective_number(missed, seen)
    return Share(sum(missed), sum(seen), effective)


def _level(name: str, members: Sequence[Looked]) -> Level:
    clusters = _by_cluster(members)
    share = _share(clusters)
    return Level(name, share, len(clusters), share.interval())


def _pair(factor: int, levels: Mapping[str, list[Looked]], first: str, second: str) -> _Pair:
    one, two = _by_cluster(levels[first]), _by_cluster(levels[second])
    names = sorted({*one, *two})
    counts = [one.get(name, (0, 0)) for name in names], [two.get(name, (0, 0)) for name in names]
    return _Pair(factor, (first, second), (_share(one), _share(two)), counts)


def _judged(pairs: Sequence[_Pair], margin: float) -> dict[int, Compared]:
    """Judge all comparisons, the clearest first, each a little less strictly than the last."""
    order = sorted(range(len(pairs)), key=lambda i: -score_z(*pairs[i].shares))
    judged: dict[int, Compared] = {}
    is_going_on = True
    for rank, i in enumerate(order):
        pair = pairs[i]
        confidence = 1 - 0.05 / (len(pairs) - rank)
        counts = np.array(pair.counts, np.int64)
        generator = np.random.default_rng(SEED)
        boot, boot90, boot_wide = bootstrap_difference(
            counts[:, :, 0].T, counts[:, :, 1].T, [0.95, 0.90, confidence], generator
        )
        wide = newcombe(*pair.shares, confidence)
        # Holm: after the first that is not sure enough, none is.
        is_going_on = is_going_on and _leaves_out_zero(wide) and _leaves_out_zero(boot_wide)
        found = verdict(
            *pair.shares,
            margin=margin,
            wide=(wide, boot_wide) if is_going_on else (None,),
            narrow=(newcombe(*pair.shares, 0.90), boot90),
        )
        rates = [share.rate for share in pair.shares]
        judged[i] = Compared(
            *pair.names,
            None if rates[0] is None or rates[1] is None else rates[0] - rates[1],
            newcombe(*pair.shares),
            boot,
            confidence,
            found,
        )
    return judged


def _leaves_out_zero(interval: Interval | None) -> bool:
    return interval is not None and (interval[0] > 0 or interval[1] < 0)
