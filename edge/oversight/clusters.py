"""Clusters: what objects are worth that are seen again and again on one track. Pure.

A hundred boxes of one person are little more than one person. Two ways to say how much more: the
effective number of objects, from how the tracks scatter; and the bootstrap, which draws tracks and
not boxes. Both are used, and a verdict needs both.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge.oversight.measures import Interval

N_DRAWS = 2000
"""Draws of the bootstrap: the bounds of a 95 % interval move by a few hundredths of its width."""

LEAST_CLUSTERS = 10
"""Tracks a group needs before its scatter says anything."""

_AT_ONCE = 2_000_000
"""Drawn track numbers held in memory at a time: 16 MB."""


def effective_number(missed: Sequence[int], seen: Sequence[int]) -> float:
    """How many independent objects a group of tracks is worth.

    Args:
        missed: Misses of each track, (C,); may be empty.
        seen: Objects of each track, (C,), each above 0.

    Returns:
        Between 1 and the number of objects; 0 of no track. Where no track scatters (all found or
        all missed), the number of tracks: that is all that is sure.

    Source:
        Rao and Scott, Biometrics 48 (1992): objects divided by the design effect, which is the
        variance of a ratio of cluster totals over the binomial one.
    """
    y, n = np.asarray(missed, float), np.asarray(seen, float)
    if not n.size:
        return 0.0
    rate = y.sum() / n.sum()
    if n.size == 1 or rate in (0.0, 1.0):
        return float(n.size)
    residual = y - rate * n
    variance = n.size / (n.size - 1) * float(residual @ residual) / n.sum() ** 2
    if variance == 0:
        return float(n.size)
    # Tracks of one object each: no design effect, whatever chance made of the scatter.
    return float(np.clip(rate * (1 - rate) / variance, 1.0, n.sum()))


def bootstrap_difference(
    missed: NDArray[np.int64],
    seen: NDArray[np.int64],
    confidences: Sequence[float],
    generator: np.random.Generator,
) -> list[Interval | None]:
    """Percentile intervals of a difference of two miss rates, tracks drawn with replacement.

    Args:
        missed: (C, 2) misses of each track in the first and the second group. A track may have
            objects of both, as one person near and far.
        seen: (C, 2) objects, likewise.
        confidences: Wanted, each in (0, 1).
        generator: Where chance comes from; seeded, the same answer each time.

    Returns:
        An interval for each confidence; None where a group has fewer than `LEAST_CLUSTERS` tracks.

    Source:
        Davison and Hinkley, "Bootstrap Methods and their Application" (1997), section 3.8.
    """
    if ((seen > 0).sum(axis=0) < LEAST_CLUSTERS).any():
        return [None for _ in confidences]
    n_clusters = len(seen)
    totals = np.concatenate([missed, seen], axis=1).astype(float)
    step = max(1, _AT_ONCE // n_clusters)
    found = []
    for first in range(0, N_DRAWS, step):
        drawn = generator.integers(0, n_clusters, (min(step, N_DRAWS - first), n_clusters))
        # Counts of each track, so that one matrix product adds a draw up.
        offset = np.arange(len(drawn))[:, None] * n_clusters
        counts = np.bincount((drawn + offset).ravel(), minlength=len(drawn) * n_clusters)
        found.append(counts.reshape(len(drawn), n_clusters) @ totals)
    sums = np.concatenate(found)
    sums = sums[(sums[:, 2:] > 0).all(axis=1)]
    differences = sums[:, 0] / sums[:, 2] - sums[:, 1] / sums[:, 3]
    bounds = []
    for confidence in confidences:
        tail = (1 - confidence) / 2
        lower, upper = np.quantile(differences, [tail, 1 - tail])
        bounds.append((float(lower), float(upper)))
    return list(bounds)
