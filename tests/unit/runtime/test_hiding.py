"""People are hidden in every picture that is shown, without an inference for each."""

from __future__ import annotations

from datetime import datetime, timezone

import numpy as np

from edge.detections import Detections, ModelRef
from edge.errors import DetectorStalled
from edge.frame import Frame, Stamp
from edge.pipeline import Step
from edge.runtime.hiding import KNOWN_S, Hiding

MODEL = ModelRef("m", "0" * 64, ("person", "car"))
PERSON = (40.0, 10.0, 56.0, 60.0)
CAR = (90.0, 10.0, 150.0, 60.0)


def frame(pts: float) -> Frame:
    """Grain, so that what was pixelated differs everywhere."""
    grain = np.random.default_rng(1).integers(0, 255, (90, 160), np.uint8)
    half = np.full((45, 80), 128, np.uint8)
    return Frame(Stamp("gate", 0, pts, datetime.now(timezone.utc), 0), grain, half, half)


def found(seen: Frame) -> Detections:
    """A person and a car."""
    boxes = np.array([PERSON, CAR], np.float32)
    sure = np.array([0.9, 0.9], np.float32)
    return Detections(seen.stamp, seen.size_wh, MODEL, boxes, sure, np.array([0, 1], np.int32))


class Looks:
    """A detector that counts, or is stuck."""

    def __init__(self, *, is_stuck: bool = False) -> None:
        self.n = 0
        self._is_stuck = is_stuck

    def __call__(self, seen: Frame) -> Detections:
        self.n += 1
        if self._is_stuck:
            raise DetectorStalled("stuck")
        return found(seen)


def shown(hiding: Hiding, pts: float, *, is_looked_at: bool = False) -> Frame | None:
    """One analysed picture as somebody gets to see it."""
    seen = frame(pts)
    step = Step(seen, found(seen) if is_looked_at else None, None, [])
    hiding.note(step)
    return hiding.hidden(step)


def is_hidden(picture: Frame | None, box: tuple[float, ...]) -> bool:
    """Whether a box of the picture is another than it was."""
    assert picture is not None
    left, top, right, bottom = (int(side) for side in box)
    part = np.s_[top:bottom, left:right]
    return not np.array_equal(picture.y[part], frame(0).y[part])


def test_while_nothing_moves_one_look_serves_the_pictures_of_two_seconds() -> None:
    """Each of them with the person hidden, and nothing else."""
    looks = Looks()
    hiding = Hiding("figures", looks)
    for n in range(50):  # ten seconds of a looker's pictures, at none of which the gate opened
        picture = shown(hiding, n / 5)
        assert is_hidden(picture, PERSON)
        assert not is_hidden(picture, CAR)
    assert looks.n == hiding.n_looks == round(10 / (KNOWN_S + 0.2))


def test_what_analysis_looked_at_is_not_looked_at_again() -> None:
    """Whoever the detector found is hidden, then and in the still pictures after it."""
    looks = Looks()
    hiding = Hiding("heads", looks)
    assert is_hidden(shown(hiding, 1.0, is_looked_at=True), PERSON)
    assert is_hidden(shown(hiding, 1.0 + KNOWN_S), PERSON)
    assert looks.n == 0


def test_times_that_go_back_are_another_picture() -> None:
    """What was known of another connection is not believed."""
    looks = Looks()
    hiding = Hiding("heads", looks)
    shown(hiding, 100.0, is_looked_at=True)
    assert is_hidden(shown(hiding, 3.0), PERSON)
    assert looks.n == 1


def test_who_cannot_be_known_is_not_shown() -> None:
    """A detector without an answer gives no picture, unless a look still holds."""
    hiding = Hiding("heads", Looks(is_stuck=True))
    assert shown(hiding, 1.0) is None
    assert is_hidden(shown(hiding, 2.0, is_looked_at=True), PERSON)
    assert is_hidden(shown(hiding, 3.0), PERSON)
    assert shown(hiding, 3.0 + KNOWN_S) is None


def test_where_nobody_is_to_be_hidden_nothing_is_looked_at() -> None:
    """The policy `none` costs nothing."""
    looks = Looks()
    picture = shown(Hiding("none", looks), 1.0)
    assert not is_hidden(picture, PERSON)
    assert looks.n == 0
