"""What every kind of tracker promises, whatever it does inside."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.detections import Detections
from edge.options import kinds
from edge.trackers import Tracker
from tests.tracks_builder import some_boxes

KINDS = kinds("edge.trackers")
every_kind = pytest.mark.parametrize("kind", KINDS)


def build(kind: str) -> Tracker:
    """A tracker as it is without any option."""
    tracker: Tracker = KINDS[kind]().build()  # type: ignore[attr-defined]
    return tracker


box = st.builds(
    lambda x, y, w, h: (x, y, x + w, y + h),
    st.integers(-50, 1900), st.integers(-50, 1000), st.integers(1, 300), st.integers(1, 300),
)  # fmt: skip
frame = st.lists(st.tuples(box, st.floats(0.0, 1.0, width=32), st.integers(0, 2)), max_size=8)
step = st.sampled_from([0.0, 0.04, 0.125, 0.5, 3.0])


@st.composite
def streams(draw: st.DrawFn) -> list[Detections]:
    """Frames of any boxes at any times; many repeat, so that there is something to follow."""
    made, pts = [], 0.0
    for rows in draw(st.lists(frame, min_size=1, max_size=6)):
        for _ in range(draw(st.integers(1, 4))):
            pts += draw(step)
            boxes, confidence, classes = zip(*rows, strict=True) if rows else ((), (), ())
            made.append(some_boxes(pts, boxes, confidence, classes))
    return made


@every_kind
def test_the_kind_is_the_file_and_every_option_is_described(kind: str) -> None:
    """What is written in YAML is the file's name, and the schema explains each option."""
    fields = KINDS[kind].model_fields
    assert fields["kind"].default == kind
    assert [name for name, f in fields.items() if name != "kind" and not f.description] == []


@every_kind
def test_nothing_seen_gives_nothing(kind: str) -> None:
    """An empty frame is an answer: no tracks, nothing removed, nothing followed."""
    tracker = build(kind)
    tracks = tracker.update(some_boxes(0.0, []))
    assert (len(tracks), len(tracks.removed), tracker.is_following) == (0, 0, False)


@every_kind
def test_one_steady_object_is_one_track_numbered_one(kind: str) -> None:
    """N = 1 works, is shown within half a second at 8 fps, and keeps its number."""
    tracker = build(kind)
    given = [tracker.update(some_boxes(k / 8, [(500, 500, 600, 750)])) for k in range(16)]
    assert [tracks.track_id.tolist() for tracks in given[4:]] == [[1]] * 12


@every_kind
@settings(max_examples=30, deadline=None)
@given(stream=streams())
def test_any_stream(kind: str, stream: list[Detections]) -> None:
    """Ids are unique, never return once removed, are removed once; input is left as it was."""
    tracker, again = build(kind), build(kind)
    removed: set[int] = set()
    shown: set[int] = set()
    for detections in stream:
        before = [column.copy() for column in (detections.xyxy, detections.confidence)]
        tracks = tracker.update(detections)
        assert np.array_equal(before[0], detections.xyxy)
        assert np.array_equal(before[1], detections.confidence)
        now, ended = tracks.track_id.tolist(), tracks.removed.tolist()
        assert len(set(now)) == len(now)
        assert min(now, default=1) >= 1
        assert removed.isdisjoint(now)
        assert removed.isdisjoint(ended)
        assert shown.issuperset(ended)
        removed.update(ended)
        shown.update(now)
        rows = {tuple(row) for row in detections.xyxy.tolist()}
        assert rows.issuperset(map(tuple, tracks.xyxy.tolist()))
        assert tracks.stamp == detections.stamp
        assert np.isfinite(tracks.velocity).all()
        assert (tracks.age >= 0).all()
        assert now == again.update(detections).track_id.tolist()


@every_kind
def test_a_day_of_traffic_leaves_nothing_behind(kind: str) -> None:
    """After an empty hour every id was told to have ended, and nothing is followed."""
    tracker = build(kind)
    shown: set[int] = set()
    removed: set[int] = set()
    for k in range(500):
        for step_ in range(4):
            at = 170 * k + step_ / 8
            tracks = tracker.update(some_boxes(at, [(500, 500, 600, 750)]))
            shown.update(tracks.track_id.tolist())
            removed.update(tracks.removed.tolist())
    tracks = tracker.update(some_boxes(90000.0, []))
    assert removed | set(tracks.removed.tolist()) == shown
    assert len(shown) == 500
    assert not tracker.is_following
