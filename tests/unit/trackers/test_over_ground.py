"""The ground plane in the tracker: drawn squares and single cases, exact truth."""

from __future__ import annotations

import numpy as np
import pytest

from edge.trackers._over_ground import OverGround
from edge.trackers.bytetrack import Options
from tests.scenes.square import VIEWS, identities, square
from tests.tracks_builder import some_boxes

VIEW = VIEWS["6 m, tilted"]
NEAR, FAR = (600.0, 300.0, 640.0, 420.0), (610.0, 150.0, 625.0, 190.0)
"""Boxes of people at 17 m and at 32 m."""


@pytest.mark.parametrize("name", VIEWS)
def test_identities_are_kept_better_where_the_ground_is_known(name: str) -> None:
    """People hidden by others come out under their number more often, cars and pairs among them."""
    view = VIEWS[name]
    plain, calibrated = [], []
    for seed in (10, 11):
        frames = list(square(view, seed, seconds=40.0))
        plain.append(identities(Options().build(), frames))
        calibrated.append(identities(Options().build(view.ground(seed=seed)), frames))
    assert sum(one.idf1 for one in calibrated) > sum(one.idf1 for one in plain) + 0.04
    assert sum(one.n_switches for one in calibrated) < sum(one.n_switches for one in plain)


def nearness(expected: tuple[float, ...], box: tuple[float, ...], unseen_s: float) -> float:
    """Of one pair."""
    found = OverGround(VIEW.ground()).nearness(
        np.array([expected]), np.array([box], np.float32), np.array([unseen_s]), VIEW.size_wh
    )
    return float(found[0, 0])


def test_who_is_expected_there_is_there() -> None:
    """The same place is as near as can be, near and far."""
    assert nearness(NEAR, NEAR, 0.5) == pytest.approx(1.0)
    assert nearness(FAR, FAR, 0.5) == pytest.approx(1.0)


def test_nobody_runs_fifteen_metres_in_a_second() -> None:
    """Two places close together in the picture may be far apart on the ground."""
    assert nearness(NEAR, FAR, 1.0) < 0.0


def test_the_longer_unseen_the_further() -> None:
    """A metre and a half aside is out of reach at once, and not after a second."""
    aside = (NEAR[0] + 130.0, NEAR[1], NEAR[2] + 130.0, NEAR[3])
    assert nearness(NEAR, aside, 0.125) < 0.0 < nearness(NEAR, aside, 1.0)


def test_above_and_near_the_horizon_nothing_is_known() -> None:
    """No ground, no answer, and no warning."""
    sky = (600.0, -400.0, 640.0, -300.0)
    assert nearness(NEAR, sky, 1.0) == nearness(sky, NEAR, 1.0) == 0.0


def test_no_tracks_and_no_boxes() -> None:
    """Empty in either direction."""
    over = OverGround(VIEW.ground())
    none, one = np.empty((0, 4)), np.array([NEAR])
    assert over.nearness(none, one.astype("f4"), np.empty(0), VIEW.size_wh).shape == (0, 1)
    assert over.nearness(one, none.astype("f4"), np.ones(1), VIEW.size_wh).shape == (1, 0)


def test_a_car_does_not_go_on_as_a_person() -> None:
    """What comes out from behind something must be of the class that went in."""
    tracker = Options().build(VIEW.ground())
    for k in range(8):
        tracker.update(some_boxes(k / 8, [NEAR]))
    aside = [(NEAR[0] + 60.0, NEAR[1], NEAR[2] + 60.0, NEAR[3])]
    again = [tracker.update(some_boxes(1.5 + k / 8, aside, class_id=1)) for k in range(3)]
    assert [one.track_id.tolist() for one in again] == [[], [2], [2]]
