"""ByteTrack, fed by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from edge.detections import Detections, ModelRef
from edge.trackers.bytetrack import ByteTrack, Options
from edge.tracks import Tracks
from tests.tracks_builder import some_boxes

PERSON = (100.0, 250.0)
CAR = (200.0, 100.0)


def a_box(x: float, y: float, size: tuple[float, float] = PERSON) -> tuple[float, ...]:
    """A box by its bottom centre, in pixels."""
    return (x - size[0] / 2, y - size[1], x + size[0] / 2, y)


def feed(tracker: ByteTrack, *seen: Detections) -> list[Tracks]:
    """What the tracker gives for each frame."""
    return [tracker.update(detections) for detections in seen]


def standing(
    seconds: float, fps: float = 8.0, start: float = 0.0, confidence: float = 0.9, x: float = 500
) -> list[Detections]:
    """One person who stands still."""
    n = round(seconds * fps) + 1
    return [some_boxes(start + k / fps, [a_box(x, 800)], confidence) for k in range(n)]


def empty(seconds: float, start: float, fps: float = 8.0) -> list[Detections]:
    """Frames in which nothing was seen."""
    return [some_boxes(start + k / fps, []) for k in range(round(seconds * fps) + 1)]


def ids(given: Sequence[Tracks]) -> list[list[int]]:
    """Track ids of each frame."""
    return [tracks.track_id.tolist() for tracks in given]


@pytest.mark.parametrize(
    ("confidence", "shown_from"),
    [
        pytest.param(0.9, 1, id="sure: second frame"),
        pytest.param(0.5, 1, id="half sure: second frame"),
        pytest.param(0.4, 2, id="steady doubt: third frame"),
        pytest.param(0.35, 2, id="at the detector's limit: third frame"),
    ],
)
def test_a_steady_object_becomes_a_track(confidence: float, shown_from: int) -> None:
    """Whatever the detector lets through steadily is followed; doubt only takes longer."""
    given = ids(feed(Options().build(), *standing(2, confidence=confidence)))
    assert given == [[]] * shown_from + [[1]] * (len(given) - shown_from)


def test_a_doubtful_object_keeps_its_number_when_missed() -> None:
    """A detector that is never sure of somebody and misses every third frame still counts one."""
    seen = [
        some_boxes(k / 8, [] if k % 3 == 2 else [a_box(500 + 2 * k, 800)], 0.4) for k in range(80)
    ]
    shown = {i for row in ids(feed(Options().build(), *seen)) for i in row}
    assert shown == {1}


def test_a_flicker_is_not_a_track() -> None:
    """Something seen once is never shown, and its number is not used up."""
    tracker = Options().build()
    given = feed(tracker, some_boxes(0, [a_box(900, 500)]), *empty(1, 0.125), *standing(1, start=2))
    assert {i for row in ids(given) for i in row} == {1}


@pytest.mark.parametrize(
    ("gap", "expected"),
    [
        pytest.param(0.5, [1], id="short"),
        pytest.param(1.9, [1], id="just short enough"),
        pytest.param(2.5, [1, 2], id="too long"),
        pytest.param(5.0, [1, 2], id="five seconds"),
    ],
)
@pytest.mark.parametrize("is_looking", [True, False], ids=["frames without it", "no frames"])
def test_a_lost_track_is_kept_for_its_seconds(
    gap: float, expected: list[int], is_looking: bool
) -> None:
    """A gap counts in seconds, whether the camera looked meanwhile or not."""
    between = empty(gap - 0.25, 1.125) if is_looking else []
    given = feed(Options().build(), *standing(1), *between, *standing(1, start=1 + gap))
    assert sorted({i for row in ids(given) for i in row}) == expected
    assert [i for tracks in given for i in tracks.removed.tolist()] == expected[:-1]


def test_removed_once_and_then_nothing_is_followed() -> None:
    """An id that ended is told exactly once; the tracker then follows nothing."""
    tracker = Options().build()
    assert not tracker.is_following
    feed(tracker, *standing(1))
    assert tracker.is_following
    given = feed(tracker, *empty(4, 1.125))
    assert [(t.stamp.pts, t.removed.tolist()) for t in given if len(t.removed)] == [(3.125, [1])]
    assert not tracker.is_following


def test_a_tentative_track_is_followed() -> None:
    """One look is enough to look again soon."""
    tracker = Options().build()
    tracker.update(some_boxes(0, [a_box(500, 800)]))
    assert tracker.is_following


@pytest.mark.parametrize("fps", [25.0, 8.0, 2.0])
def test_a_walker_keeps_its_number_at_any_rate(fps: float) -> None:
    """Half a body height a second, with the true speed given after a few seconds."""
    seen = [some_boxes(k / fps, [a_box(300 + 125 * k / fps, 800)]) for k in range(int(6 * fps))]
    given = feed(Options().build(), *seen)
    assert ids(given)[1:] == [[1]] * (len(given) - 1)
    assert given[-1].velocity[0] == pytest.approx([125, 0], abs=12)
    assert given[-1].age[0] == pytest.approx(seen[-1].stamp.pts)


def test_a_change_of_rate_changes_nothing() -> None:
    """Frames at 25, then 2, then 8 a second are one walk."""
    times = np.cumsum([0.04] * 50 + [0.5] * 8 + [0.125] * 40)
    seen = [some_boxes(t, [a_box(300 + 125 * t, 800)]) for t in times.tolist()]
    assert {i for row in ids(feed(Options().build(), *seen)) for i in row} == {1}


@pytest.mark.parametrize("direction", [1, -1])
def test_cars_that_move_their_own_length_between_frames(direction: int) -> None:
    """Boxes that never overlap are one car each, in both lanes."""
    near, far = (100, 1800) if direction > 0 else (1800, 100)
    steps = [direction * 200 * k for k in range(9)]
    seen = [
        some_boxes(k / 8, [a_box(near + x, 800, CAR), a_box(far - x, 500, CAR)], class_id=1)
        for k, x in enumerate(steps)
    ]
    assert ids(feed(Options().build(), *seen))[1:] == [[1, 2]] * 8


def test_a_far_box_of_another_size_is_another_object() -> None:
    """What overlaps nothing is only the same object if it is of like size."""
    seen = [
        some_boxes(0, [a_box(300, 800, CAR)], class_id=1),
        some_boxes(0.125, [a_box(500, 800, (400, 200))], class_id=1),
    ]
    assert ids(feed(Options().build(), *seen)) == [[], []]


def test_people_who_pass_each_other_keep_their_numbers() -> None:
    """Two walkers whose boxes overlap on the way leave with the number they came with."""
    seen = [
        some_boxes(k / 8, [a_box(400 + 25 * k, 800), a_box(1200 - 25 * k, 820)]) for k in range(32)
    ]
    given = feed(Options().build(), *seen)
    assert ids(given)[-1] == ids(given)[1] == [1, 2]


def test_a_doubtful_box_does_not_steal_a_track() -> None:
    """Where a sure and a doubtful box both fit, the sure one is the object."""
    tracker = Options().build()
    feed(tracker, *standing(1))
    boxes = [a_box(500, 800), a_box(510, 800)]
    (tracks,) = feed(tracker, some_boxes(1.125, boxes, [0.3, 0.9]))
    assert (tracks.track_id.tolist(), tracks.confidence.tolist()) == ([1], [pytest.approx(0.9)])


def test_a_track_goes_on_through_doubt() -> None:
    """Half hidden and seen with low confidence, it is still shown."""
    tracker = Options().build()
    feed(tracker, *standing(1))
    assert ids(feed(tracker, *standing(1, start=1.125, confidence=0.2))) == [[1]] * 9


def test_boxes_below_low_do_not_exist() -> None:
    """Below `low` nothing is used, not even for a known track."""
    tracker = Options(low=0.3).build()
    feed(tracker, *standing(1))
    assert ids(feed(tracker, *standing(1, start=1.125, confidence=0.2))) == [[]] * 9


def test_the_class_is_a_vote_weighted_by_confidence() -> None:
    """A few frames of another class do not change it; a better case does."""
    tracker = Options().build()
    classes = [0] * 6 + [1] * 3 + [0] * 2 + [1] * 8
    seen = [some_boxes(k / 8, [a_box(500, 800)], 0.8, c) for k, c in enumerate(classes)]
    voted = [tracks.class_id.tolist() for tracks in feed(tracker, *seen)]
    # Eight votes of 0 against three, until the sixth more for 1.
    assert voted[1:] == [[0]] * 15 + [[1]] * 3


def test_a_rider_does_not_turn_into_the_bicycle() -> None:
    """When the rider is missed, the rider's track waits for the rider."""
    tracker = Options().build()
    rider, bicycle = a_box(500, 780), a_box(500, 800, (180, 120))
    feed(tracker, *(some_boxes(k / 8, [rider]) for k in range(8)))
    given = feed(
        tracker,
        some_boxes(1.0, [bicycle], class_id=1),
        some_boxes(1.125, [rider, bicycle], class_id=[0, 1]),
    )
    assert ids(given) == [[], [1, 2]]


def test_another_model_starts_the_vote_anew() -> None:
    """Class numbers of one model mean nothing to the next."""
    tracker = Options().build()
    feed(tracker, *standing(1))
    other = ModelRef("other", "0" * 64, ("car", "bus", "lorry", "person"))
    (seen,) = standing(0, start=1.125)
    seen = replace(seen, model=other, class_id=np.array([3], np.int32))
    tracks = tracker.update(seen)
    assert (tracks.track_id.tolist(), tracks.label(0)) == ([1], "person")


def test_each_tracker_counts_for_itself() -> None:
    """Two cameras both begin at 1."""
    assert [ids(feed(Options().build(), *standing(1)))[-1] for _ in range(2)] == [[1], [1]]


def test_time_may_stand_still_but_not_run_back() -> None:
    """A repeated stamp is a frame; an earlier one is another stream."""
    tracker = Options().build()
    feed(tracker, *standing(1), *standing(0, start=1.0))
    with pytest.raises(ValueError, match=r"high-street: expected pts at or after 1\.000, got 0\.5"):
        tracker.update(standing(0, start=0.5)[0])


def test_the_box_shown_is_the_box_seen() -> None:
    """Nothing is smoothed: what a rule judges is what the detector saw."""
    tracker = Options().build()
    feed(tracker, *standing(1))
    (seen,) = standing(0, start=1.125, x=507)
    assert np.array_equal(tracker.update(seen).xyxy, seen.xyxy)


def test_one_who_left_the_picture_is_not_the_next_who_comes_in() -> None:
    """Out at the left edge, and another in at the same place a second later: two people."""
    walk_out = [some_boxes(k / 8, [clipped(250 - 12 * k)]) for k in range(26)]
    walk_in = [some_boxes(4.25 + k / 8, [clipped(-40 + 12 * k)]) for k in range(26)]
    tracker = Options().build()
    given = feed(tracker, *walk_out, *empty(0.75, 3.25), *walk_in)
    first, second = ids(given[:26]), ids(given[-26:])
    assert {number for frame in first for number in frame} == {1}
    assert {number for frame in second for number in frame} == {2}


def test_one_who_stands_half_out_of_the_picture_stays() -> None:
    """Missed for a second at the very edge, but not on the way out: the same person."""
    here = clipped(10.0)
    seen = [some_boxes(k / 8, [here]) for k in range(16)]
    again = [some_boxes(3.0 + k / 8, [here]) for k in range(8)]
    given = feed(Options().build(), *seen, *empty(0.9, 2.0), *again)
    assert {number for frame in ids(given) for number in frame} == {1}


def clipped(x: float) -> tuple[float, ...]:
    """A person at `x`, as a detector gives it: only what is in the picture."""
    left, top, right, bottom = a_box(x, 800)
    return (max(left, 0.0), top, max(right, 1.0), bottom)
