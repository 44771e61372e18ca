"""Difference: how far two proportions are apart, and how sure that is. Pure.

Boxes of one person are not independent. Where annotations name tracks, a group counts here with
its *effective* number of objects, which its tracks' scatter tells; see `edge.oversight.clusters`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

from scipy.special import ndtri

from edge.oversight.measures import Interval, wilson

POWER = 0.80
"""Chance that the number of objects asked for settles a question, if the shares stay as seen."""

_SLACK = 1e-9
"""0.15 - 0.1 is a hair below 0.05 in floating point."""


@dataclass(frozen=True)
class Share:
    """How many of a group were missed.

    Attributes:
        n_missed: Misses.
        n: Objects, at least `n_missed`.
        effective: How many independent objects they are worth, at most `n`; `n` where each object
            is of its own.
    """

    n_missed: int
    n: int
    effective: float

    @property
    def rate(self) -> float | None:
        """Share that was missed; None of an empty group."""
        return self.n_missed / self.n if self.n else None

    def interval(self, confidence: float = 0.95) -> Interval | None:
        """Wilson's interval of the rate, with the effective number of objects."""
        if not self.n:
            return None
        return wilson(self.n_missed * self.effective / self.n, self.effective, confidence)

    @property
    def smoothed(self) -> float:
        """The rate with one miss and one hit added: 0 of 5 must not plan as if nothing is missed.

        Source:
            Agresti and Caffo, The American Statistician 54 (2000).
        """
        hits = self.n_missed * self.effective / self.n if self.n else 0.0
        return (hits + 1) / (self.effective + 2)


def newcombe(first: Share, second: Share, confidence: float = 0.95) -> Interval | None:
    """Newcombe's hybrid score interval of the difference of two independent proportions.

    Args:
        first: Taken from.
        second: Taken away.
        confidence: In (0, 1).

    Returns:
        Bounds of `first.rate - second.rate`, in [-1, 1]; None where a group is empty.

    Source:
        Newcombe, "Interval estimation for the difference between independent proportions",
        Statistics in Medicine 17 (1998), method 10. Differs: effective numbers, not whole ones.
    """
    one, two = first.interval(confidence), second.interval(confidence)
    if one is None or two is None:
        return None
    p1, p2 = first.n_missed / first.n, second.n_missed / second.n
    below = math.hypot(p1 - one[0], two[1] - p2)
    above = math.hypot(one[1] - p1, p2 - two[0])
    return max(-1.0, p1 - p2 - below), min(1.0, p1 - p2 + above)


def score_z(first: Share, second: Share) -> float:
    """How many standard errors the difference is from none; 0 where a group is empty.

    For the order of several comparisons only: verdicts are read off intervals.
    """
    if not first.n or not second.n:
        return 0.0
    n = first.effective + second.effective
    p1, p2 = first.n_missed / first.n, second.n_missed / second.n
    pooled = (p1 * first.effective + p2 * second.effective) / n
    scatter = pooled * (1 - pooled) * (1 / first.effective + 1 / second.effective)
    return abs(p1 - p2) / math.sqrt(scatter) if scatter > 0 else 0.0


Answer: TypeAlias = Literal["difference shown", "equivalent within the margin", "not enough data"]


@dataclass(frozen=True)
class Verdict:
    """One of three plain answers.

    Attributes:
        answer: In words.
        needed: For `not enough data`: objects each group should have in all, as independent as the
            ones seen; None for the others.
        more: The same less what each group has, the first's and the second's.
    """

    answer: Answer
    needed: int | None = None
    more: tuple[int, int] | None = None


def verdict(
    first: Share,
    second: Share,
    *,
    margin: float,
    wide: tuple[Interval | None, ...],
    narrow: tuple[Interval | None, ...],
) -> Verdict:
    """Judge a difference of miss rates.

    Args:
        first: Taken from.
        second: Taken away.
        margin: The smallest difference that matters, in (0, 1).
        wide: Intervals of the difference that speak for one where they all leave out 0, such as
            95 % or, of several comparisons, wider. None in them is unknown.
        narrow: 90 % intervals that speak for equivalence where they all lie inside the margin:
            two one-sided tests at 5 % (TOST).

    Returns:
        *Difference shown*: it is at least the margin, and not chance. *Equivalent*: whatever it is,
        it is below the margin. *Not enough data*: neither, with the number that would settle it.

    Source:
        Schuirmann, J. Pharmacokinetics and Biopharmaceutics 15 (1987), for the two one-sided tests;
        Chow, Shao, Wang, "Sample Size Calculations in Clinical Research", for the numbers.
    """
    if first.rate is not None and second.rate is not None:
        seen = first.rate - second.rate
        is_apart = all(one is not None and (one[0] > 0 or one[1] < 0) for one in wide)
        if is_apart and abs(seen) >= margin - _SLACK:
            return Verdict("difference shown")
        if all(one is not None and one[0] > -margin and one[1] < margin for one in narrow):
            return Verdict("equivalent within the margin")
    needed = n_needed(first.smoothed, second.smoothed, margin)
    inflated = [
        math.ceil(needed * (share.n / share.effective if share.n else 1.0))
        for share in (first, second)
    ]
    more = (max(0, inflated[0] - first.n), max(0, inflated[1] - second.n))
    if more == (0, 0):  # as many as should settle it, and chance was against it
        more = (max(1, first.n // 4), max(1, second.n // 4))
    return Verdict("not enough data", max(first.n + more[0], second.n + more[1]), more)


def n_needed(p1: float, p2: float, margin: float) -> int:
    """Independent objects each group needs to settle a question, at 5 % and `POWER`.

    A difference of at least the margin is to be shown, a smaller one to be found equivalent;
    whichever the shares seen so far point to.

    Args:
        p1: Share of the first group, in (0, 1).
        p2: Of the second.
        margin: Smallest difference that matters.
    """
    scatter = p1 * (1 - p1) + p2 * (1 - p2)
    apart = abs(p1 - p2)
    if apart >= margin - _SLACK:
        return math.ceil(float(ndtri(0.975) + ndtri(POWER)) ** 2 * scatter / apart**2)
    # Both one-sided tests must hold: half of what may go wrong goes to each.
    reach = float(ndtri(0.95) + ndtri(0.5 + POWER / 2)) ** 2
    # Just below the margin no number is enough; a tenth of it away, one is.
    return math.ceil(reach * scatter / max(margin - apart, margin / 10) ** 2)
