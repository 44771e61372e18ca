"""What gets past the gate: a command that is allowed, well-formed, fresh and new; nothing else."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.commands import (
    FRESH_S,
    MAX_BYTES,
    VERBS,
    Admitted,
    Gate,
    Options,
    Outcome,
    Refusal,
    request_of,
    result_of,
)

OPENED = datetime(2026, 11, 23, 9, 0, 0, tzinfo=timezone.utc)
NOW = OPENED + timedelta(minutes=10)


def gate(*allow: str, who: tuple[str, ...] = ()) -> Gate:
    return Gate(Options(allow=allow or VERBS, who=who), OPENED)


def written(**fields: Any) -> bytes:
    return json.dumps({"id": "1", "at": NOW.isoformat(), **fields}).encode()


def outcome(judged: Admitted | Refusal) -> str:
    return judged.outcome if isinstance(judged, Refusal) else "admitted"


def test_every_verb_has_a_request_and_a_result() -> None:
    """Adding a verb is adding a file."""
    assert {
        "ping", "snapshot", "clip", "arm", "disarm", "reload", "replay-since"
    } <= set(VERBS)  # fmt: skip
    for verb in VERBS:
        assert request_of(verb).model_fields
        assert result_of(verb).__doc__


@pytest.mark.parametrize(
    ("verb", "fields"),
    [
        ("ping", {}),
        ("snapshot", {"camera": "gate"}),
        ("clip", {"camera": "gate", "seconds": 5}),
        ("arm", {"camera": "gate", "rule": "in"}),
        ("disarm", {"camera": "gate", "rule": "in", "seconds": 60, "why": "road works"}),
        ("reload", {}),
        ("replay-since", {"seq": 7}),
        ("replay-since", {"since": "2026-11-23T09:00:00Z"}),
    ],
)
def test_every_verb_can_be_asked(verb: str, fields: dict[str, Any]) -> None:
    """The plain case of each."""
    judged = gate().admit(verb, written(**fields), NOW)
    assert isinstance(judged, Admitted), judged
    assert judged.verb == verb


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        pytest.param(b"", "EOF", id="empty"),
        pytest.param(b"\xff\xfe", "Invalid JSON", id="not UTF-8"),
        pytest.param(b"[" * 4000, "recursion", id="deep"),
        pytest.param(b"1", "object", id="not an object"),
        pytest.param(written(id="a b"), "id: String should match", id="id with a space"),
        pytest.param(written(id="x" * 65), "id: String should match", id="long id"),
        pytest.param(written(at="2026-11-23T09:10:00"), "at: ", id="no time zone"),
        pytest.param(written(at=12), "at: ", id="a bare number: seconds of what?"),
        pytest.param(written(v=2), "v: Input should be 1", id="another version"),
        pytest.param(written(seconds="60"), "seconds: ", id="a text for a number"),
        pytest.param(written(seconds=0), "seconds: ", id="no time at all"),
        pytest.param(written(seconds=10**9), "seconds: ", id="for ever"),
        pytest.param(written(camera="../etc"), "camera: ", id="a path"),
        pytest.param(written(colour="red"), "colour: Extra inputs", id="an unknown field"),
    ],
)
def test_malformed_is_said(payload: bytes, words: str) -> None:
    """The sender reads which field is wrong."""
    judged = gate().admit("disarm", payload, NOW)
    assert isinstance(judged, Refusal)
    assert judged.outcome == "malformed"
    assert words in judged.why


def test_replay_wants_a_number_or_a_time() -> None:
    """Neither and both are mistakes."""
    for fields in ({}, {"seq": 1, "since": "2026-11-23T09:00:00Z"}):
        assert outcome(gate().admit("replay-since", written(**fields), NOW)) == "malformed"


def test_oversized_is_not_read() -> None:
    """One byte more than allowed is too much, whatever it says."""
    text = written()
    assert outcome(gate().admit("ping", text.ljust(MAX_BYTES), NOW)) == "admitted"
    assert outcome(gate().admit("ping", text.ljust(MAX_BYTES + 1), NOW)) == "oversized"


def test_unknown_and_not_allowed_are_told_apart() -> None:
    """A misspelt verb names those there are; a forbidden one names the option."""
    unknown = gate("ping").admit("pong", written(), NOW)
    assert isinstance(unknown, Refusal)
    assert (unknown.outcome, "replay-since" in unknown.why) == ("unknown", True)
    assert outcome(gate("ping").admit("reload", written(), NOW)) == "unauthorised"
    assert outcome(gate("ping").admit("", written(), NOW)) == "unknown"
    assert outcome(gate("ping").admit("ping/a/b", written(), NOW)) in ("admitted", "unknown")


def test_who_is_the_last_level_of_the_topic() -> None:
    """With a list, a name in the payload or a property is not enough."""
    guarded = gate("ping", who=("control-room",))
    said = {"who": "control-room"}
    assert outcome(guarded.admit("ping", written(), NOW, properties=said)) == "unauthorised"
    assert outcome(guarded.admit("ping/intern", written(), NOW)) == "unauthorised"
    judged = guarded.admit("ping/control-room", written(), NOW)
    assert isinstance(judged, Admitted)
    assert str(judged.caller) == "control-room"


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ({"who": "duty desk"}, "duty desk (by its own account)"),
        ({}, "unknown (by its own account)"),
        ({"who": "a\nb: command done"}, "unknown (by its own account)"),
        ({"who": "x" * 65}, "unknown (by its own account)"),
    ],
)
def test_a_claimed_name_is_marked_as_such(said: dict[str, str], name: str) -> None:
    """Nobody can write a false line into the log."""
    judged = gate().admit("ping", written(), NOW, properties=said)
    assert isinstance(judged, Admitted)
    assert str(judged.caller) == name


def test_nothing_is_obeyed_twice() -> None:
    """The same id again is refused, also after the time in which it would be fresh."""
    door = gate()
    assert outcome(door.admit("ping", written(), NOW)) == "admitted"
    assert outcome(door.admit("ping", written(), NOW)) == "replayed"
    assert outcome(door.admit("reload", written(), NOW)) == "replayed"
    late = NOW + timedelta(seconds=FRESH_S + 1)
    assert outcome(door.admit("ping", written(), late)) in ("replayed", "stale")
    much_later = NOW + timedelta(seconds=10 * FRESH_S)
    assert outcome(door.admit("ping", written(), much_later)) == "stale"
    fresh = written(at=much_later.isoformat())
    assert outcome(door.admit("ping", fresh, much_later)) == "admitted", "ids are not kept for ever"


@pytest.mark.parametrize("seconds", [-FRESH_S - 1, FRESH_S + 1])
def test_stale_names_both_clocks(seconds: float) -> None:
    """Whose clock is wrong can be seen from the answer."""
    at = NOW + timedelta(seconds=seconds)
    judged = gate().admit("ping", written(at=at.isoformat()), NOW)
    assert isinstance(judged, Refusal)
    assert judged.outcome == "stale"
    assert f"{at:%H:%M:%S}" in judged.why
    assert f"{NOW:%H:%M:%S}" in judged.why


def test_what_an_earlier_run_may_have_obeyed_is_refused() -> None:
    """After a restart the memory is empty, so nothing from before it is let through."""
    soon = OPENED + timedelta(seconds=5)
    before = (OPENED - timedelta(seconds=5)).isoformat()
    assert outcome(gate().admit("ping", written(at=before), soon)) == "stale"
    assert outcome(gate().admit("ping", written(at=soon.isoformat()), soon)) == "admitted"


def test_a_retained_command_is_refused() -> None:
    """A broker that kept one would give it at every start of the box."""
    assert outcome(gate().admit("ping", written(), NOW, is_retained=True)) == "retained"


valid = st.fixed_dictionaries(
    {
        "id": st.text(max_size=70),
        "at": st.one_of(st.datetimes().map(str), st.just(NOW.isoformat()), st.integers()),
    },
    optional={
        "v": st.integers(0, 2),
        "camera": st.text(max_size=40),
        "rule": st.text(max_size=40),
        "seconds": st.one_of(st.integers(), st.floats(), st.text(max_size=5)),
        "seq": st.one_of(st.integers(), st.none()),
        "since": st.text(max_size=30),
        "why": st.text(max_size=200),
    },
)
levels = st.one_of(st.sampled_from(VERBS), st.text(max_size=40))


@settings(max_examples=400, deadline=None)
@given(levels, st.one_of(st.binary(max_size=5000), valid.map(lambda o: json.dumps(o).encode())))
def test_whatever_comes_is_judged(topic: str, payload: bytes) -> None:
    """Any bytes on any topic give a verdict in words that fit an answer, and never an exception."""
    door = gate("ping", "disarm", "replay-since")
    judged = door.admit(topic, payload, NOW)
    if isinstance(judged, Refusal):
        assert judged.outcome in get_args(Outcome)
        assert judged.why
        return
    assert judged.verb in ("ping", "disarm", "replay-since")
    assert json.loads(payload)["id"] == judged.request.id
    again = door.admit(topic, payload, NOW)
    assert outcome(again) == "replayed"
