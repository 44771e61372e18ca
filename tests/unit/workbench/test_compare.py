"""Two lists of detections agree or do not, and the figures say why."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.detections import Detections, ModelRef
from edge.workbench.compare import DOUBTFUL, SURE, Agreement, Limits, agreement
from tests.unit.detectors.tiny_model import stamp

REF = ModelRef("m", "0" * 64, ("person", "car"))


def seen(*rows: tuple[float, float, int]) -> Detections:
    """Boxes of 10 x 10 by (left, confidence, class)."""
    left = np.array([row[0] for row in rows], np.float32)
    top = np.zeros_like(left)
    return Detections(
        stamp(),
        (1000, 100),
        REF,
        np.stack([left, top, left + 10, top + 10], axis=1),
        np.array([row[1] for row in rows], np.float32),
        np.array([row[2] for row in rows], np.int32),
    )


FULL = seen(*((20 * n, 0.5 + n / 100, n % 2) for n in range(40)))


def test_what_is_the_same_agrees() -> None:
    """Every figure at its best, and no objection."""
    same = agreement([FULL, FULL], [FULL, FULL])
    assert same == Agreement(2, 80, 80, 1.0, 1.0, 1.0, 0.0)
    assert same.objections() == []


def test_what_is_missed_and_what_is_invented_are_told_apart() -> None:
    """Half of the objects gone, and one that nobody else saw."""
    other = seen(*((20 * n, 0.5 + n / 100, n % 2) for n in range(20)), (900, 0.9, 0))
    figures = agreement([FULL], [other])
    assert figures.found == pytest.approx(0.5)
    assert figures.not_invented == pytest.approx(20 / 21)
    assert [text.partition(",")[0] for text in figures.objections()] == [
        "expected 95% of the reference's objects found"
    ]


def test_another_class_is_another_object() -> None:
    """A car where the reference sees a person is missed and invented."""
    figures = agreement([seen((0, 0.9, 0))], [seen((0, 0.9, 1))])
    assert (figures.found, figures.not_invented) == (0, 0)


def test_near_the_threshold_either_side_will_do() -> None:
    """Sure here and doubtful there is found; below doubt it is not."""
    sure = seen((0, SURE, 0))
    assert agreement([sure], [seen((0, DOUBTFUL, 0))]).found == 1
    assert agreement([sure], [seen((0, DOUBTFUL - 0.01, 0))]).found == 0


def test_one_box_answers_for_one_object() -> None:
    """Two people in one place are not both found by one box."""
    figures = agreement([seen((0, 0.9, 0), (1, 0.8, 0))], [seen((0, 0.9, 0))])
    assert figures.found == 0.5


def test_each_limit_is_a_reason_of_its_own() -> None:
    """Expected against got, for each."""
    bad = Agreement(10, 50, 50, 0.5, 0.6, 0.7, 0.2, map_drop=3.0)
    assert bad.objections(Limits()) == [
        "expected 95% of the reference's objects found, got 50.0%",
        "expected 95% of its objects known to the reference, got 60.0%",
        "expected boxes with a mean IoU of 0.9, got 0.700",
        "expected confidences within 0.045 on average, got 0.200",
        "expected at most 1.5 points of mAP less, got 3.00",
    ]


@pytest.mark.parametrize("n_pictures", [0, 3])
def test_pictures_of_nothing_prove_nothing(n_pictures: int) -> None:
    """An engine that sees nothing agrees with a wall; that is no reason to trust it."""
    figures = agreement([seen()] * n_pictures, [seen()] * n_pictures)
    assert figures.n_reference == 0
    (objection,) = figures.objections()
    assert "at least 20 objects the reference is sure of, got 0" in objection


Rows = st.lists(
    st.tuples(st.floats(0, 900, width=32), st.floats(0, 1, width=32), st.integers(0, 1)),
    max_size=12,
)


@given(st.lists(st.tuples(Rows, Rows), max_size=4))
def test_figures_stay_in_range_and_turn_round(
    pairs: list[tuple[list[tuple[float, float, int]], list[tuple[float, float, int]]]],
) -> None:
    """Shares are shares, whichever side is the reference."""
    one, two = [seen(*a) for a, _ in pairs], [seen(*b) for _, b in pairs]
    there, back = agreement(one, two), agreement(two, one)
    for figures in (there, back):
        assert 0 <= figures.found <= 1
        assert 0 <= figures.not_invented <= 1
        assert 0 <= figures.iou <= 1.0001
        assert 0 <= figures.confidence_change <= 1
    assert (there.found, there.n_reference) == (back.not_invented, back.n_other)
