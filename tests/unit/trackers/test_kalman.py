"""The motion filter: one truth at any rate."""

from __future__ import annotations

import numpy as np
import pytest

from edge.trackers._kalman import Motion

BOX = np.array([[100, 100, 200, 350]], np.float32)
ROW = np.array([0])
SEEN = np.array([True])
SURE = np.array([0.9], np.float32)


def moving(steps: int, seconds: float) -> Motion:
    """A box followed at 100 px/s to the right for a while, then predicted in some steps."""
    motion = Motion()
    motion.add(BOX)
    for k in range(1, 9):
        motion.predict(0.125, SEEN)
        motion.correct(ROW, BOX + np.array([12.5 * k, 0] * 2, np.float32), SURE)
    for _ in range(steps):
        motion.predict(seconds / steps, SEEN)
    return motion


def test_one_long_step_is_many_short_ones() -> None:
    """Noise is per second: half a second at once is ten steps of a twentieth."""
    once, often = moving(1, 0.5), moving(10, 0.5)
    assert np.allclose(once.place, often.place)
    assert np.allclose(once._covariance, often._covariance)


def test_no_time_changes_nothing() -> None:
    """Two frames of one time have one prediction."""
    motion = moving(1, 0.5)
    before = motion.place.copy(), motion._covariance.copy()
    motion.predict(0.0, SEEN)
    assert np.array_equal(motion.place, before[0])
    assert np.array_equal(motion._covariance, before[1])


def test_a_steady_speed_is_found() -> None:
    """After a second of steady motion the next place is known within a tenth of a box."""
    motion = moving(1, 0.5)
    assert motion.speed[0, :2] == pytest.approx([100, 0], abs=10)
    assert motion.xyxy[0] == pytest.approx(BOX[0] + [150, 0, 150, 0], abs=10)


def test_the_size_of_an_unseen_box_stands_still() -> None:
    """A box that shrank while its object was hidden does not go on shrinking."""
    motion = Motion()
    motion.add(BOX)
    for k in range(1, 6):
        motion.predict(0.125, SEEN)
        motion.correct(ROW, BOX - np.array([0, 0, 0, 30 * k], np.float32), SURE)
    motion.predict(0.5, ~SEEN)
    height = motion.place[0, 3]
    motion.predict(0.5, ~SEEN)
    assert motion.place[0, 3] == height > 50


def test_a_shrinking_box_keeps_a_size() -> None:
    """A prediction is never turned inside out."""
    motion = Motion()
    motion.add(BOX)
    motion.predict(0.125, SEEN)
    motion.correct(ROW, BOX - np.array([0, 0, 0, 100], np.float32), SURE)
    motion.predict(20.0, SEEN)
    assert (motion.place[:, 2:] >= 1).all()
