"""Line crossing, told as walks past a gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.event import RuleState
from edge.rules import Rule, Scene
from edge.rules.line_crossing import Options
from tests.tracks_builder import FPS, Path, a_track, frame_of, frames, judge, stamp

GATE = ((0.2, 0.8), (0.8, 0.8))
CORNER = ((0.2, 0.8), (0.5, 0.8), (0.5, 0.4))


def a_rule(line: Sequence[tuple[float, float]] = GATE, **options: Any) -> Rule:
    """A rule on one line."""
    scene = Scene(lines={"gate": tuple(line)})
    return Options(name="gate-in", line="gate", **options).build(scene, "high-street")


def directions(*paths: Path, rule: Rule | None = None, after_s: float = 5.0) -> list[str]:
    """Directions of the pulses some walks give."""
    events = judge(rule or a_rule(), frames(*paths, after_s=after_s))
    return [str(event.direction) for event in events]


DOWN = a_track().at(0, 0.5, 0.6).to(2, 0.5, 0.95)
UP = a_track().at(0, 0.5, 0.95).to(2, 0.5, 0.6)
WOBBLE = [0.79, 0.81, 0.795, 0.805, 0.79, 0.812, 0.799, 0.801]


def wobbling(start: float, end: float) -> Path:
    """Comes from `start`, wobbles on the line, goes on to `end`."""
    path = a_track().at(0, 0.5, start).to(1, 0.5, (start + 0.8) / 2)
    for k, y in enumerate(WOBBLE * 3):
        path = path.at(1.125 + k / FPS, 0.5, y)
    return path.to(6, 0.5, end)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param(DOWN, ["right"], id="down"),
        pytest.param(UP, ["left"], id="up"),
        pytest.param(DOWN.to(4, 0.5, 0.6), ["right", "left"], id="there and back"),
        pytest.param(wobbling(0.6, 0.95), ["right"], id="wobbles on the line, goes on"),
        pytest.param(wobbling(0.6, 0.6), [], id="wobbles on the line, turns back"),
        pytest.param(wobbling(0.95, 0.6), ["left"], id="wobbles on the line from below"),
        pytest.param(DOWN.without(1.0, 1.5), ["right"], id="missed while it crosses"),
        pytest.param(a_track().at(0, 0.5, 0.1).at(0.125, 0.5, 0.99), ["right"], id="one jump"),
        pytest.param(a_track().at(0, 0.1, 0.6).to(2, 0.1, 0.95), [], id="past the first end"),
        pytest.param(a_track().at(0, 0.9, 0.6).to(2, 0.9, 0.95), [], id="past the last end"),
        pytest.param(
            a_track().at(0, 0.5, 0.6).to(1, 0.1, 0.6).to(2, 0.1, 0.95).to(3, 0.5, 0.95),
            [],
            id="round the end",
        ),
        pytest.param(
            a_track().at(0, 0.5, 0.6).to(1, 0.1, 0.6).to(2, 0.1, 0.95).to(3, 0.5, 0.95)
            .to(4, 0.5, 0.6),
            ["left"],
            id="round the end and back across",
        ),
        pytest.param(a_track().at(0, 0.3, 0.78).to(3, 0.7, 0.78), [], id="along the line"),
        pytest.param(a_track().at(0, 0.5, 0.79).to(1, 0.5, 0.95), ["right"], id="starts just left"),
        pytest.param(a_track().at(0, 0.5, 0.81).to(1, 0.5, 0.95), [], id="starts just right"),
        pytest.param(
            a_track().at(0, 0.5, 0.81).to(1, 0.5, 0.6), ["left"], id="starts just right, goes left"
        ),
        pytest.param(a_track().at(0, 0.5, 0.6).to(2, 0.5, 0.81), ["right"], id="ends just beyond"),
        pytest.param(a_track().at(0, 0.5, 0.6).to(2, 0.5, 0.79), [], id="ends just before"),
        pytest.param(
            a_track().at(0, 0.5, 0.79).to(2, 0.5, 0.81), [], id="starts and ends on the line"
        ),
    ],
)  # fmt: skip
def test_walks(path: Path, expected: list[str]) -> None:
    """What counts is the net path across the finite line, once clear of it."""
    assert directions(path) == expected


def test_a_gap_of_five_seconds_is_a_step() -> None:
    """A track that keeps its number through a gap has walked straight."""
    path = a_track().at(0, 0.5, 0.6).at(5, 0.5, 0.95)
    assert [event.direction for event in judge(a_rule(), frames(path, lost_s=10))] == ["right"]


def test_two_frames_of_one_time() -> None:
    """A stream that repeats a time stamp is judged like any other."""
    path = a_track().at(1, 0.5, 0.6)
    made = [frame_of([(path, (1, 0.5, y))], 1.0) for y in (0.6, 0.95, 0.95)]
    assert [event.direction for event in judge(a_rule(), made)] == ["right"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(GATE, "right", id="as drawn"),
        pytest.param(GATE[::-1], "left", id="drawn the other way"),
    ],
)
def test_turning_the_line_swaps_the_direction(
    line: Sequence[tuple[float, float]], expected: str
) -> None:
    """The side depends on which way the line is walked."""
    assert directions(DOWN, rule=a_rule(line)) == [expected]


@pytest.mark.parametrize(
    ("direction", "expected"),
    [("left", ["left"]), ("right", ["right"]), ("any", ["right", "left"])],
)
def test_only_the_asked_direction_is_reported(direction: str, expected: list[str]) -> None:
    """A crossing to the other side is followed but not reported."""
    there_and_back = DOWN.to(4, 0.5, 0.6)
    assert directions(there_and_back, rule=a_rule(direction=direction)) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param(a_track().at(0, 0.3, 0.6).to(2, 0.3, 0.95), ["right"], id="first part"),
        pytest.param(a_track().at(0, 0.3, 0.6).to(2, 0.7, 0.6), ["right"], id="second part"),
        pytest.param(
            a_track().at(0, 0.3, 0.6).to(1, 0.3, 0.95).to(2, 0.7, 0.95).to(3, 0.7, 0.6),
            ["right"],
            id="in through one part and round the corner",
        ),
        pytest.param(
            a_track().at(0, 0.3, 0.6).to(1, 0.3, 0.95).to(2, 0.7, 0.6).to(3, 0.3, 0.6),
            ["right", "left"],
            id="in through one part, out through the other",
        ),
        pytest.param(
            a_track().at(0, 0.3, 0.5).at(0.125, 0.7, 0.9), ["right"], id="through the corner"
        ),
        pytest.param(
            a_track().at(0, 0.3, 0.9).at(0.125, 0.6, 0.75).to(1, 0.6, 0.5), [], id="round outside"
        ),
    ],
)
def test_lines_of_several_parts(path: Path, expected: list[str]) -> None:
    """A bent line counts once, through whichever part."""
    assert directions(path, rule=a_rule(CORNER)) == expected


# Off the grid on which the line's ends lie: a step through the very end has no right answer.
free = st.integers(0, 63).map(lambda k: k / 64 + 0.0037)
clear = st.tuples(free, st.sampled_from([0.5, 0.6, 0.95]))


@settings(max_examples=100, deadline=None)
@given(clear, st.lists(st.tuples(free, free), max_size=12), clear)
def test_a_walk_backwards_swaps_the_directions(
    first: tuple[float, float], between: list[tuple[float, float]], last: tuple[float, float]
) -> None:
    """From clear to clear of the line, every crossing is there the other way round."""
    walk = [first, *between, last]
    there, back = a_track(), a_track()
    for k, (to, fro) in enumerate(zip(walk, walk[::-1], strict=True)):
        there, back = there.at(k / FPS, *to), back.at(k / FPS, *fro)
    turned = {"left": "right", "right": "left"}
    assert directions(back) == [turned[side] for side in directions(there)[::-1]]


def test_the_event_says_who_where_and_which_way() -> None:
    """A pulse carries everything the message needs, at the time of the deciding frame."""
    (event,) = judge(a_rule(priority="alert"), frames(DOWN))
    (who,) = event.objects
    assert (event.camera, event.kind, event.phase, event.rule, event.where, event.key) == (
        "high-street", "line_crossed", "pulse", "gate-in", "gate", ""
    )  # fmt: skip
    assert (event.priority, event.model, event.clock_ms) == ("alert", "test@3fa1c2d4", 40)
    assert (who.track, who.label) == (1, "person")
    # Clear of the line by a tenth of the box's height of 0.16, at 0.175 a second.
    feet = who.box[1] + who.box[3]
    assert 0.816 < feet <= 0.816 + 0.175 / FPS + 1e-6
    assert event.at == stamp((feet - 0.6) / 0.175).captured_at.replace(
        microsecond=event.at.microsecond
    )


def test_one_lost_at_the_line_is_dated_when_it_was_last_seen() -> None:
    """Who vanishes through a door on the line has crossed when last seen, not when given up."""
    path = a_track().at(0, 0.5, 0.6).to(2, 0.5, 0.81)
    (event,) = judge(a_rule(), frames(path, after_s=5.0))
    assert event.at == stamp(2.0).captured_at


@pytest.mark.parametrize(
    ("label", "classes", "expected"),
    [
        ("person", (), 1),
        ("person", ("person",), 1),
        ("car", ("person",), 0),
        ("car", ("person", "car"), 1),
        ("object", ("person",), 1),
    ],
)
def test_class_filter(label: str, classes: tuple[str, ...], expected: int) -> None:
    """Empty means all; a detector that knows no classes passes every filter."""
    path = a_track(label=label).at(0, 0.5, 0.6).to(2, 0.5, 0.95)
    assert len(directions(path, rule=a_rule(classes=classes))) == expected


@pytest.mark.parametrize(
    ("anchor", "expected"),
    [("bottom_center", []), ("center", []), ("top_center", ["right"])],
)
def test_the_anchor_is_what_crosses(anchor: str, expected: list[str]) -> None:
    """Another point of the box may be watched."""
    path = a_track().at(0, 0.5, 0.9).to(1, 0.5, 0.99)
    assert directions(path, rule=a_rule(anchor=anchor)) == expected


def test_two_in_opposite_directions() -> None:
    """People who pass each other on the line are told apart."""
    other = a_track(2).at(0, 0.52, 0.95).to(2, 0.52, 0.6)
    assert sorted(directions(DOWN, other)) == ["left", "right"]


def switched(
    at: float, gap: float, x: float = 0.5, size: tuple[float, float] = (0.04, 0.16)
) -> list[Path]:
    """A walk down during which track 1 is lost, and found `gap` later as track 2."""
    speed = 0.35 / 2
    return [
        a_track(1).at(0, 0.5, 0.6).to(at, 0.5, 0.6 + speed * at),
        a_track(2, box=size).at(at + gap, x, 0.6 + speed * (at + gap)).to(3, x, 0.6 + speed * 3),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        pytest.param(switched(1.0, 0.5), ["right"], id="across the line"),
        pytest.param(switched(1.125, 0.125), ["right"], id="on the line"),
        pytest.param(switched(1.5, 0.5), ["right"], id="after it was counted"),
        pytest.param(switched(0.5, 1.5), ["right"], id="for long"),
        pytest.param(switched(0.25, 2.125), [], id="for too long"),
        pytest.param(switched(1.0, 0.5, x=0.7), [], id="another place"),
        pytest.param(switched(1.0, 0.5, size=(0.1, 0.4)), [], id="another size"),
    ],
)
def test_identity_loss(paths: list[Path], expected: list[str]) -> None:
    """Found nearby, soon and of like size under another number, it is the same object."""
    assert directions(*paths) == expected


def test_a_new_object_beside_a_visible_one_inherits_nothing() -> None:
    """Two tracks that were seen in one frame are two objects."""
    above = a_track(1).at(0, 0.5, 0.75).stays(1)
    below = a_track(2).at(0.875, 0.5, 0.85).stays(3)
    assert directions(above, below) == []


@pytest.mark.parametrize(
    ("earlier", "expected"),
    [pytest.param(0.0, ["right"], id="after"), pytest.param(0.25, [], id="before")],
)
def test_a_track_born_before_the_other_was_lost_inherits_nothing(
    earlier: float, expected: list[str]
) -> None:
    """A tracker shows a track only once it is sure; what counts is when it was first seen."""
    above = a_track(1).at(0, 0.5, 0.75).stays(1)
    below = a_track(2).at(1.125, 0.5, 0.85).stays(3)
    made = [
        replace(tracks, age=tracks.age + np.float32(earlier)) if 2 in tracks.track_id else tracks
        for tracks in frames(above, below)
    ]
    assert [event.direction for event in judge(a_rule(), made)] == expected


def test_another_class_inherits_nothing() -> None:
    """A car does not continue a person's walk."""
    above, below = switched(1.0, 0.5)
    car = Path(2, "car", below.box, below.seen)
    assert directions(above, car) == []


def test_one_that_comes_back_after_its_heir_is_not_counted_twice() -> None:
    """The memory moved to the heir; the returning track starts afresh."""
    above, below = switched(1.0, 0.25)
    back = Path(1, seen=(*above.seen, *a_track().at(2.5, 0.5, 0.9).stays(4).seen))
    assert directions(back, below) == ["right"]


def test_state_counts_what_was_reported() -> None:
    """A crossing is a moment: never active, only counted."""
    rule = a_rule(direction="right")
    judge(rule, frames(DOWN.to(4, 0.5, 0.6)))
    assert rule.state == RuleState(is_active=False, count=1)


def test_close_forgets_where_everyone_was() -> None:
    """A track seen on the other side after a break has not been seen to cross."""
    rule = a_rule()
    judge(rule, frames(a_track().at(0, 0.5, 0.6).stays(1)))
    assert rule.close(stamp(1.0), "camera_lost") == []
    assert judge(rule, frames(a_track().at(2, 0.5, 0.95).stays(3))) == []
