"""Differences of proportions agree with published examples, and their verdicts with the truth."""

from __future__ import annotations

import numpy as np
import pytest

from edge.oversight.clusters import bootstrap_difference, effective_number
from edge.oversight.difference import Share, n_needed, newcombe, verdict
from tests.bench.coverage import Case, simulate


def share(n_missed: int, n: int) -> Share:
    """A share of objects that are each of their own."""
    return Share(n_missed, n, n)


@pytest.mark.parametrize(
    ("one", "two", "lower", "upper"),
    [
        pytest.param((56, 70), (48, 80), 0.0524, 0.3339, id="a"),
        pytest.param((9, 10), (3, 10), 0.1705, 0.8090, id="b"),
        pytest.param((6, 7), (2, 7), 0.0582, 0.8062, id="c"),
        pytest.param((5, 56), (0, 29), -0.0381, 0.1926, id="d"),
        pytest.param((0, 10), (0, 20), -0.1611, 0.2775, id="e"),
        pytest.param((0, 10), (0, 10), -0.2775, 0.2775, id="f"),
        pytest.param((10, 10), (0, 20), 0.6791, 1.0, id="g"),
        pytest.param((10, 10), (0, 10), 0.6075, 1.0, id="h"),
    ],
)
def test_newcombe_meets_the_worked_examples(
    one: tuple[int, int], two: tuple[int, int], lower: float, upper: float
) -> None:
    """Newcombe 1998, table II, method 10, to the four digits printed there."""
    assert newcombe(share(*one), share(*two)) == pytest.approx((lower, upper), abs=5e-5)


def test_an_empty_group_has_no_difference() -> None:
    """Nothing is known of it, which is not a difference of 0."""
    assert newcombe(share(0, 0), share(1, 10)) is None
    found = verdict(share(0, 0), share(1, 10), margin=0.05, wide=(None,), narrow=(None,))
    assert found.answer == "not enough data"
    assert found.more is not None
    assert found.more[0] > 0


@pytest.mark.parametrize(
    ("p1", "p2", "n"), [(0.10, 0.15, 683), (0.20, 0.25, 1091), (0.05, 0.07, 2209)]
)
def test_the_number_needed_is_the_textbooks(p1: float, p2: float, n: int) -> None:
    """With 1.96 and 0.84 rounded as books print them, a few fewer."""
    assert n_needed(p1, p2, margin=p2 - p1) == pytest.approx(n, abs=4)


def judged(one: Share, two: Share) -> str:
    """The verdict on independent objects."""
    return verdict(
        one,
        two,
        margin=0.05,
        wide=(newcombe(one, two),),
        narrow=(newcombe(one, two, 0.90),),
    ).answer


@pytest.mark.parametrize(
    ("one", "two", "answer"),
    [
        pytest.param((150, 500), (50, 500), "difference shown", id="apart"),
        pytest.param((200, 2000), (205, 2000), "equivalent within the margin", id="alike"),
        pytest.param((3, 30), (5, 30), "not enough data", id="few"),
        pytest.param((0, 5), (0, 5), "not enough data", id="none missed of few"),
        pytest.param((900, 30000), (300, 30000), "equivalent within the margin", id="too small"),
    ],
)
def test_there_are_three_verdicts(one: tuple[int, int], two: tuple[int, int], answer: str) -> None:
    """A difference that is sure and smaller than matters is equivalent; few objects say nothing."""
    assert judged(share(*one), share(*two)) == answer


def test_what_is_missing_would_settle_it() -> None:
    """With the number asked for and the same shares, there is an answer."""
    few = verdict(share(3, 30), share(6, 30), margin=0.05, wide=(None,), narrow=(None,))
    assert few.needed is not None
    n = few.needed
    assert judged(share(n // 10, n), share(n // 5, n)) == "difference shown"


def test_boxes_of_one_track_are_not_independent() -> None:
    """All or nothing on each track: as many objects as tracks; no scatter: the tracks, for sure."""
    assert effective_number([10, 0] * 20, [10] * 40) == pytest.approx(39, abs=0.1)
    assert effective_number([0] * 12, [100] * 12) == 12
    assert effective_number([3], [50]) == 1
    assert effective_number([], []) == 0


def test_the_bootstrap_draws_tracks() -> None:
    """The same seed gives the same bounds, and few tracks give none."""
    missed = np.array([[3, 0]] * 12 + [[0, 1]] * 12)
    seen = np.array([[10, 0]] * 12 + [[0, 10]] * 12)
    missed[::3, 0] += 2
    missed[seen == 0] = 0
    first, again = (
        bootstrap_difference(missed, seen, [0.95], np.random.default_rng(4)) for _ in range(2)
    )
    assert first == again
    (bounds,) = first
    assert bounds is not None
    assert bounds[0] < missed[:, 0].sum() / 120 - missed[:, 1].sum() / 120 < bounds[1]
    assert bootstrap_difference(missed[6:20], seen[6:20], [0.95], np.random.default_rng(4)) == [
        None
    ]


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(Case((0.1, 0.1), (100, 100)), id="boxes of their own"),
        pytest.param(Case((0.1, 0.2), (40, 40), 20, 0.3), id="twenty boxes a track"),
    ],
)
def test_intervals_hold_the_truth(case: Case) -> None:
    """Of 150 made-up evaluations about 95 % do; the long form is tests/bench/coverage.py."""
    held = simulate(case, 150, seed=2)
    assert held["newcombe"] >= 0.90
    assert held["bootstrap"] >= 0.88
    if case.alike:  # what treating boxes as people would claim
        assert held["boxes as if independent"] < 0.75
