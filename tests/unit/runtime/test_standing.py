"""The one state a camera's troubles add up to, and the incidents they make."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from edge.event import Event
from edge.frame import Stamp
from edge.runtime.standing import CALM_S, LASTING_S, Recurring, Standing, Troubles

AT = datetime(2026, 11, 24, tzinfo=timezone.utc)


def judged(standing: Standing, second: float, troubles: Troubles) -> list[tuple[str, str]]:
    events: list[Event] = standing.judge(Stamp("yard", 0, second, AT, 0), troubles)
    return [(event.kind, event.phase) for event in events]


def test_it_is_lost_until_it_is_known_better() -> None:
    """Before anything was seen nobody may believe that it is watched."""
    assert Standing().status.state == "lost"


@pytest.mark.parametrize(
    ("troubles", "kind"),
    [
        (Troubles(lost="no data"), "camera_lost"),
        (Troubles(stalled="no answer"), "detector_stalled"),
        (Troubles(less="no weights"), "analysis_degraded"),
        (Troubles(clock="stepped by +3600.0 s"), "clock_unsure"),
    ],
)
def test_each_trouble_is_an_incident_and_a_state(troubles: Troubles, kind: str) -> None:
    """It begins at once, is told in the status in its own words, and ends when it is over."""
    standing = Standing()
    assert judged(standing, 0.0, Troubles()) == []
    assert standing.status.state == "watching"
    assert judged(standing, 1.0, troubles) == [(kind, "begin")]
    assert standing.status.state == ("lost" if kind == "camera_lost" else "degraded")
    assert standing.status.why
    assert judged(standing, 2.0, Troubles()) in ([], [(kind, "end")])
    judged(standing, 10.0, Troubles())
    assert standing.status.state == "watching"


def test_the_worst_is_told() -> None:
    """A lost camera's clock is nobody's first concern."""
    standing = Standing()
    everything = Troubles(
        lost="a", waiting="b", stalled="c", less="d", scene=("e",), clock="f", unstored="g"
    )
    judged(standing, 0.0, everything)
    assert (standing.status.state, standing.status.why) == ("lost", "a")
    judged(standing, 100.0, Troubles(scene=("covered", "moved"), clock="f", unstored="g"))
    judged(standing, 200.0, Troubles(scene=("covered", "moved"), clock="f", unstored="g"))
    assert (standing.status.state, standing.status.why) == ("degraded", "covered")


def test_a_detector_that_was_not_asked_has_not_recovered() -> None:
    """Only an answer ends a stall, not that nobody asked."""
    standing = Standing()
    judged(standing, 0.0, Troubles(stalled="no answer"))
    assert judged(standing, 60.0, Troubles(stalled=None)) == []
    assert standing.status.state == "degraded"


def test_what_nothing_tells_of_has_not_recovered() -> None:
    """A camera that goes silent while it is degraded does not become well by that."""
    standing = Standing()
    judged(standing, 0.0, Troubles(less="pictures arrive damaged"))
    assert judged(standing, 60.0, Troubles(less=None)) == []
    assert standing.status.state == "degraded"


def test_a_status_is_news_only_when_it_changes() -> None:
    """The same trouble again keeps the moment at which it began."""
    standing = Standing()
    judged(standing, 0.0, Troubles(less="no weights"))
    first = standing.status
    judged(standing, 1.0, Troubles(less="no weights"))
    assert standing.status is first


def test_closing_ends_all_that_is_open() -> None:
    """Every begin has its end, with the reason."""
    standing = Standing()
    judged(standing, 0.0, Troubles(lost="a", less="b", clock="c"))
    ends = standing.close(Stamp("yard", 0, 1.0, AT, 0), "stopped")
    assert {(event.kind, event.phase, event.reason) for event in ends} == {
        ("camera_lost", "end", "stopped"),
        ("analysis_degraded", "end", "stopped"),
        ("clock_unsure", "end", "stopped"),
    }


def test_one_hiccup_does_not_last_and_a_stream_of_them_does() -> None:
    """Hysteresis both ways: it takes a while to be said, and a while to be taken back."""
    skips = Recurring()
    assert not skips.lasts(0.0)
    skips.note(0.0)
    assert not skips.lasts(LASTING_S)
    for second in range(10, 20, 2):
        skips.note(float(second))
    assert skips.lasts(18.0)
    assert skips.lasts(18.0 + CALM_S)
    assert not skips.lasts(18.1 + CALM_S)
    skips.note(60.0)
    assert not skips.lasts(60.0)


def test_while_nothing_comes_it_is_only_ever_said_to_be_lost() -> None:
    """What is found out meanwhile is an event at once, and in the status when something comes."""
    standing, doubt = Standing(), "stepped by +3600.0 s"
    assert judged(standing, 0.0, Troubles()) == []
    assert judged(standing, 1.0, Troubles(clock=doubt, hushed=True)) == [("clock_unsure", "begin")]
    states = [standing.status.state]
    judged(standing, 2.0, Troubles(clock=doubt))
    states.append(standing.status.state)
    judged(standing, 3.0, Troubles(lost="no data", clock=doubt, hushed=True))
    states.append(standing.status.state)
    assert states == ["watching", "degraded", "lost"]
