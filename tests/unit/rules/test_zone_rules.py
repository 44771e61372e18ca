"""Zone entry and loitering, told as visits to a yard."""

from __future__ import annotations

from typing import Any

import pytest

from edge.event import Event, RuleState
from edge.rules import Rule, Scene
from edge.rules.loitering import Options as Loitering
from edge.rules.zone_entry import Options as ZoneEntry
from tests.tracks_builder import Path, a_track, frames, judge, stamp

SCENE = Scene(zones={"yard": ((0.4, 0.4), (0.9, 0.4), (0.9, 0.9), (0.4, 0.9))})


def entry(**options: Any) -> Rule:
    """A zone entry rule on the yard."""
    return ZoneEntry(name="yard-entry", zone="yard", **options).build(SCENE, "high-street")


def loiter(**options: Any) -> Rule:
    """A loitering rule on the yard."""
    options = {"seconds": 5.0} | options
    return Loitering(name="yard-loiter", zone="yard", **options).build(SCENE, "high-street")


def story(events: list[Event]) -> list[tuple[str, float, str]]:
    """Phase, time in seconds and reason of each event."""
    zero = stamp(0).captured_at
    return [(e.phase, (e.at - zero).total_seconds(), e.reason) for e in events]


VISIT = a_track().at(0, 0.1, 0.6).to(1, 0.45, 0.6).stays(4).to(5, 0.1, 0.6).stays(8)
INSIDE = a_track().at(0, 0.6, 0.6)


def flickering(until: float) -> Path:
    """Stands on the edge, every other frame outside."""
    path = a_track()
    for k in range(round(until * 8)):
        path = path.at(k / 8, 0.41 if k % 2 else 0.39, 0.6)
    return path


def test_entry_begins_after_the_dwell_and_ends_after_the_leave() -> None:
    """Inside from 0.875 s to 4.125 s: begins 0.5 s after that, ends 1 s after it was inside."""
    assert story(judge(entry(), frames(VISIT))) == [("begin", 1.375, ""), ("end", 5.125, "")]


def test_phases_share_a_key_and_name_the_object() -> None:
    """Begin and end of one incident are joined, and say who and where."""
    begin, end = judge(entry(priority="alert"), frames(VISIT))
    assert begin.key == end.key != ""
    for event in (begin, end):
        assert (event.camera, event.kind, event.rule, event.where, event.priority) == (
            "high-street", "zone_entered", "yard-entry", "yard", "alert"
        )  # fmt: skip
        assert (event.model, event.objects[0].track) == ("test@3fa1c2d4", 1)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param(INSIDE.stays(1), [("begin", 0.5, "")], id="first seen inside"),
        pytest.param(
            a_track().at(0, 0.3, 0.6).to(0.25, 0.42, 0.6).to(1, 0.1, 0.6).stays(4), [], id="brushes"
        ),
        pytest.param(flickering(3), [], id="flickers on the edge"),
        pytest.param(
            INSIDE.stays(2).at(2.125, 0.1, 0.6).to(2.5, 0.1, 0.6).at(2.625, 0.6, 0.6).stays(5),
            [("begin", 0.5, "")],
            id="out for a moment",
        ),
        pytest.param(
            INSIDE.stays(2).at(2.125, 0.1, 0.6).stays(4).at(4.125, 0.6, 0.6).stays(6),
            [("begin", 0.5, ""), ("end", 3.0, ""), ("begin", 4.625, "")],
            id="leaves and comes again",
        ),
        pytest.param(
            INSIDE.stays(5).without(1, 2), [("begin", 0.5, "")], id="not seen is not gone"
        ),
        pytest.param(
            INSIDE.stays(2), [("begin", 0.5, ""), ("end", 4.125, "track_lost")], id="lost inside"
        ),
        pytest.param(
            INSIDE.stays(2, fps=2), [("begin", 0.5, ""), ("end", 4.125, "track_lost")], id="2 fps"
        ),
    ],
)
def test_visits(path: Path, expected: list[tuple[str, float, str]]) -> None:
    """An incident begins once a visit, whatever the box does at the edge, and ends with it."""
    after_s = 4.0 if expected and expected[-1][2] else 0.0
    assert story(judge(entry(), frames(path, after_s=after_s))) == expected


def test_a_gap_of_five_seconds_inside_is_time_inside() -> None:
    """A track that keeps its number through a gap has stayed."""
    made = frames(INSIDE.at(5, 0.6, 0.6), lost_s=10)
    assert story(judge(entry(), made)) == [("begin", 5.0, "")]


def test_an_open_incident_is_the_state() -> None:
    """Active while somebody is in, with how many."""
    rule = entry()
    made = frames(INSIDE.stays(2), a_track(2).at(1, 0.7, 0.7).stays(3), after_s=4)
    seen = []
    for tracks in made:
        rule.update(tracks)
        seen.append(rule.state)
    assert seen[0] == RuleState(is_active=False, count=0)
    assert max(state.count for state in seen) == 2
    assert seen[-1] == RuleState(is_active=False, count=0)


def test_a_standing_object_found_again_is_not_reported_again() -> None:
    """A parked car that is renumbered keeps its incident, which ends when the car goes."""
    car = a_track(1, "car", (0.2, 0.1)).at(0, 0.6, 0.6).stays(3)
    again = a_track(2, "car", (0.21, 0.1)).at(4, 0.605, 0.6).stays(6).to(7, 0.1, 0.6).stays(9)
    events = judge(entry(), frames(car, again))
    assert [(event.phase, event.objects[0].track) for event in events] == [("begin", 1), ("end", 2)]
    assert events[0].key == events[1].key


def test_one_that_returns_after_its_heir_is_another_visitor() -> None:
    """Two in the zone are two incidents, with two keys, even if one took over the other's."""
    first = Path(1, seen=(*INSIDE.stays(2).seen, *a_track().at(4, 0.7, 0.8).stays(6).seen))
    heir = a_track(2).at(2.5, 0.6, 0.6).stays(6)
    events = judge(entry(), frames(first, heir, lost_s=5))
    assert [event.phase for event in events] == ["begin", "begin"]
    assert len({event.key for event in events}) == 2


def test_the_class_may_settle_while_it_stays() -> None:
    """A vote that turns to the wanted class begins the incident then, with no time lost."""
    before = a_track(1, "car").at(0, 0.6, 0.6).stays(2)
    after = a_track(1, "person").at(2.125, 0.6, 0.6).stays(4)
    events = judge(entry(classes=("person",)), [*frames(before), *frames(after)])
    assert story(events) == [("begin", 2.125, "")]


def test_another_class_is_not_reported() -> None:
    """The class filter holds."""
    assert judge(entry(classes=("car",)), frames(VISIT)) == []


def test_close_ends_what_is_open_with_the_reason() -> None:
    """Whatever began is ended, also when nobody will see its end."""
    rule = entry()
    judge(rule, frames(INSIDE.stays(1), a_track(2).at(0, 0.7, 0.7).stays(1)))
    ends = rule.close(stamp(1.5), "camera_lost")
    assert story(ends) == [("end", 1.5, "camera_lost")] * 2
    assert rule.state == RuleState(is_active=False, count=0)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param(INSIDE.stays(4.875), [], id="not long enough"),
        pytest.param(INSIDE.stays(6), [("begin", 5.0, "")], id="long enough"),
        pytest.param(flickering(6), [("begin", 5.125, "")], id="paces along the edge"),
        pytest.param(
            INSIDE.stays(3).at(3.125, 0.1, 0.6).stays(5).at(5.125, 0.6, 0.6).stays(6),
            [("begin", 5.125, "")],
            id="short absence",
        ),
        pytest.param(
            INSIDE.stays(3).at(3.125, 0.1, 0.6).stays(7).at(7.125, 0.6, 0.6).stays(11), [],
            id="long absence",
        ),
        pytest.param(
            INSIDE.stays(6).at(6.125, 0.1, 0.6).stays(10),
            [("begin", 5.0, ""), ("end", 9.0, "")],
            id="leaves for good",
        ),
    ],
)  # fmt: skip
def test_loitering(path: Path, expected: list[tuple[str, float, str]]) -> None:
    """The time runs from coming in, through absences shorter than the grace."""
    events = judge(loiter(), frames(path))
    assert story(events) == expected
    assert {event.kind for event in events} <= {"loitering"}


def test_loitering_through_an_identity_loss() -> None:
    """The time runs on under a new number."""
    first, second = INSIDE.stays(3), a_track(2).at(4, 0.6, 0.6).stays(8)
    assert story(judge(loiter(), frames(first, second))) == [("begin", 5.0, "")]
