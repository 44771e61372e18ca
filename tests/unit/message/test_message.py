"""The wire form of events and states."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker, ValidationError

from edge.event import Event, RuleState, Sighting, condition
from edge.frame import Stamp
from edge.message import (
    MAX_BYTES,
    About,
    AuditHead,
    CameraAbout,
    CameraStatus,
    ConfigNotice,
    ConfigProblem,
    ConsistencyProof,
    EventMessage,
    Evidence,
    Health,
    Message,
    ModelAbout,
    NodeStatus,
    OutboxHealth,
    PolicyAbout,
    RefusalAbout,
    RuleAbout,
    RuleStatus,
    compose,
    encode,
    event_schema,
    message_schema,
    rule_status,
)
from edge.topics import (
    camera_status_topic,
    command_topic,
    event_topic,
    node_topic,
    rule_state_topic,
)
from edge.uuid7 import unix_ms, uuid7
from tests.unit.sinks.events_builder import AT, ORIGIN, crossing, stay

GOLDEN = Path(__file__).parents[2] / "golden" / "messages"
ID = uuid7(unix_ms(AT), bytes(range(10)))
ADDED = uuid7(unix_ms(AT), bytes(range(20, 30)))
BEGAN = uuid7(unix_ms(AT) - 30_000, bytes(range(10, 20)))
LOST_AT = Stamp("high-street-north", 0, 0.0, AT, 0)
LOST = condition(
    "camera_lost",
    "begin",
    Stamp("high-street-north", 0, 0.0, AT, 500),
    "no packet for 10 s from 10.0.0.21",
)


DISARMED = replace(condition("rule_disarmed", "begin", LOST_AT, ""), rule="yard-entry")


def message(event: Event, **changes: Any) -> EventMessage:
    return compose(event, ORIGIN, **{"id": ID, "seq": 48213, "incident": ID, **changes})[0]


MESSAGES: dict[str, Message] = {
    "line_crossed": message(
        crossing(), evidence=(Evidence(ref=f"{ID}.jpg", sha256="3fa1c2d4" * 8),)
    ),
    "line_crossed_laboratory": compose(
        crossing(), replace(ORIGIN, profile="laboratory"), id=ID, seq=48213, incident=ID
    )[0],
    "about_governed": About(
        site="westminster",
        node="cabinet-017",
        software={"edge": "0.1.0"},
        models=(),
        config=ORIGIN.config,
        cameras=(),
        rules=(),
        policy=PolicyAbout(
            state="governed",
            sha256="9b1e77aa" * 8,
            signed_by={
                "ethics": "Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE= 2026-11-20T10:00:00Z"
            },
            deployment="High Street, trial",
            review="2027-04-30",
            due=("purpose yard-safety has to be reviewed by 2026-12-01, in 8 days",),
            n_refused=1,
            refused=(RefusalAbout(what="rule high-street-north/kerb", why="it has no purpose"),),
        ),
    ),
    "rule_state_refused": rule_status(
        ORIGIN, "high-street-north", "kerb", RuleState(False, 0, refused="it has no purpose")
    ),
    "line_crossed_update": message(
        replace(crossing(), phase="update", objects=(), direction=None),
        id=ADDED,
        seq=48215,
        evidence=(
            Evidence(ref=f"{ID}.jpg", sha256="3fa1c2d4" * 8),
            Evidence(ref=f"{ID}-clean.jpg", sha256="5be07a19" * 8),
        ),
    ),
    "zone_entered_update": message(
        replace(stay("update"), objects=(), reason="no clip: the camera has privacy masks"),
        id=ADDED,
        incident=BEGAN,
    ),
    "zone_entered_end": message(stay("end", reason="the track was lost"), incident=BEGAN),
    "camera_lost_begin": message(LOST),
    "status_online": NodeStatus(
        site="westminster", node="cabinet-017", state="online", since=AT, insecure=False
    ),
    "status_lost": NodeStatus(
        site="westminster", node="cabinet-017", state="lost", online_since=AT, insecure=True
    ),
    "status_stopped": NodeStatus(
        site="westminster", node="cabinet-017", state="stopped", since=AT, insecure=False
    ),
    "camera_watching": CameraStatus(
        site="westminster",
        node="cabinet-017",
        camera="high-street-north",
        state="watching",
        since=AT,
    ),
    "rule_state_disarmed": rule_status(
        ORIGIN, "high-street-north", "yard-entry", RuleState(False, 0, disarmed_until=AT)
    ),
    "rule_disarmed_begin": message(
        replace(DISARMED, reason="by control-room until 2026-11-23T17:00:00Z: road works")
    ),
    "config_refused": ConfigNotice(
        site="westminster",
        node="cabinet-017",
        state="refused",
        config=ORIGIN.config,
        at=AT,
        n_problems=1,
        problems=(
            ConfigProblem(
                file="cameras/gate.yaml",
                line=11,
                column=61,
                path="rules.0.zone",
                cause="no zone named 'yrd'",
                remedy="did you mean 'yard'?",
            ),
        ),
    ),
    "camera_status": CameraStatus(
        site="westminster",
        node="cabinet-017",
        camera="high-street-north",
        state="lost",
        since=AT,
        why="wrong password",
    ),
    "rule_state": rule_status(ORIGIN, "high-street-north", "yard-entry", RuleState(True, 2)),
    "about": About(
        site="westminster",
        node="cabinet-017",
        software={"edge": "0.1.0"},
        models=(ModelAbout(ref="yolox-nano@3fa1c2d4", name="yolox-nano", sha256="3fa1c2d4" * 8),),
        config=ORIGIN.config,
        cameras=(CameraAbout(camera="high-street-north", name="High Street, north end"),),
        rules=(
            RuleAbout(
                camera="high-street-north", rule="gate-in", kind="line_crossing", priority="alert"
            ),
        ),
    ),
    "health": Health(
        site="westminster",
        node="cabinet-017",
        at=AT,
        uptime_s=3600,
        outbox=OutboxHealth(depth=2, bytes=1200, seq=48213, dropped=0, refused=0),
        cameras={"high-street-north": {"frames": 28800, "fps": 8.0}},
    ),
    "audit": AuditHead(
        site="westminster",
        node="cabinet-017",
        at=AT,
        size=2,
        checkpoint="westminster/cabinet-017/audit\n2\n+sVCA+fMaWz1aNy9r4Y2Xk0vWfJ2LpQWcKb5DGQ9nUk=\n\n"
        "\u2014 westminster/cabinet-017/audit TW/W3bwjDOo=\n",
        key="westminster/cabinet-017/audit+4d6fd6dd+AbPMPc8afIK1PrLYbW0HDC9QtkC/vJqxYDnC6qxl+ewZ",
        proofs=(
            ConsistencyProof(size=1, hashes=("X1M/ChozygduOVkjGzYYqg7ARYTe9x8cwV0M8Q3gMeY=",)),
        ),
    ),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_wire_form_is_the_golden_one(name: str) -> None:
    """Bytes on the wire change only when somebody changes a golden file on purpose."""
    assert encode(MESSAGES[name]) == (GOLDEN / f"{name}.json").read_bytes().rstrip(b"\n")


@pytest.mark.parametrize("name", MESSAGES)
def test_golden_message_fits_its_published_schema(name: str) -> None:
    """What is sent validates against the JSON Schema that other people build on."""
    schema = message_schema(type(MESSAGES[name]))
    Draft202012Validator.check_schema(schema)
    golden = json.loads((GOLDEN / f"{name}.json").read_bytes())
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(golden)


@pytest.mark.parametrize("name", MESSAGES)
def test_reading_a_message_gives_an_equal_one(name: str) -> None:
    """A subscriber in Python reads exactly what was written."""
    original = MESSAGES[name]
    assert type(original).model_validate_json(encode(original)) == original


def test_field_order_and_names_are_the_contracts() -> None:
    """Field order is part of the promise: a person reads these messages in a terminal."""
    contract = (
        "v id seq site node camera kind rule phase incident priority at clock_ms where direction "
        "objects model config evidence"
    )
    assert list(json.loads(encode(MESSAGES["line_crossed"]))) == contract.split()


def test_one_object_stays_below_600_bytes() -> None:
    """The usual message is small enough for a mobile link."""
    assert len(encode(message(crossing()))) < 600


def test_schema_wants_every_field_that_is_always_there() -> None:
    """A message without a number is not a message; one without a rule may be."""
    check = Draft202012Validator(event_schema())
    whole = json.loads(encode(message(crossing())))
    check.validate({name: value for name, value in whole.items() if name != "rule"})
    check.validate({**whole, "field-of-a-newer-node": 1})
    with pytest.raises(ValidationError, match="'seq' is a required property"):
        check.validate({name: value for name, value in whole.items() if name != "seq"})
    with pytest.raises(ValidationError, match="None is not of type 'string'"):
        check.validate({**whole, "rule": None})


def test_time_is_utc_in_milliseconds_wherever_it_was_taken() -> None:
    """A camera's local time leaves the box as UTC."""
    local = AT.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert json.loads(encode(message(crossing(at=local))))["at"] == "2026-11-23T09:27:38.123Z"


def test_time_without_a_zone_is_refused() -> None:
    """A time that could mean two moments never leaves the box."""
    with pytest.raises(ValueError, match="timezone"):
        message(crossing(at=AT.replace(tzinfo=None)))


def test_too_many_objects_are_cut_and_counted() -> None:
    """A crowd does not break the size limit, and the message says what it left out."""
    crowd = tuple(Sighting(n, "person", 0.5, (0.1, 0.1, 0.1, 0.1)) for n in range(500))
    short = message(crossing(objects=crowd, reason="ü" * 1000))
    assert len(encode(short)) <= MAX_BYTES
    assert short.n_objects == 500
    assert short.objects is not None
    assert 80 < len(short.objects) < 500
    assert len(encode(short)) > MAX_BYTES - 200, "more was cut than needed"


@given(st.floats(), st.floats(), st.floats(), st.floats(), st.floats())
def test_any_box_gives_a_valid_message(
    x: float, y: float, width: float, height: float, confidence: float
) -> None:
    """Numbers a broken engine might give (NaN, infinity) never keep an event from leaving."""
    odd = Sighting(1, "person", confidence, (x, y, width, height))
    got = json.loads(encode(message(crossing(objects=(odd,)))))["objects"][0]
    assert all(
        0 <= value <= 1 and math.isfinite(value) for value in (*got["box"], got["confidence"])
    )
    Draft202012Validator(event_schema()["$defs"]["SeenObject"]).validate(got)


@given(st.integers(0, (1 << 48) - 1), st.binary(min_size=10, max_size=16))
def test_uuid7_sorts_by_time_and_is_well_formed(ms: int, randomness: bytes) -> None:
    """The first 48 bits are the time, and version and variant are RFC 9562's."""
    made = uuid7(ms, randomness)
    assert int(made.replace("-", "")[:12], 16) == ms
    assert made[14] == "7"
    assert made[19] in "89ab"
    assert [len(part) for part in made.split("-")] == [8, 4, 4, 4, 12]


def test_uuid7_is_the_rfcs_example() -> None:
    """RFC 9562, appendix A.6: the same time and random bits give the same identifier."""
    randomness = (0xCC3).to_bytes(2, "big") + (0x18C4DC0C0C07398F).to_bytes(8, "big")
    assert uuid7(0x017F22E279B0, randomness) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


def test_uuid7_refuses_too_little_randomness() -> None:
    """Nine random bytes are not quietly padded."""
    with pytest.raises(ValueError, match="10 random bytes, got 9"):
        uuid7(0, bytes(9))


def test_topics_are_the_contracts() -> None:
    """Every topic of the contract, letter by letter."""
    camera = "high-street-north"
    assert node_topic(ORIGIN, "status") == "v1/westminster/cabinet-017/status"
    assert camera_status_topic(camera) == "camera/high-street-north/status"
    assert event_topic(camera, "line_crossed") == "camera/high-street-north/event/line_crossed"
    assert rule_state_topic(camera, "gate-in") == "camera/high-street-north/state/gate-in"
    assert command_topic("rebirth") == "cmd/rebirth"


@pytest.mark.parametrize("name", ["", "Gate", "gate/2", "gate+", "#", "a" * 33, "gåte", "gate\n"])
def test_names_that_would_bend_a_topic_are_refused(name: str) -> None:
    """No name can add a level or a wildcard."""
    with pytest.raises(ValueError, match="1 to 32 characters from a-z, 0-9 and '-'"):
        rule_state_topic("gate", name)
    with pytest.raises(ValueError, match="String should match pattern"):
        message(replace(crossing(), camera=name))


def test_long_reason_becomes_one_line() -> None:
    """A library's error text of many lines does not spoil a message."""
    status = CameraStatus(
        site="s", node="n", camera="c", state="lost", since=AT, why="one\n two\t" + "x" * 400
    )
    assert status.why is not None
    assert status.why.startswith("one two x")
    assert len(status.why) == 300


def test_rule_state_says_zero_and_false() -> None:
    """What is off is said, not left out."""
    off = json.loads(encode(rule_status(ORIGIN, "gate", "in", RuleState(False, 0))))
    assert (off["active"], off["count"]) == (False, 0)
    assert RuleStatus.model_validate(off).count == 0
