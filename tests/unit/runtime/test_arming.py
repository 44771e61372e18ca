"""A disarmed rule: what is kept back, what is said all the same, and how it ends."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from edge.event import Event
from edge.frame import Stamp
from edge.runtime.arming import Arming, Disarming
from tests.unit.sinks.events_builder import crossing, stay

START = datetime(2026, 11, 23, 9, 0, 0, tzinfo=timezone.utc)


def at(seconds: float) -> Stamp:
    return Stamp("gate", 0, seconds, START + timedelta(seconds=seconds), 0)


def disarming(rule: str = "yard-entry", seconds: float = 60.0, since: float = 0.0) -> Disarming:
    until = START + timedelta(seconds=since + seconds)
    return Disarming(rule, since + seconds, until, "by control-room: road works")


def told(events: list[Event]) -> list[tuple[str, str, str, str]]:
    return [(event.kind, event.phase, event.rule, event.reason) for event in events]


def test_disarming_is_an_event_with_a_begin_and_an_end() -> None:
    """It is as visible as an alarm: who, why, and that it is over."""
    arming = Arming()
    began = arming.disarm(disarming(), at(0))
    assert told(began) == [
        ("rule_disarmed", "begin", "yard-entry", "by control-room: road works")
    ]  # fmt: skip
    assert began[0].priority == "alert"
    assert arming.until("yard-entry") == START + timedelta(seconds=60)
    assert not arming.expire(at(59.9))
    assert told(arming.expire(at(60.0))) == [
        ("rule_disarmed", "end", "yard-entry", "its time is over")
    ]  # fmt: skip
    assert arming.until("yard-entry") is None
    assert not arming.expire(at(61))


def test_only_that_rule_is_quiet() -> None:
    """Another rule's events, and the camera's own conditions, pass."""
    arming = Arming()
    arming.disarm(disarming("gate-in"), at(0))
    lost = Event("gate", "camera_lost", "begin", START, 0, key="camera_lost")
    assert arming.pass_on([crossing(), stay("begin"), lost]) == [stay("begin"), lost]
    assert arming.n_withheld == 1


def test_end_of_what_was_said_before_passes() -> None:
    """A begin that was sent is always ended."""
    arming = Arming()
    assert arming.pass_on([stay("begin")])
    arming.disarm(disarming(), at(0))
    assert arming.pass_on([stay("end", 5)]) == [stay("end", 5)]


def test_what_came_and_went_meanwhile_is_never_said() -> None:
    """Neither its begin nor its end, also when the end comes after the arming."""
    arming = Arming()
    arming.disarm(disarming(), at(0))
    assert not arming.pass_on([stay("begin", 1), stay("update", 2), stay("end", 3)])
    assert told(arming.arm("yard-entry", at(10), "armed by duty-desk")) == [
        ("rule_disarmed", "end", "yard-entry", "armed by duty-desk")
    ]
    assert arming.n_withheld == 3


def test_what_still_goes_on_at_the_arming_is_said_then() -> None:
    """Somebody who stands in the yard when it is armed again is an alarm, and its end follows."""
    arming = Arming()
    arming.disarm(disarming(), at(0))
    arming.pass_on([stay("begin", 1)])
    end, late = arming.expire(at(60))
    assert end.kind == "rule_disarmed"
    assert (late.kind, late.phase, late.at) == ("zone_entered", "begin", stay("begin", 1).at)
    assert late.reason == "began while the rule was disarmed"
    assert arming.pass_on([stay("end", 70)]) == [stay("end", 70)]


def test_disarming_anew_ends_the_first() -> None:
    """Two incidents, one after the other, and the later end counts."""
    arming = Arming()
    arming.disarm(disarming(seconds=60), at(0))
    assert [event.phase for event in arming.disarm(disarming(seconds=30, since=50), at(50))] == [
        "end",
        "begin",
    ]
    assert not arming.expire(at(61))
    assert arming.expire(at(80))


def test_it_goes_on_over_a_reload_and_ends_with_the_camera() -> None:
    """The next camera of that name takes it up; what was kept back stays so."""
    first = Arming()
    first.disarm(disarming(), at(0))
    first.pass_on([stay("begin", 1)])
    inherited = first.disarmings
    assert told(first.close(at(5), "the configuration was reloaded")) == [
        ("rule_disarmed", "end", "yard-entry", "the configuration was reloaded")
    ]
    second = Arming(inherited)
    assert told(second.start(at(6)))[0][1] == "begin"
    assert not second.pass_on([stay("begin", 7)])
    assert second.expire(at(60))


def test_a_command_before_the_watching_begins_counts_more_than_what_was_inherited() -> None:
    """A camera can be commanded as soon as it is announced; nothing older undoes that."""
    other = disarming("gate-in", seconds=90)
    arming = Arming([disarming(seconds=60), other])
    assert set(arming.disarmings) == {disarming(seconds=60), other}, "they go on the disk too"
    anew = disarming(seconds=30)
    arming.disarm(anew, at(0))
    assert set(arming.disarmings) == {anew, other}
    assert not arming.arm("gate-in", at(1), "armed by duty-desk")
    assert arming.disarmings == (anew,)
    assert arming.start(at(2)) == []
    assert arming.until("yard-entry") == anew.until
    assert arming.until("gate-in") is None


def test_arming_what_is_armed_says_nothing() -> None:
    """No event without a change."""
    assert not Arming().arm("yard-entry", at(0), "armed by duty-desk")
