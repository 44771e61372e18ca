"""Alarms are held against events as the measure says, whatever their order."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import InputError
from edge.oversight.score import Parameters, Score, score
from edge.oversight.truth import Alarm, Recording, read_alarms, read_truth

HEADER: dict[str, Any] = {
    "truth": 1,
    "camera": "gate",
    "clip": "gate.mp4",
    "seconds": 8640,
    "rules": ["in", "yard"],
    "labelled_by": "a test",
    "tags": {"light": "day"},
}


def recordings(*rows: dict[str, Any], **header: Any) -> list[Recording]:
    lines = [json.dumps({**HEADER, **header}), *(json.dumps(row) for row in rows)]
    return read_truth("truth.jsonl", lines, early=1.0, late=10.0)


def event(at: float, rule: str = "in", **more: Any) -> dict[str, Any]:
    return {"rule": rule, "at": at, **more}


def alarm(at: float, rule: str | None = "in", **more: Any) -> dict[str, Any]:
    minutes, seconds = divmod(at, 60)
    hours, minutes = divmod(minutes, 60)
    return {
        "id": f"{rule}-{at}-{len(more)}",
        "camera": "gate",
        "kind": "line_crossed",
        "phase": "pulse",
        "at": f"1970-01-01T{int(hours):02d}:{int(minutes):02d}:{seconds:06.3f}Z",
        **({"rule": rule} if rule else {}),
        **more,
    }


def alarms(*rows: dict[str, Any]) -> list[Alarm]:
    return read_alarms("events.jsonl", [json.dumps(row) for row in rows])


def counts(found: Score) -> tuple[int, int, int | None, int]:
    total = found.total
    return total.n_true, total.n_missed, total.n_false, total.n_again


BEGIN = {"phase": "begin", "kind": "zone_entered"}


@pytest.mark.parametrize(
    ("events", "raised", "expected"),
    [
        pytest.param([event(5)], [alarm(5.2)], (1, 0, 0, 0), id="met"),
        pytest.param([event(5)], [alarm(4.0)], (1, 0, 0, 0), id="met a second early"),
        pytest.param([event(5)], [alarm(3.9)], (0, 1, 1, 0), id="too early"),
        pytest.param([event(5)], [alarm(15.0)], (1, 0, 0, 0), id="met as late as may be"),
        pytest.param([event(5)], [alarm(15.1)], (0, 1, 1, 0), id="too late"),
        pytest.param([event(5, until=7)], [alarm(7.5)], (0, 1, 1, 0), id="after it was over"),
        pytest.param([event(5, late=20)], [alarm(24)], (1, 0, 0, 0), id="its own window"),
        pytest.param([], [alarm(5)], (0, 0, 1, 0), id="false"),
        pytest.param([event(5)], [], (0, 1, 0, 0), id="missed"),
        pytest.param([event(5)], [alarm(5, "yard")], (0, 1, 1, 0), id="of another rule"),
        pytest.param(
            [event(5, direction="left")],
            [alarm(5, direction="right")],
            (0, 1, 1, 0),
            id="to the other side",
        ),
        pytest.param([event(5)], [alarm(5, direction="left")], (1, 0, 0, 0), id="either side"),
        pytest.param([event(5), event(5.1)], [alarm(5)], (1, 1, 0, 0), id="two need two alarms"),
        pytest.param([event(5)], [alarm(5), alarm(6)], (1, 0, 1, 0), id="a pulse is counted twice"),
        pytest.param(
            [event(5)], [alarm(5, **BEGIN), alarm(6, **BEGIN)], (1, 0, 0, 1), id="a begin is not"
        ),
        pytest.param(
            [event(5, until=300)],
            [alarm(5, **BEGIN), alarm(290, **BEGIN)],
            (1, 0, 0, 1),
            id="an alarm again while it lasts",
        ),
        pytest.param(
            [event(5)],
            [alarm(5, **BEGIN), alarm(8, phase="end")],
            (1, 0, 0, 0),
            id="ends are not judged",
        ),
        pytest.param([event(5, doubtful=True)], [alarm(5)], (0, 0, 0, 0), id="doubtful, reported"),
        pytest.param([event(5, doubtful=True)], [], (0, 0, 0, 0), id="doubtful, not reported"),
        pytest.param(
            [event(5, doubtful=True), event(6)],
            [alarm(5)],
            (1, 0, 0, 0),
            id="the sure one is served first",
        ),
        pytest.param(
            [{"ignore": [0, 60]}, event(5)], [alarm(30)], (0, 0, 0, 0), id="a time to ignore"
        ),
        pytest.param(
            [{"ignore": [0, 60], "rule": "yard"}, event(5)],
            [alarm(30)],
            (0, 1, 1, 0),
            id="of another rule only",
        ),
        pytest.param([event(5)], [alarm(5), alarm(5)], (1, 0, 0, 0), id="delivered twice"),
    ],
)
def test_an_alarm_is_right_once_within_the_window(
    events: list[dict[str, Any]],
    raised: list[dict[str, Any]],
    expected: tuple[int, int, int, int],
) -> None:
    """True, missed, false and again."""
    found = score(recordings(*events), [*alarms(*raised), *alarms(alarm(99, None))], Parameters())
    assert counts(found) == expected


def test_strict_counts_a_second_begin_as_false() -> None:
    """Where each alarm costs somebody's attention."""
    found = score(
        recordings(event(5)),
        alarms(alarm(5, **BEGIN), alarm(6, **BEGIN)),
        Parameters(strict=True),
    )
    assert counts(found) == (1, 0, 1, 0)


def test_as_many_as_possible_are_right() -> None:
    """The alarm at 14 fits both events, that at 4.5 only the first: both are right."""
    found = score(recordings(event(5), event(13.5)), alarms(alarm(14), alarm(4.5)), Parameters())
    assert counts(found) == (2, 0, 0, 0)
    assert found.delays == pytest.approx((-0.5, 0.5))


def test_a_lone_alarm_belongs_to_the_nearest_event() -> None:
    """Not to the first whose window it is in: else the wrong one is listed as missed."""
    found = score(recordings(event(5), event(13.5)), alarms(alarm(14)), Parameters())
    assert [one.at for one in found.misses] == [5]
    assert found.delays == pytest.approx((0.5,))


times = st.floats(0, 600).map(lambda at: round(at, 1))


@settings(deadline=None, max_examples=40)
@given(st.lists(times, max_size=12), st.lists(times, max_size=12, unique=True), st.randoms())
def test_sums_add_up_and_order_does_not_matter(
    happened: list[float], raised: list[float], chance: random.Random
) -> None:
    """Every event is met or missed and every alarm right or false, in any order of the lines."""
    events, said = [event(at) for at in happened], [alarm(at) for at in raised]
    one = score(recordings(*events), alarms(*said), Parameters())
    assert one.total.n_true + one.total.n_missed == len(happened)
    assert one.total.n_true + (one.total.n_false or 0) == len(raised)
    assert all(-1 <= delay <= 10 for delay in one.delays)
    chance.shuffle(events)
    chance.shuffle(said)
    assert score(recordings(*events), alarms(*said), Parameters()) == one


@settings(deadline=None, max_examples=40)
@given(st.lists(times, max_size=8, unique=True), st.lists(times, max_size=8, unique=True))
def test_more_alarms_never_meet_fewer_events(happened: list[float], raised: list[float]) -> None:
    """Pairing is a maximum: one alarm more can only help recall."""
    events = recordings(*(event(at) for at in happened))
    n_true = 0
    for n in range(len(raised) + 1):
        found = score(events, alarms(*(alarm(at) for at in raised[:n])), Parameters())
        assert found.total.n_true >= n_true
        n_true = found.total.n_true


def test_false_alarms_are_told_per_camera_day() -> None:
    """2 in a tenth of a day are 20 a day, and may be 2.4 to 72."""
    found = score(recordings(event(5)), alarms(alarm(5), alarm(900), alarm(1800)), Parameters())
    assert found.camera_days == pytest.approx(0.1)
    assert found.false_per_camera_day == pytest.approx(20)
    assert found.false_per_camera_day_interval == pytest.approx((2.42, 72.2), rel=1e-2)


def test_a_line_s_count_is_off_by_what_it_missed_and_doubled() -> None:
    """Signed errors cancel, absolute ones do not; what is doubtful is left out of both."""
    first = recordings(
        event(5, direction="left"),
        event(50, direction="left"),
        event(70, direction="left", doubtful=True),
    )
    second = recordings(event(5, direction="left"), start="1970-01-02T00:00:00Z", clip="next.mp4")
    said = alarms(
        alarm(5, direction="left"),
        alarm(70, direction="left"),
        *(
            {**alarm(at, direction="left"), "at": f"1970-01-02T00:00:0{at}Z", "id": f"next-{at}"}
            for at in (5, 7)
        ),
    )
    (line,) = score([*first, *second], said, Parameters()).lines
    assert (line.n_expected, line.n_counted, line.signed, line.absolute) == (3, 3, 0, 2)


def test_conditions_are_told_apart() -> None:
    """Recall by class and distance of the event; precision only by conditions of the recording."""
    found = score(
        recordings(event(5, **{"class": "car"}), event(50, tags={"distance": "far"})),
        alarms(alarm(5), alarm(100)),
        Parameters(),
    )
    conditions = found.by_condition
    assert conditions["class=car"].recall == 1.0
    assert conditions["class=car"].precision is None
    assert conditions["distance=far"].recall == 0.0
    assert conditions["light=day"].precision == 0.5


def test_what_is_not_judged_is_counted() -> None:
    """Nothing disappears between the two files."""
    found = score(
        recordings(event(5)),
        alarms(
            alarm(5),
            alarm(6, "other"),
            alarm(7, None, kind="camera_frozen", phase="begin"),
            alarm(9000),
        ),
        Parameters(),
    )
    assert found.left_out == {
        "about the appliance (camera_frozen)": 1,
        "of a rule without truth (gate/other)": 1,
        "outside every recording": 1,
    }


@pytest.mark.parametrize(
    ("raised", "message"),
    [
        pytest.param(
            alarm(5, camera="yard"),
            "no event is of a camera in the truth: events are of 'yard', the truth of gate",
            id="another camera",
        ),
        pytest.param(
            {**alarm(5), "at": "2018-04-19T22:46:05Z"},
            "correct `start` in the truth's header",
            id="another day",
        ),
    ],
)
def test_files_that_do_not_belong_together_are_refused(
    raised: dict[str, Any], message: str
) -> None:
    """Instead of a score of nothing right and nothing wrong."""
    with pytest.raises(InputError, match=message):
        score(recordings(event(5)), alarms(raised), Parameters())


def test_two_recordings_of_one_camera_at_one_time_are_refused() -> None:
    """An alarm could belong to either."""
    with pytest.raises(InputError, match=r"gate\.mp4 and other\.mp4 overlap"):
        score([*recordings(), *recordings(clip="other.mp4")], [], Parameters())


def test_a_silence_where_nothing_happened_has_no_f1() -> None:
    """There is nothing to judge; false alarms a day still are."""
    found = score(recordings(), [], Parameters())
    assert found.total.f1(1.0) is None
    assert found.false_per_camera_day == 0
    assert found.false_per_camera_day_interval[1] == pytest.approx(36.9, rel=1e-2)
