"""Formulas give what their sources print, and keep their bounds."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.oversight.measures import f_measure, percentile, poisson_interval, wilson

COUNTS = st.integers(0, 2000)


@pytest.mark.parametrize(
    ("n_hits", "n_all", "lower", "upper"),
    [
        pytest.param(81, 263, 0.2553, 0.3662, id="Newcombe 1998, table I, 81 of 263"),
        pytest.param(15, 148, 0.0624, 0.1605, id="Newcombe 1998, table I, 15 of 148"),
        pytest.param(0, 20, 0.0, 0.1611, id="Newcombe 1998, table I, 0 of 20"),
        pytest.param(1, 29, 0.0061, 0.1718, id="Newcombe 1998, table I, 1 of 29"),
        pytest.param(30, 300, 0.0709, 0.1392, id="30 of 300"),
    ],
)
def test_wilson_gives_the_published_intervals(
    n_hits: int, n_all: int, lower: float, upper: float
) -> None:
    """To the four digits that are printed."""
    interval = wilson(n_hits, n_all)
    assert interval is not None
    assert interval == pytest.approx((lower, upper), abs=5.1e-5)


@settings(deadline=None)
@given(n_all=st.integers(1, 5000), data=st.data())
def test_wilson_holds_the_proportion_and_mirrors(n_all: int, data: st.DataObject) -> None:
    """It lies in [0, 1], around the proportion; misses have the mirrored interval of hits."""
    n_hits = data.draw(st.integers(0, n_all))
    interval, mirrored = wilson(n_hits, n_all), wilson(n_all - n_hits, n_all)
    assert interval is not None
    assert mirrored is not None
    lower, upper = interval
    assert 0 <= lower <= n_hits / n_all <= upper <= 1
    assert lower < upper
    assert (1 - upper, 1 - lower) == pytest.approx(mirrored, abs=1e-12)


def test_without_trials_nothing_is_known() -> None:
    """No interval instead of a division by zero."""
    assert wilson(0, 0) is None


@pytest.mark.parametrize(
    ("n", "lower", "upper"),
    [
        pytest.param(0, 0.0, 3.689, id="none"),
        pytest.param(1, 0.0253, 5.572, id="1"),
        pytest.param(10, 4.795, 18.39, id="10"),
        pytest.param(20, 12.22, 30.89, id="20"),
    ],
)
def test_the_exact_interval_of_a_count_is_the_tabled_one(
    n: int, lower: float, upper: float
) -> None:
    """Garwood 1936, as tabled since, to four digits."""
    assert poisson_interval(n) == pytest.approx((lower, upper), rel=1e-3)


@settings(deadline=None)
@given(n_true=COUNTS, n_missed=COUNTS, n_false=COUNTS, alpha=st.floats(0.01, 1000))
def test_f1_is_the_formula_of_recall_and_precision(
    n_true: int, n_missed: int, n_false: int, alpha: float
) -> None:
    """(a + 1) R P / (R + a P) wherever that is defined, and always in [0, 1]."""
    value = f_measure(n_true, n_missed, n_false, alpha)
    if n_true == 0:
        assert value == (None if n_missed == n_false == 0 else 0.0)
        return
    recall, precision = n_true / (n_true + n_missed), n_true / (n_true + n_false)
    expected = (alpha + 1) * recall * precision / (recall + alpha * precision)
    assert value == pytest.approx(expected)
    assert min(recall, precision) - 1e-9 <= expected <= max(recall, precision) + 1e-9


def test_alpha_leans_from_precision_to_recall() -> None:
    """8 of 10 found, 4 alarms false: recall 0.8, precision 0.667."""
    assert f_measure(8, 2, 4, 1e-9) == pytest.approx(8 / 12)
    assert f_measure(8, 2, 4, 1.0) == pytest.approx(8 / 11)  # the balanced F1: 2t / (2t + m + f)
    assert f_measure(8, 2, 4, 0.65) == pytest.approx(0.7135, abs=1e-4)
    assert f_measure(8, 2, 4, 60.0) == pytest.approx(0.7974, abs=1e-4)
    assert f_measure(8, 2, 4, 1e9) == pytest.approx(0.8)


@settings(deadline=None)
@given(values=st.lists(st.floats(-10, 100), min_size=1), share=st.floats(0.01, 1.0))
def test_a_percentile_is_a_value_that_enough_do_not_exceed(
    values: list[float], share: float
) -> None:
    """And no smaller one of the values is."""
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= math.floor(share * len(values))
    assert percentile([], share) is None


def test_percentiles_of_twenty() -> None:
    """p95 of 1 to 20 is 19, whatever 0.95 times 20 is in floating point."""
    values = [float(value) for value in range(1, 21)]
    assert percentile(values, 0.5) == 10.0
    assert percentile(values, 0.95) == 19.0
    assert percentile(values, 1.0) == 20.0
