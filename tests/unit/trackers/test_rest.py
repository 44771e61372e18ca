"""What stands for long is not watched at every frame, and not lost either."""

from __future__ import annotations

import numpy as np
import pytest

from edge.detections import Detections
from edge.event import Event
from edge.frame import Frame
from edge.gates import Gate
from edge.gates.always import Options as Always
from edge.gates.motion import Options as Motion
from edge.masks import Masks
from edge.pipeline import Pipeline
from edge.rules import Scene
from edge.rules.zone_entry import Options as ZoneEntry
from edge.trackers.bytetrack import REST_S, ByteTrack, Options
from edge.tracks import Tracks
from tests.scenes.quiet import frame
from tests.tracks_builder import MODEL, some_boxes

NOISE = np.random.default_rng(0).normal(120, 2, (7, 180, 320)).astype(np.uint8)
CAR = (800.0, 500.0, 1100.0, 650.0)


def parked(tracker: ByteTrack, start: float, end: float, step: float = 0.125) -> list[Tracks]:
    """A car that stands, its box trembling as a detector's does."""
    random = np.random.default_rng(3)
    return [
        tracker.update(
            some_boxes(pts, [(np.array(CAR) + random.normal(0, 4, 4)).tolist()], class_id=1),
        )
        for pts in np.arange(start, end, step).tolist()
    ]


def rested() -> ByteTrack:
    """A tracker whose one track has just come to rest."""
    tracker = Options().build()
    parked(tracker, 0.0, REST_S + 2)
    return tracker


def test_what_stands_for_long_is_not_followed_any_more() -> None:
    """Not before two minutes, so that no rule of a minute is late."""
    tracker = Options().build()
    parked(tracker, 0.0, REST_S - 1)
    assert tracker.is_following
    parked(tracker, REST_S - 1, REST_S + 2)
    assert not tracker.is_following


def test_it_keeps_its_number_over_seldom_looks() -> None:
    """An hour at one look every ten seconds is one car."""
    tracker = rested()
    given = parked(tracker, REST_S + 12, 3600.0, step=10.0)
    assert {n for tracks in given for n in tracks.track_id.tolist()} == {1}
    assert not any(len(tracks.removed) for tracks in given)
    assert not tracker.is_following
    assert np.abs(given[-1].velocity).max() < 10


def test_missed_at_a_look_it_is_watched_until_it_is_seen_or_lost() -> None:
    """One miss is doubt: the gate opens, and two seconds of looking decide."""
    tracker = rested()
    at = REST_S + 12
    tracker.update(some_boxes(at, []))
    assert tracker.is_following
    back = tracker.update(some_boxes(at + 0.125, [CAR], class_id=1))
    assert (back.track_id.tolist(), tracker.is_following) == ([1], False)
    looks = [tracker.update(some_boxes(at + 10 + k / 8, [])) for k in range(20)]
    assert [n for tracks in looks for n in tracks.removed.tolist()] == [1]
    assert not tracker.is_following


def test_nothing_is_waited_for_longer_than_it_had_stood() -> None:
    """After a camera was dark for ten minutes, a car at that place is another car."""
    tracker = rested()
    given = parked(tracker, REST_S + 600, REST_S + 601)
    assert given[0].removed.tolist() == [1]
    assert given[-1].track_id.tolist() == [2]


def test_others_are_not_linked_over_a_gap() -> None:
    """Somebody who walked may be anywhere after ten seconds without a look."""
    tracker = Options().build()
    parked(tracker, 0.0, 30.0)
    given = parked(tracker, 40.0, 41.0)
    assert given[0].removed.tolist() == [1]


def test_driving_off_is_followed_at_once() -> None:
    """The first frame that shows it elsewhere makes it a track to watch again, the same one."""
    tracker = rested()
    given = [
        tracker.update(
            some_boxes(
                REST_S + 12 + k / 8, [(np.array(CAR) + [30 * k, 0] * 2).tolist()], class_id=1
            )
        )
        for k in range(24)
    ]
    assert {n for tracks in given for n in tracks.track_id.tolist()} == {1}
    assert tracker.is_following


class Drive:
    """A grey street and a dark car: comes, stands for three minutes, drives off, is gone."""

    model = MODEL
    STOPS, LEAVES, GONE, END = 4.0, 184.0, 188.0, 196.0

    def box(self, pts: float) -> tuple[float, ...] | None:
        """Where the car is, in pixels of 1920x1080; None where it is not."""
        if pts < self.STOPS:
            left = 200 + 150 * pts
        elif pts < self.LEAVES:
            left = 800.0
        elif pts < self.GONE:
            left = 800 + 250 * (pts - self.LEAVES)
        else:
            return None
        return (left, 500.0, left + 300, 650.0)

    def picture(self, pts: float) -> Frame:
        """What the camera shows, a sixth of the size, with noise of its sensor."""
        luma = NOISE[round(pts * 8) % len(NOISE)].copy()
        if box := self.box(pts):
            left, top, right, bottom = (round(edge / 6) for edge in box)
            luma[top:bottom, left : min(right, 320)] = 60
        return frame(luma, pts)

    def detect(self, frame: Frame) -> Detections:
        """What a perfect detector sees."""
        pts = frame.stamp.pts
        box = self.box(pts)
        return some_boxes(pts, [box] if box else [], class_id=1)


def watched(gate: Gate) -> tuple[list[Event], list[float], list[float]]:
    """Events, moments of looks and moments at which the camera rested."""
    drive = Drive()
    scene = Scene(zones={"bay": ((0.38, 0.4), (0.62, 0.4), (0.62, 0.7), (0.38, 0.7))})
    rule = ZoneEntry(name="in-bay", kind="zone_entry", zone="bay").build(scene, "quiet")
    pipeline = Pipeline(Masks(()), gate, drive, Options().build(), [rule])
    events, looks, rests = [], [], []
    for pts in np.arange(0.0, drive.END, 0.125).tolist():
        if pipeline.is_idle:
            rests.append(pts)
        step = pipeline.step(drive.picture(pts))
        events += step.events
        if step.detections is not None:
            looks.append(pts)
    return events, looks, rests


@pytest.mark.slow
def test_a_parked_car_lets_its_camera_rest_and_no_event_is_lost() -> None:
    """Three minutes in a bay: the same begin and end as with a gate that is always open."""
    always, _, _ = watched(Always().build())
    events, looks, rests = watched(Motion().build())
    assert [(e.phase, e.at) for e in events] == [(e.phase, e.at) for e in always]
    assert [e.phase for e in events] == ["begin", "end"]
    standing = [at for at in rests if 130 < at < Drive.LEAVES]
    assert len(standing) > 0.95 * (Drive.LEAVES - 130) * 8
    assert sum(130 < at < Drive.LEAVES for at in looks) < 0.05 * (Drive.LEAVES - 130) * 8
    assert any(Drive.LEAVES <= at <= Drive.LEAVES + 0.25 for at in looks)
