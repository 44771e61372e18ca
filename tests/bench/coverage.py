"""Whether 95 % intervals of a difference hold the truth 95 times in 100: by simulation.

`python -m tests.bench.coverage > tests/bench/results/coverage.json` takes some minutes; the unit
tests run `simulate` on a few cases.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from edge.oversight.clusters import bootstrap_difference, effective_number
from edge.oversight.difference import Share, newcombe, verdict
from edge.oversight.measures import Interval

MARGIN = 0.05


@dataclass(frozen=True)
class Case:
    """Two groups of tracks whose miss rates are known.

    Attributes:
        rates: True miss rate of each group.
        tracks: How many tracks each has.
        boxes: Boxes of each track.
        alike: Correlation of misses within a track, in [0, 1): 0 is independent boxes.
    """

    rates: tuple[float, float]
    tracks: tuple[int, int]
    boxes: int = 1
    alike: float = 0.0


CASES = (
    Case((0.1, 0.1), (100, 100)),
    Case((0.05, 0.15), (60, 300)),
    Case((0.02, 0.02), (200, 50)),
    Case((0.4, 0.5), (30, 30)),
    Case((0.1, 0.1), (40, 40), 20, 0.3),
    Case((0.1, 0.2), (40, 40), 20, 0.3),
    Case((0.05, 0.05), (100, 30), 10, 0.2),
    Case((0.3, 0.3), (15, 15), 30, 0.5),
    Case((0.1, 0.1), (400, 400), 20, 0.3),
)


def simulate(case: Case, n_trials: int, seed: int) -> dict[str, float]:
    """How often each interval holds the true difference, and each verdict is given.

    Args:
        case: The truth.
        n_trials: Evaluations to make up.
        seed: Of chance.
    """
    chance = np.random.default_rng(seed)
    truth = case.rates[0] - case.rates[1]
    hits = dict.fromkeys(("boxes as if independent", "newcombe", "bootstrap", "either"), 0)
    answers = dict.fromkeys(("difference shown", "equivalent within the margin"), 0)
    for _ in range(n_trials):
        missed, seen = _drawn(case, chance)
        one, two = (
            Share(
                int(missed[:, g].sum()),
                int(seen[:, g].sum()),
                effective_number(missed[seen[:, g] > 0, g], seen[seen[:, g] > 0, g]),
            )
            for g in (0, 1)
        )
        naive = newcombe(Share(one.n_missed, one.n, one.n), Share(two.n_missed, two.n, two.n))
        score = [newcombe(one, two, level) for level in (0.95, 0.90)]
        drawn = bootstrap_difference(missed, seen, [0.95, 0.90], chance)
        found = verdict(
            one, two, margin=MARGIN, wide=(score[0], drawn[0]), narrow=(score[1], drawn[1])
        )
        hits["boxes as if independent"] += _holds(naive, truth)
        hits["newcombe"] += _holds(score[0], truth)
        hits["bootstrap"] += _holds(drawn[0], truth)
        hits["either"] += _holds(score[0], truth) or _holds(drawn[0], truth)
        if found.answer in answers:
            answers[found.answer] += 1
    return {name: n / n_trials for name, n in {**hits, **answers}.items()}


def _drawn(case: Case, chance: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Misses and boxes by track and group: a beta-binomial, a track in one group only."""
    missed = np.zeros((sum(case.tracks), 2), np.int64)
    seen = np.zeros_like(missed)
    first = 0
    for group, (rate, n) in enumerate(zip(case.rates, case.tracks, strict=True)):
        if case.alike:
            weight = 1 / case.alike - 1
            own = chance.beta(rate * weight, (1 - rate) * weight, n)
        else:
            own = np.full(n, rate)
        missed[first : first + n, group] = chance.binomial(case.boxes, own)
        seen[first : first + n, group] = case.boxes
        first += n
    return missed, seen


def _holds(interval: Interval | None, truth: float) -> bool:
    return interval is not None and interval[0] <= truth <= interval[1]


def main() -> None:
    """Print every case as one JSON list."""
    rows = [{**asdict(case), **simulate(case, 2000, seed=10)} for case in CASES]
    print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
