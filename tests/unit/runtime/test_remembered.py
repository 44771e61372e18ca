"""Who was followed is remembered for minutes, packed, bounded, and judged as it was live."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np

from edge.config import load
from edge.config.schema import Camera
from edge.detections import ModelRef
from edge.frame import Frame, Stamp
from edge.pipeline import Step
from edge.runtime.remembered import Remembered
from edge.runtime.trial import of_tracks
from edge.tracks import Tracks
from tests.page import configured

MODEL = ModelRef("m", "0" * 64, ("person", "car"))
NOON = datetime(2026, 11, 1, 12, tzinfo=timezone.utc)
PLANE, HALF = np.zeros((36, 64), np.uint8), np.zeros((18, 32), np.uint8)


class Clock:
    """The box's, turned by hand."""

    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


def walking(pts: float, x: float, *, n: int = 1, removed: tuple[int, ...] = ()) -> Step:
    """Somebody at a place across the picture of 640x360, and others below them."""
    boxes = [[x * 640 - 10, 100 + i, x * 640 + 10, 200 + i] for i in range(n)]
    at = NOON + timedelta(seconds=pts)
    stamp = Stamp("gate", int(pts * 8), pts, at, 40)
    tracks = Tracks(
        stamp,
        (640, 360),
        MODEL,
        np.array(boxes, np.float32).reshape(-1, 4),
        np.linspace(0.9, 0.3, n, dtype=np.float32),
        np.arange(n, dtype=np.int32) % 2,
        np.arange(n, dtype=np.int64) + 2**40,
        np.full(n, pts, np.float32),
        np.full((n, 2), 1 / 3, np.float32),
        np.array(removed, np.int64),
    )
    return Step(Frame(stamp, PLANE, HALF, HALF), None, tracks, [])


def test_what_is_remembered_is_what_was_followed() -> None:
    """Every column of every picture, the empty one and the ids that are gone included."""
    remembered = Remembered()
    remembered.begin("a")
    steps = [walking(0.0, 0.1, n=3), walking(0.1, 0.2, n=0, removed=(5, 2**41)), walking(0.2, 0.3)]
    for step in steps:
        remembered.add(step)
    (turn,) = [list(turn) for turn in remembered.turns(60)]
    for tracks, step in zip(turn, steps, strict=True):
        assert step.tracks is not None
        for name in Tracks.__slots__:
            was, now = getattr(step.tracks, name), getattr(tracks, name)
            assert np.array_equal(was, now) if isinstance(was, np.ndarray) else was == now, name


def test_ten_minutes_of_three_people_take_little_and_older_ones_go() -> None:
    """Eight pictures a second; no more than two mebibytes, and no longer than ten minutes."""
    clock = Clock()
    remembered = Remembered(clock=clock)
    remembered.begin("a")
    for n in range(8 * 900):
        clock.now += 0.125
        remembered.add(walking(n / 8, 0.5, n=3))
    assert remembered.n_bytes < 3 * 2**20
    assert remembered.seconds == 600
    (turn,) = [list(turn) for turn in remembered.turns(9999)]
    assert len(turn) in {4800, 4801}
    assert turn[-1].stamp.pts == (8 * 900 - 1) / 8
    (turn,) = [list(turn) for turn in remembered.turns(60)]
    assert len(turn) in {480, 481}


def test_a_crowd_is_remembered_for_less_long_and_that_is_said() -> None:
    """The bound in bytes wins."""
    clock = Clock()
    remembered = Remembered(max_bytes=100_000, clock=clock)
    remembered.begin("a")
    for n in range(400):
        clock.now += 1
        remembered.add(walking(float(n), 0.5, n=50))
    assert remembered.n_bytes <= 100_000
    (turn,) = [list(turn) for turn in remembered.turns(9999)]
    assert 20 < len(turn) < 100
    assert abs(remembered.seconds - len(turn)) <= 1


def test_a_time_in_which_nobody_was_followed_counts() -> None:
    """The gate was closed: nothing to judge, and it was watched all the same."""
    clock = Clock()
    remembered = Remembered(clock=clock)
    remembered.begin("a")
    clock.now += 120
    still = walking(120.0, 0.5)
    remembered.add(Step(still.frame, None, None, []))
    assert remembered.seconds == 120
    assert list(remembered.turns(600)) == []


def test_with_other_masks_all_is_forgotten_and_with_other_rules_nothing() -> None:
    """What was followed where a mask is now must not be shown any more."""
    remembered = Remembered()
    for what in ("masks", "masks"):
        remembered.begin(what)
        remembered.add(walking(1.0, 0.5))
    assert len(list(remembered.turns(60))) == 2
    remembered.begin("other masks")
    assert list(remembered.turns(60)) == []
    assert remembered.n_bytes == 0


def camera(folder: Path, blocks: str) -> Camera:
    """A camera as its file has it."""
    (folder / "a.mp4").touch()
    configured(folder, folder / "a.mp4", "gate")
    file = folder / "cameras" / "gate.yaml"
    kept = file.read_text().partition("zones:")[0]
    file.write_text(kept + blocks)
    return load(folder).cameras[0]


def test_rules_are_tried_on_each_start_of_the_camera_by_itself(tmp_path: Path) -> None:
    """Ids and stream time begin anew with it: nobody crosses from one into the other."""
    lines = "lines: {middle: [[0.5, 1.0], [0.5, 0.0]]}\n"
    rules = "rules: [{name: over, kind: line_crossing, line: middle}]\n"
    options = camera(tmp_path, lines + rules)
    remembered = Remembered()
    remembered.begin("a")
    for n in range(20):  # from left to right, over the line
        remembered.add(walking(n / 8, 0.2 + 0.03 * n))
    remembered.begin("a")
    for n in range(10):  # the camera began anew, and they come back from the right, not so far
        remembered.add(walking(n / 8, 0.9 - 0.02 * n))
    found = of_tracks(options, remembered.turns(600))
    assert [(event["rule"], event["direction"]) for event in found["events"]] == [("over", "right")]
    assert found["frames"] == 30
    assert not found["is_cut"]


def test_what_is_still_open_at_the_end_is_ended(tmp_path: Path) -> None:
    """As after a recording."""
    zones = "zones: {yard: [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]}\n"
    options = camera(tmp_path, zones + "rules: [{name: in, kind: zone_entry, zone: yard}]\n")
    remembered = Remembered()
    remembered.begin("a")
    for n in range(20):
        remembered.add(walking(n / 8, 0.5))
    found = of_tracks(options, remembered.turns(600))
    assert [event["phase"] for event in found["events"]] == ["begin", "end"]
    assert found["events"][-1]["reason"] == "the recording ended"
