"""Scenes with exact truth, seen exactly and through the tracker with noise and missing boxes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edge.ground import Ground
from edge.options import kinds
from edge.rules import Rule, Scene
from edge.rules.zone_entry import Options as ZoneEntry
from edge.trackers.bytetrack import Options
from tests.scenes.stories import exact, followed
from tests.tracks_builder import Path, a_track, judge, some_boxes, stamp

SCENE = Scene(
    zones={"yard": ((0.2, 0.4), (0.9, 0.4), (0.9, 0.95), (0.2, 0.95))},
    lines={"gate": ((0.2, 0.7), (0.8, 0.7)), "lane": ((0.95, 0.7), (0.05, 0.7))},
    # 20 m and 12 m across the picture, seen from straight above.
    ground=Ground(np.diag([20.0, 12.0, 1.0]), (0.5, 0.5)),
)
ROOM = kinds("edge.rules")
CAR = (0.12, 0.14)

DOWN = a_track().at(0, 0.5, 0.5).to(4, 0.5, 0.92)
WOBBLES = a_track().at(0, 0.5, 0.55).to(1, 0.5, 0.7).stays(20)
BAG = a_track(9, "suitcase", (0.03, 0.06)).at(3, 0.46, 0.71)
OWNER = a_track(1).at(0, 0.3, 0.7).to(3, 0.45, 0.7).stays(5)
VISIT = a_track().at(0, 0.1, 0.7).to(3, 0.5, 0.7).stays(10).to(14, 0.97, 0.7).stays(17)


def parked(seconds: float) -> Path:
    """A car that comes, stands for so long, and goes."""
    arrives = a_track(1, "car", CAR).at(0, 0.1, 0.7).to(4, 0.5, 0.7)
    return arrives.stays(4 + seconds).to(8 + seconds, 1.0, 0.7)


def drives(kmh: float, to: float = 1.05) -> Path:
    """A car that comes from the left at a speed."""
    return a_track(1, "car", CAR).at(0, -0.05, 0.7).to((to + 0.05) * 20 / (kmh / 3.6), to, 0.7)


def people(*places: tuple[float, float], until: float = 20) -> tuple[Path, ...]:
    """Some who come from above, one after the other, stand until then, and go."""
    return tuple(
        a_track(k).at(k / 2, x, 0.3).to(k / 2 + 3, x, y).stays(until).to(until + 3, x, 0.3)
        for k, (x, y) in enumerate(places, start=1)
    )


FAST = {"zone": "yard", "limit_kmh": 20.0}
LANE = {"zone": "yard", "line": "lane"}
CROWD = {"zone": "yard", "people": 4, "metres": 2.0}
TOGETHER = ((0.5, 0.6), (0.54, 0.6), (0.5, 0.68), (0.54, 0.68))  # 1 m apart
APART = ((0.3, 0.5), (0.8, 0.5), (0.3, 0.9), (0.8, 0.9))
TURNS = a_track(1, "car", CAR).at(0, 1.0, 0.7).to(3, 0.6, 0.7)

STORIES: dict[str, tuple[str, dict[str, Any], tuple[Path, ...], list[str]]] = {
    "hidden by a post while it crosses": (
        "line_crossing", {"line": "gate"}, (DOWN.without(1.5, 2.4),), ["pulse"],
    ),
    "stands on the line and turns back": (
        "line_crossing", {"line": "gate"}, (WOBBLES.to(22, 0.5, 0.45),), [],
    ),
    "stands on the line and goes on": (
        "line_crossing", {"line": "gate"}, (WOBBLES.to(22, 0.5, 0.92),), ["pulse"],
    ),
    "two meet at the line and part": (
        "line_crossing", {"line": "gate"},
        (
            a_track(1).at(0, 0.4, 0.45).to(3, 0.4, 0.62).stays(8).to(11, 0.4, 0.45),
            a_track(2).at(0, 0.5, 0.93).to(3, 0.5, 0.78).stays(8).to(11, 0.5, 0.93),
        ),
        [],
    ),
    "two meet at the line and go on": (
        "line_crossing", {"line": "gate"},
        (
            a_track(1).at(0, 0.4, 0.45).to(3, 0.4, 0.62).stays(8).to(11, 0.4, 0.93),
            a_track(2).at(0, 0.5, 0.93).to(3, 0.5, 0.78).stays(8).to(11, 0.5, 0.45),
        ),
        ["pulse", "pulse"],
    ),
    "a bag is left": (
        "object_abandoned", {"zone": "yard", "seconds": 10},
        (OWNER.to(8, 0.85, 0.7).to(11, 0.85, 0.45), BAG.stays(40)), ["begin", "end"],
    ),
    "its owner stays": (
        "object_abandoned", {"zone": "yard", "seconds": 10},
        (OWNER.stays(40), BAG.stays(40)), [],
    ),
    "its owner is back in time": (
        "object_abandoned", {"zone": "yard", "seconds": 20},
        (OWNER.to(8, 0.85, 0.7).to(12, 0.45, 0.7).stays(40), BAG.stays(40)), [],
    ),
    "its owner is back late": (
        "object_abandoned", {"zone": "yard", "seconds": 10},
        (OWNER.to(8, 0.85, 0.7).stays(30).to(34, 0.45, 0.7).stays(44), BAG.stays(44)),
        ["begin", "end"],
    ),
    "a car stops for 59 seconds": ("stopped_vehicle", {"zone": "yard"}, (parked(59),), []),
    "a car stops for 61 seconds": (
        "stopped_vehicle", {"zone": "yard"}, (parked(61),), ["begin", "end"],
    ),
    "a bus hides it for twenty seconds": (
        "stopped_vehicle", {"zone": "yard"}, (parked(90).without(30, 50),), ["begin", "end"],
    ),
    "unseen for two seconds in a zone": (
        "zone_entry", {"zone": "yard"}, (VISIT.without(5, 6.8),), ["begin", "end"],
    ),
    "unseen for one and a half in a zone": (
        "zone_entry", {"zone": "yard"}, (VISIT.without(5, 6.3),), ["begin", "end"],
    ),
    "30 km/h where 20 are allowed": ("speed", FAST, (drives(30),), ["begin", "end"]),
    "15 km/h where 20 are allowed": ("speed", FAST, (drives(15),), []),
    "too fast, and brakes": ("speed", FAST, (drives(30, 0.6).stays(8),), ["begin", "end"]),
    "a car comes up a one-way street": ("wrong_way", LANE, (drives(15),), ["begin", "end"]),
    "a car comes down it": ("wrong_way", LANE, (TURNS.to(6, 0.0, 0.7),), []),
    "it backs half a length to park": (
        "wrong_way", LANE, (TURNS.to(5, 0.66, 0.7).stays(9).to(12, 0.0, 0.7),), [],
    ),
    "it turns round in it": ("wrong_way", LANE, (TURNS.to(7, 1.1, 0.7),), ["begin", "end"]),
    "somebody walks across it": (
        "wrong_way", LANE, (a_track().at(0, 0.5, 0.35).to(5, 0.5, 0.99),), [],
    ),
    "four where three are allowed": (
        "occupancy", {"zone": "yard", "limit": 3}, people(*APART), ["begin", "end"],
    ),
    "three where three are allowed": (
        "occupancy", {"zone": "yard", "limit": 3}, people(*APART[:3]), [],
    ),
    "a fourth is there for a moment": (
        "occupancy", {"zone": "yard", "limit": 3},
        (*people(*APART[:3]), a_track(9).at(8, 0.6, 0.3).to(10, 0.6, 0.5).to(12, 0.6, 0.3)), [],
    ),
    "four stand close together": ("crowding", CROWD, people(*TOGETHER), ["begin", "end"]),
    "four stand far apart": ("crowding", CROWD, people(*APART), []),
    "four walk by close together": ("crowding", CROWD, people(*TOGETHER, until=10), []),
}  # fmt: skip


def rule_of(kind: str, options: dict[str, Any]) -> Rule:
    """The real rule."""
    made = ROOM[kind].model_validate({"name": "r"} | options, strict=False)
    rule: Rule = made.build(SCENE, "c")  # type: ignore[attr-defined]
    return rule


@pytest.mark.parametrize("story", STORIES)
def test_a_story_seen_exactly(story: str) -> None:
    """Exactly what happened is reported."""
    kind, options, paths, expected = STORIES[story]
    events = judge(rule_of(kind, options), exact(*paths, after_s=35))
    assert [event.phase for event in events] == expected


# With boxes missing before and after it, two seconds become more than any rule bridges.
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("story", sorted(STORIES.keys() - {"unseen for two seconds in a zone"}))
def test_a_story_seen_by_a_detector(story: str, seed: int) -> None:
    """Noise of every edge and a tenth of the boxes missing change nothing."""
    kind, options, paths, expected = STORIES[story]
    events = judge(rule_of(kind, options), followed(*paths, seed=seed, after_s=35))
    assert [event.phase for event in events] == expected


def test_the_time_of_a_stop_is_right_to_a_second() -> None:
    """The car of 61 seconds came to rest at 4 s: it is told at 64 s, and ends as it leaves."""
    begin, end = judge(rule_of("stopped_vehicle", {"zone": "yard"}), exact(parked(61)))
    times = [(event.at - stamp(0).captured_at).total_seconds() for event in (begin, end)]
    assert np.allclose(times, (64.0, 66.0), atol=1.5)


@pytest.mark.parametrize(
    ("y", "bottom", "expected"),
    [
        pytest.param(0.41, 0.55, ["begin", "end"], id="first seen inside"),
        pytest.param(0.35, 0.50, [], id="comes in before it is believed"),
    ],
)
def test_a_dwell_counts_from_the_first_sight_not_from_belief(
    y: float, bottom: float, expected: list[str]
) -> None:
    """A doubtful object is believed at its third picture; until then it was somewhere, too.

    The first is in the zone for 0.56 s and comes out of a door in it; the second, for 0.4 s, walks
    in and out: that it was followed for longer does not make its stay longer.
    """
    walk = a_track().at(0, 0.5, y).to(2, 0.5, y + 0.5)
    tracker = Options().build()
    made = [
        tracker.update(some_boxes(tracks.stamp.pts, tracks.xyxy.tolist(), 0.4))
        for tracks in exact(walk)
    ]
    scene = Scene(zones={"yard": ((0.2, 0.4), (0.9, 0.4), (0.9, bottom), (0.2, bottom))})
    rule = ZoneEntry(name="r", zone="yard").build(scene, "c")
    assert [event.phase for event in judge(rule, made)] == expected
