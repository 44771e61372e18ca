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

from edge.event import Direction, Event, Phase, Sighting
from edge.ground import Ground
from edge.options import kinds
from edge.rules import Location, Rule, Scene, build_rules
from edge.rules._schedule import Window
from edge.rules._watch import OFF_DUTY
from edge.tracks import Tracks
from tests.tracks_builder import Path, a_track, frame_of, frames, judge, stamp

KINDS = kinds("edge.rules")
every_kind = pytest.mark.parametrize("kind", KINDS)

SCENE = Scene(
    zones={"yard": ((0.25, 0.5), (0.75, 0.5), (0.75, 0.9), (0.25, 0.9))},
    lines={
        "gate": ((0.2, 0.7), (0.8, 0.7)),
        "up": ((0.5, 0.9), (0.5, 0.1)),
        "down": ((0.5, 0.1), (0.5, 0.9)),
    },
    # 12.8 m and 8 m across the picture, seen from straight above: the same at every place.
    ground=Ground(np.diag([12.8, 8.0, 1.0]), (0.5, 0.5)),
    location=Location(time_zone="Europe/London", latitude=51.5, longitude=-0.13),
)
# What a kind needs beside a name, such that somebody who walks into the yard and stays is reported
# once, with begin or pulse; a new kind adds a line.
NEEDS: dict[str, dict[str, Any]] = {
    "crowding": {"zone": "yard", "people": 2, "metres": 1.0, "seconds": 0.5, "grace_seconds": 0.5},
    "line_crossing": {"line": "gate"},
    "loitering": {"zone": "yard", "seconds": 1.0},
    "object_abandoned": {"zone": "yard", "seconds": 3.5, "owners": ["car"]},
    "occupancy": {"zone": "yard", "limit": 0, "seconds": 0.5, "grace_seconds": 0.5},
    "speed": {"zone": "yard", "limit_kmh": 3.0, "seconds": 0.25},
    "stopped_vehicle": {"zone": "yard", "seconds": 3.0},
    "wrong_way": {"zone": "yard", "line": "up"},
}
NEEDS["zone_entry"] = {"zone": "yard"}
COMPANY = {"crowding"}
"""Kinds that one object alone never meets."""


def build(kind: str, **options: Any) -> Rule:
    """A rule on the common scene, on all else at its defaults."""
    needed = {"name": "a-rule", "classes": ()} | NEEDS[kind] | options
    rule: Rule = (
        KINDS[kind]
        .model_validate(needed, strict=False)
        .build(  # type: ignore[attr-defined]
            SCENE, "high-street"
        )
    )
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


def visit(kind: str) -> list[Path]:
    """Those whose visit a kind reports once: somebody alone, or in company."""
    return [inside(1), inside(2)] if kind in COMPANY else [inside(1)]


def reported(events: Iterable[Event]) -> list[tuple[Phase, Direction | None]]:
    """What began or happened, in order."""
    return [(e.phase, e.direction) for e in events if e.phase in {"begin", "pulse"}]


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
    """Someone who walks in and stays is reported once, under the rule's name."""
    events = judge(build(kind), frames(*visit(kind)))
    assert {(event.rule, event.camera) for event in events} == {("a-rule", "high-street")}
    assert len([event for event in events if event.phase in {"begin", "pulse"}]) == 1


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
    first = judge(rule, frames(*visit(kind)))
    rule.close(stamp(6.0), "camera_lost")
    second = judge(rule, [shifted(tracks, 100.0) for tracks in frames(*visit(kind))])
    assert [event.phase for event in second] == [event.phase for event in first]
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


crossing_over = st.tuples(grid, st.sampled_from([0.125, 0.25, 0.375]), grid)


@every_kind
@settings(max_examples=30, deadline=None)
@given(walk=crossing_over, steps=st.sampled_from([8, 16, 32]))
def test_a_path_walked_backwards_swaps_the_directions(
    kind: str, walk: tuple[float, float, float], steps: int
) -> None:
    """Right becomes left, the right way the wrong way, and whatever has no direction stays."""
    x0, y0, x1 = walk
    places = [
        (x0 + (x1 - x0) * k / steps, y0 + (0.9375 - y0) * k / steps) for k in range(steps + 1)
    ]
    there, back = a_track(box=(1 / 16, 1 / 8)), a_track(box=(1 / 16, 1 / 8))
    for k, (to, fro) in enumerate(zip(places, places[::-1], strict=True)):
        there, back = there.at(k / 8, *to), back.at(k / 8, *fro)
    turned = {"line": "down"} if kind == "wrong_way" else {}
    swapped = {"left": "right", "right": "left", None: None}
    first = reported(judge(build(kind), frames(there, after_s=3.0)))
    second = reported(judge(build(kind, **turned), frames(back, after_s=3.0)))
    assert [(phase, swapped[side]) for phase, side in second[::-1]] == first


def test_a_day_of_traffic_leaves_nothing_behind() -> None:
    """State goes with the object, also when the tracker forgets to say that its track ended."""
    options = [
        KINDS[kind].model_validate({"name": f"r{k}", "classes": ()} | NEEDS[kind], strict=False)
        for k, kind in enumerate(KINDS)
    ]
    rules = build_rules(options, SCENE, "high-street")  # type: ignore[arg-type]
    size_after = {}
    for k in range(960):
        at = 90.0 * k
        path = a_track(k + 1).at(0, 0.5, 0.3 if k % 3 else 0.65)
        removed = [k] if k and k % 2 else []
        for step, y in enumerate((0.3, 0.65, 0.75, 0.85)):
            now = at + step / 2
            made = frame_of([(path, (now, 0.5, y))], now, removed=removed if not step else [])
            for rule in rules:
                rule.update(made)
        if k in {240, 959}:
            size_after[k] = [len(pickle.dumps(rule)) for rule in rules]
    for kind, early, late in zip(KINDS, size_after[240], size_after[959], strict=True):
        assert late < early * 1.02, kind


@every_kind
def test_the_class_filter(kind: str) -> None:
    """Other classes are not reported; a detector without classes passes every filter."""
    for label, expected in (("person", 0), ("car", 1), ("object", 1)):
        made = frames(*(replace(path, label=label) for path in visit(kind)))
        options = {"classes": ["car"]} | ({"owners": ["person"]} if label == "car" else {})
        if kind != "object_abandoned":
            options.pop("owners", None)
        assert len(reported(judge(build(kind, **options), made))) == expected


@every_kind
def test_the_median_of_its_confidence_counts(kind: str) -> None:
    """One lucky picture is not enough, and one unlucky one does no harm."""
    made = frames(*visit(kind))
    for usual, once, expected in ((0.3, 0.9, 0), (0.9, 0.3, 1)):
        seen = [
            replace(tracks, confidence=np.full(len(tracks), once if k % 4 == 3 else usual, "f4"))
            for k, tracks in enumerate(made)
        ]
        assert len(reported(judge(build(kind, min_confidence=0.6), seen))) == expected


@every_kind
@pytest.mark.parametrize(
    ("option", "size", "expected"),
    [
        ("min_size", [0.03, 0.15], 1),
        ("min_size", [0.03, 0.17], 0),
        ("max_size", [0.05, 0.17], 1),
        ("max_size", [0.03, 0.17], 0),
        ("min_metres", [0.4, 1.0], 1),
        ("min_metres", [0.6, 1.0], 0),
        ("max_metres", [0.6, 2.0], 1),
        ("max_metres", [0.4, 2.0], 0),
    ],
)
def test_the_size_of_its_box_counts(
    kind: str, option: str, size: list[float], expected: int
) -> None:
    """Both width and height: boxes are 0.04 x 0.16 of the picture, 0.51 x 1.15 m here."""
    events = judge(build(kind, **{option: size}), frames(*visit(kind)))
    assert len(reported(events)) == expected


@every_kind
def test_off_duty_it_says_nothing_and_the_state_says_so(kind: str) -> None:
    """Outside its schedule a rule is silent, unarmed, and counts what it did not report."""
    rule = build(kind, schedule=[Window(start="10:00", end="11:00")])  # it is nine
    assert judge(rule, frames(*visit(kind))) == []
    assert (rule.state.is_armed, rule.state.is_active, rule.state.n_withheld) == (False, False, 1)


@every_kind
def test_what_is_open_when_duty_ends_is_ended(kind: str) -> None:
    """Nobody is left waiting for an end until the next morning; then it begins anew."""
    rule = build(kind, schedule=[Window(start="09:00", end="09:01"), Window(start="09:02")])
    made = [shifted(tracks, 54.0) for tracks in frames(*visit(kind))]
    stays = [shifted(made[-1], float(k)) for k in range(1, 90)]
    if kind == "speed":  # whose visit is over
        stays = []
    events = judge(rule, [*made, *stays])
    if "begin" in {event.phase for event in events} and kind != "speed":
        assert [(e.phase, e.reason) for e in events][1] == ("end", OFF_DUTY)
        assert (events[1].at.minute, events[1].at.second) == (1, 0)
        assert (events[2].phase, events[2].at.minute) == ("begin", 2)
        assert rule.state.n_withheld == 0
    assert unbalanced([*events, *rule.close(stamp(200), "stopped")]) == {}


@every_kind
def test_cooling_down_it_is_quiet(kind: str) -> None:
    """After one report there is none for a while; what still goes on then is reported then."""
    later = [replace(path, track=path.track + 2) for path in visit(kind)]
    made = frames(*visit(kind), after_s=40.0)
    made += [shifted(tracks, 48.0) for tracks in frames(*later)]
    assert len(reported(judge(build(kind), made))) == 2
    rule = build(kind, cool_down_seconds=600)
    assert len(reported(judge(rule, made))) == 1
    assert rule.state.n_withheld == 1


@every_kind
def test_rules_that_share_their_objects_judge_as_one_alone(kind: str) -> None:
    """Several rules of a camera ask who is there only once, and do not disturb each other."""
    options = [
        KINDS[kind].model_validate({"name": name, "classes": ()} | NEEDS[kind], strict=False)
        for name in ("first", "second")
    ]
    first, second = build_rules(options, SCENE, "high-street")  # type: ignore[arg-type]
    alone = judge(build(kind), frames(inside(1), inside(2), after_s=4.0))
    together: dict[str, list[Event]] = {"first": [], "second": []}
    for tracks in frames(inside(1), inside(2), after_s=4.0):
        for rule in (first, second):
            together[rule.name] += rule.update(tracks)
    for name, events in together.items():
        assert [replace(event, rule="a-rule") for event in events] == alone, name
