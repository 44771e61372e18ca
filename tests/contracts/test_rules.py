"""What every kind of rule promises, whatever it judges."""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.event import Event, Sighting
from edge.options import kinds
from edge.rules import Rule, Scene
from edge.tracks import Tracks
from tests.tracks_builder import Path, a_track, frame_of, frames, judge, stamp

KINDS = kinds("edge.rules")
every_kind = pytest.mark.parametrize("kind", KINDS)

SCENE = Scene(
    zones={"yard": ((0.25, 0.5), (0.75, 0.5), (0.75, 0.9), (0.25, 0.9))},
    lines={"gate": ((0.2, 0.7), (0.8, 0.7))},
)
# What a kind needs beside a name; a new kind with other required options adds a line.
NEEDS: dict[str, dict[str, Any]] = {
    "line_crossing": {"line": "gate"},
    "zone_entry": {"zone": "yard"},
    "loitering": {"zone": "yard", "seconds": 1.0},
}


def build(kind: str, **options: Any) -> Rule:
    """A rule on the common scene, on all else at its defaults."""
    made = KINDS[kind].model_validate({"name": "a-rule"} | NEEDS[kind] | options)
    rule: Rule = made.build(SCENE, "high-street")  # type: ignore[attr-defined]
    return rule


# Multiples of 1/64 survive scaling by powers of two exactly, whatever the rounding.
grid = st.integers(8, 60).map(lambda k: k / 64)
place = st.none() | st.tuples(grid, grid)


@st.composite
def traffic(draw: st.DrawFn) -> list[Tracks]:
    """A few tracks that wander in 1/8 s steps, sometimes unseen, in a 2048x1024 picture."""
    paths = []
    for number in range(1, draw(st.integers(1, 4)) + 1):
        start = draw(st.integers(0, 12))
        places = draw(st.lists(place, min_size=1, max_size=16))
        path = a_track(number, draw(st.sampled_from(["person", "car"])), box=(1 / 16, 1 / 8))
        for k, xy in enumerate(places):
            if xy is not None:
                path = path.at((start + k) / 8, *xy)
        if path.seen:
            paths.append(path)
    if not paths:
        return [frame_of([], 0.0)]
    return frames(*paths, after_s=5.0, size_wh=(2048, 1024))


def shifted(tracks: Tracks, seconds: float) -> Tracks:
    """The same frame at another time."""
    at = replace(
        tracks.stamp,
        pts=tracks.stamp.pts + seconds,
        captured_at=tracks.stamp.captured_at + timedelta(seconds=seconds),
    )
    return replace(tracks, stamp=at)


def scaled(tracks: Tracks, sx: float, sy: float) -> Tracks:
    """The same frame with another number of pixels."""
    width, height = tracks.size_wh
    return replace(
        tracks,
        size_wh=(int(width * sx), int(height * sy)),
        xyxy=tracks.xyxy * np.array([sx, sy, sx, sy], np.float32),
        velocity=tracks.velocity * np.array([sx, sy], np.float32),
    )


def unbalanced(events: Iterable[Event]) -> dict[str, int]:
    """Begins less ends by incident, where they differ."""
    open_: Counter[str] = Counter()
    for event in events:
        open_[event.key] += {"begin": 1, "end": -1}.get(event.phase, 0)
        assert 0 <= open_[event.key] <= 1
    return {key: n for key, n in open_.items() if n}


def rounded(events: Iterable[Event]) -> list[Event]:
    """Events whose boxes may be compared."""

    def at_most(who: Sighting) -> Sighting:
        x, y, w, h = (round(edge, 6) for edge in who.box)
        return replace(who, box=(x, y, w, h))

    return [replace(event, objects=tuple(map(at_most, event.objects))) for event in events]


def inside(track: int = 1) -> Path:
    """Walks into the yard, across the gate, and stays."""
    return a_track(track).at(0, 0.5, 0.3).to(2, 0.5, 0.8).stays(6)


def test_every_kind_is_tried() -> None:
    """A kind without its needs written above would be left out of this suite."""
    assert set(NEEDS) == set(KINDS)


@every_kind
def test_the_kind_is_the_file_and_every_option_is_described(kind: str) -> None:
    """What is written in YAML is the file's name, and the schema explains each option."""
    fields = KINDS[kind].model_fields
    assert fields["kind"].default == kind
    assert [name for name, f in fields.items() if name != "kind" and not f.description] == []


@every_kind
def test_nothing_seen_is_no_event(kind: str) -> None:
    """Empty frames are judged like any other."""
    rule = build(kind)
    assert judge(rule, [frame_of([], k / 8) for k in range(20)]) == []
    assert (rule.name, rule.state.is_active, rule.state.count) == ("a-rule", False, 0)


@every_kind
def test_one_object_does_what_every_rule_reports(kind: str) -> None:
    """N = 1: someone who walks in and stays is reported once, under the rule's name."""
    events = judge(build(kind), frames(inside()))
    assert [(event.rule, event.camera) for event in events] == [("a-rule", "high-street")]
    assert events[0].phase in {"begin", "pulse"}


@every_kind
def test_closing_ends_everything_once(kind: str) -> None:
    """Every begin has an end that says why; closing again has nothing to end."""
    rule = build(kind)
    made = frames(inside(1), inside(2))
    events = judge(rule, made)
    ends = rule.close(made[-1].stamp, "rule_removed")
    assert unbalanced([*events, *ends]) == {}
    assert all((e.phase, e.reason) == ("end", "rule_removed") for e in ends)
    assert rule.close(made[-1].stamp, "rule_removed") == []
    assert not rule.state.is_active


@every_kind
def test_a_rule_works_on_after_close(kind: str) -> None:
    """After a break the same walk is reported again, as another incident."""
    rule = build(kind)
    first = judge(rule, frames(inside()))
    rule.close(stamp(6.0), "camera_lost")
    second = judge(rule, [shifted(tracks, 100.0) for tracks in frames(inside())])
    assert len(second) == len(first) == 1
    assert first[0].key != second[0].key or first[0].phase == "pulse"


@every_kind
@settings(max_examples=30, deadline=None)
@given(made=traffic())
def test_every_begin_has_an_end(kind: str, made: list[Tracks]) -> None:
    """When all tracks are gone nothing is open, whatever they did; input is left as it was."""
    rule = build(kind)
    events = []
    for tracks in made:
        before = tracks.xyxy.copy()
        events += rule.update(tracks)
        assert np.array_equal(before, tracks.xyxy)
    if len(made) > 1:
        assert unbalanced(events) == {}
        assert rule.close(made[-1].stamp, "stopped") == []


@every_kind
@settings(max_examples=30, deadline=None)
@given(made=traffic(), seconds=st.sampled_from([0.125, 64.0, 4096.0]))
def test_time_is_relative(kind: str, made: list[Tracks], seconds: float) -> None:
    """The same scene later gives the same events later."""
    later = judge(build(kind), [shifted(tracks, seconds) for tracks in made])
    expected = [
        replace(event, at=event.at + timedelta(seconds=seconds))
        for event in judge(build(kind), made)
    ]
    assert later == expected


@every_kind
@settings(max_examples=30, deadline=None)
@given(made=traffic(), scale=st.sampled_from([(0.5, 0.5), (2.0, 2.0), (2.0, 0.5)]))
def test_the_size_of_the_picture_does_not_matter(
    kind: str, made: list[Tracks], scale: tuple[float, float]
) -> None:
    """The same scene with more or fewer pixels, along either axis, gives the same events."""
    other = judge(build(kind), [scaled(tracks, *scale) for tracks in made])
    assert rounded(other) == rounded(judge(build(kind), made))


@every_kind
@settings(max_examples=30, deadline=None)
@given(made=traffic())
def test_the_order_of_objects_does_not_matter(kind: str, made: list[Tracks]) -> None:
    """A frame is a set of objects."""
    turned = [tracks[np.arange(len(tracks))[::-1]] for tracks in made]
    assert judge(build(kind), turned) == judge(build(kind), made)


@every_kind
def test_a_day_of_traffic_leaves_nothing_behind(kind: str) -> None:
    """State goes with the track, also when the tracker forgets to say that it ended."""
    rule = build(kind)
    size_after = {}
    for k in range(2880):
        at = 30.0 * k
        path = a_track(k + 1).at(0, 0.5, 0.3 if k % 3 else 0.65)
        removed = [k] if k and k % 2 else []
        for step, y in enumerate((0.3, 0.65, 0.75, 0.85)):
            now = at + step / 2
            rule.update(frame_of([(path, (now, 0.5, y))], now, removed=removed if not step else []))
        if k in {240, 2879}:
            size_after[k] = len(pickle.dumps(rule))
    assert size_after[2879] < size_after[240] * 1.1


@every_kind
def test_the_class_filter(kind: str) -> None:
    """Other classes are not reported; a detector without classes passes every filter."""
    for label, expected in (("person", 0), ("car", 1), ("object", 1)):
        path = replace(inside(), label=label)
        assert len(judge(build(kind, classes=("car",)), frames(path))) == expected
