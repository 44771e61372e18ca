"""Measures: the few formulas a score is made of, each with its source. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from scipy.special import gammaincinv, ndtri

Interval = tuple[float, float]


def f_measure(n_true: int, n_missed: int, n_false: int, alpha: float) -> float | None:
    """The i-LIDS F1 measure: recall and precision in one number, recall weighted by alpha.

    Args:
        n_true: Events that were reported.
        n_missed: Events that were not.
        n_false: Alarms that no event explains.
        alpha: Recall bias, above 0. Towards 0 only precision counts, towards infinity only recall.

    Returns:
        In [0, 1]; 0 where nothing was right; None where there was nothing to report and nothing
        was reported.

    Source:
        i-LIDS User Guide (Home Office CAST): F1 = (a + 1) R P / (R + a P), which is van
        Rijsbergen's F with beta squared = a.
    """
    # (a+1)RP / (R+aP) with R = t/(t+m) and P = t/(t+f), without their undefined cases.
    below = (alpha + 1) * n_true + alpha * n_missed + n_false
    return (alpha + 1) * n_true / below if below else None


def wilson(n_hits: float, n_all: float, confidence: float = 0.95) -> Interval | None:
    """Wilson's score interval of a proportion.

    Args:
        n_hits: Successes, at most `n_all`.
        n_all: Trials; not whole where they are an effective number.
        confidence: In (0, 1).

    Returns:
        Lower and upper bound in [0, 1]; None without trials, when nothing is known.

    Source:
        Wilson, "Probable inference", JASA 22 (1927); compared in Newcombe, Statistics in Medicine
        17 (1998).
    """
    if not n_all:
        return None
    z = float(ndtri(0.5 + confidence / 2))
    share, z2 = n_hits / n_all, z * z / n_all
    middle = (share + z2 / 2) / (1 + z2)
    reach = math.sqrt(share * (1 - share) * z2 + z2 * z2 / 4) / (1 + z2)
    # Rounding puts the bound of 0 or all successes a hair beside 0 or 1.
    lower = 0.0 if n_hits == 0 else max(0.0, middle - reach)
    upper = 1.0 if n_hits == n_all else min(1.0, middle + reach)
    return lower, upper


def poisson_interval(n: int, confidence: float = 0.95) -> Interval:
    """Exact interval of the mean of a count: what a rate may be after seeing `n`.

    Args:
        n: How many were counted.
        confidence: In (0, 1).

    Returns:
        Lower and upper bound of the expected count; divide by the time watched for a rate.

    Source:
        Garwood, "Fiducial limits for the Poisson distribution", Biometrika 28 (1936).
    """
    tail = (1 - confidence) / 2
    lower = float(gammaincinv(n, tail)) if n else 0.0
    return lower, float(gammaincinv(n + 1, 1 - tail))


def percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that at least this share of all values does not exceed (nearest rank).

    Args:
        values: In any order; may be empty.
        share: In (0, 1], such as 0.95.

    Returns:
        One of the values; None of none.
    """
    if not values:
        return None
    # 0.95 * 20 is a hair above 19 in floating point.
    rank = math.ceil(round(share * len(values), 9))
    return sorted(values)[max(rank, 1) - 1]
