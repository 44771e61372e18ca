"""Checks look once a second, tell what is open in steady words, and a pipeline loses none of it."""

from __future__ import annotations

from datetime import datetime, timezone

import numpy as np
import pytest

from edge.detections import Detections, ModelRef
from edge.errors import DetectorStalled
from edge.event import Kind
from edge.frame import Frame, Stamp
from edge.gates.always import Always
from edge.health import Check, Checks
from edge.masks import Masks
from edge.pipeline import Pipeline
from edge.trackers.bytetrack import Options as TrackerOptions


def frame(pts: float) -> Frame:
    y, half = np.zeros((4, 4), np.uint8), np.zeros((2, 2), np.uint8)
    return Frame(Stamp("c", 0, pts, datetime(2026, 1, 1, tzinfo=timezone.utc), 0), y, half, half)


class Scripted:
    """A check that says what it is told to from a moment on."""

    begin_s = 2.0
    end_s = 2.0

    def __init__(self, kind: Kind, script: dict[int, str]) -> None:
        self.kind = kind
        self.n_looks = 0
        self._script = script

    def look(self, frame: Frame) -> str:
        self.n_looks += 1
        return next(
            (say for at, say in reversed(self._script.items()) if frame.stamp.pts >= at), ""
        )


class Failing:
    """A detector that does not answer."""

    model = ModelRef("none", "0" * 64, ())

    def detect(self, frame: Frame) -> Detections:
        raise DetectorStalled(f"{frame.stamp.camera}: no answer")

    def close(self) -> None: ...


def test_a_picture_is_looked_at_once_a_second() -> None:
    """At 15 frames a second, and at each of keyframes that jitter about a second."""
    busy, idle = Scripted("camera_covered", {}), Scripted("camera_covered", {})
    checks = Checks([busy])
    for index in range(150):
        checks.look(frame(index / 15))
    assert busy.n_looks == 10 + 1  # every 14th: 0.93 s
    checks = Checks([idle])
    for index in range(10):
        checks.look(frame(index + 0.05 * (index % 2)))
    assert idle.n_looks == 10


def test_a_stream_time_that_starts_anew_is_looked_at() -> None:
    """A clock that went back must not silence the checks."""
    check = Scripted("camera_covered", {})
    checks = Checks([check])
    checks.look(frame(1000.0))
    checks.look(frame(0.0))
    assert check.n_looks == 2


def test_troubles_are_the_open_ones_most_serious_first_in_the_words_first_said() -> None:
    """Status must not change with each look."""
    first = Scripted("camera_frozen", {5: "still"})
    second = Scripted("camera_moved", {1: "by 5 %", 6: "by 6 %"})
    checks = Checks([first, second])
    seen = []
    for pts in range(10):
        checks.look(frame(pts))
        seen.append(checks.troubles)
    assert seen[2] == ()
    assert seen[3] == ("by 5 %",)
    assert seen[9] == ("still", "by 5 %")
    ends = checks.close(frame(10).stamp, "stopped")
    assert [(e.kind, e.phase, e.reason) for e in ends] == [
        ("camera_frozen", "end", "stopped"),
        ("camera_moved", "end", "stopped"),
    ]
    assert checks.troubles == ()


@pytest.fixture(name="pipeline")
def _pipeline() -> Pipeline:
    check: Check = Scripted("camera_covered", {0: "dark"})
    tracker = TrackerOptions(kind="bytetrack").build()
    return Pipeline(Masks(), Always(), Failing(), tracker, [], checks=[check])


def test_what_a_check_said_survives_a_detector_that_stalls(pipeline: Pipeline) -> None:
    """The begin comes late rather than never, and before its end."""
    for pts in range(4):
        with pytest.raises(DetectorStalled):
            pipeline.step(frame(pts))
    assert pipeline.troubles == ("dark",)
    events = pipeline.close(frame(4).stamp, "stopped")
    assert [(e.kind, e.phase) for e in events] == [
        ("camera_covered", "begin"),
        ("camera_covered", "end"),
    ]
    assert events[0].priority == "alert"
