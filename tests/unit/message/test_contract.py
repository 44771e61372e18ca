"""The contract for machines: schemas that fit what is sent, and a valid AsyncAPI document."""

from __future__ import annotations

import json
import statistics
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator, FormatChecker

from edge import contract
from edge.commands import VERBS, Gate, Options, Refusal, Reply, request_of, result_of
from edge.contract import NAMES, SENT
from edge.message import Message, encode
from tests.unit.message.test_message import MESSAGES
from tests.unit.sinks.events_builder import AT

GOLDEN = Path(__file__).parents[2] / "golden"
OFFICIAL = Path(sys.prefix) / "node_modules/@asyncapi/specs/schemas/3.0.0.json"

WHO: dict[str, Any] = {"site": "westminster", "node": "cabinet-017", "at": AT, "id": "c-1"}
REPLIES: dict[str, Reply] = {
    "reply_ping": Reply(
        **WHO, verb="ping", ok=True, outcome="done", result={"cameras": {"gate": "watching"}}
    ),
    "reply_arm": Reply(
        **WHO, verb="arm", ok=True, outcome="done", result={"active": False, "count": 3}
    ),
    "reply_disarm": Reply(
        **WHO,
        verb="disarm",
        ok=True,
        outcome="done",
        result={"disarmed_until": "2026-11-23T17:00:00.000Z"},
    ),
    "reply_reload": Reply(
        **WHO, verb="reload", ok=True, outcome="done", result={"config": "9b1e77aa"}
    ),
    "reply_clip": Reply(
        **WHO,
        verb="clip",
        ok=True,
        outcome="done",
        result={
            "ref": "01a207bb-7f8b-7001-8203-040506070809.mp4",
            "sha256": "3fa1c2d4" * 8,
            "begin": "2026-11-23T09:27:27.923Z",
            "end": "2026-11-23T09:27:38.083Z",
        },
    ),
    "reply_replay-since": Reply(
        **WHO, verb="replay-since", ok=True, outcome="done", result={"first": 7, "complete": True}
    ),
    "reply_refused": Reply(
        **{**WHO, "id": None},
        verb="disarm",
        ok=False,
        outcome="malformed",
        why="seconds: Field required",
    ),
}


def golden(name: str) -> bytes:
    return (GOLDEN / "messages" / f"{name}.json").read_bytes().rstrip(b"\n")


@pytest.mark.parametrize("name", REPLIES)
def test_replies_are_the_golden_ones(name: str) -> None:
    """An integrator can build on the bytes of each verb's answer."""
    assert encode(REPLIES[name]) == golden(name)
    reply = json.loads(golden(name))
    Draft202012Validator(contract.schema("reply"), format_checker=FormatChecker()).validate(reply)
    if reply["ok"]:
        result_of(reply["verb"]).model_validate_json(json.dumps(reply["result"]))


@pytest.mark.parametrize("verb", VERBS)
def test_golden_commands_are_admitted(verb: str) -> None:
    """What the files show as a command is one, for the gate and for the schema."""
    written = golden(f"command_{verb}")
    judged = Gate(Options(allow=(verb,)), AT - timedelta(seconds=1)).admit(verb, written, AT)
    assert not isinstance(judged, Refusal), judged
    for schema in (contract.schema("command"), contract.command_schema(verb)):
        Draft202012Validator(schema, format_checker=FormatChecker()).validate(json.loads(written))


def test_every_message_has_a_golden_file_and_every_file_a_message() -> None:
    """Nothing is sent that no golden file shows."""
    shown = {*MESSAGES, *REPLIES, *(f"command_{verb}" for verb in VERBS)}
    assert {path.stem for path in (GOLDEN / "messages").glob("*.json")} == shown
    types: set[type[Message]] = {type(message) for message in MESSAGES.values()}
    assert types == {spoken.type for spoken in SENT.values()}


@pytest.mark.parametrize("name", NAMES)
def test_every_schema_is_2020_12(name: str) -> None:
    """A validator of that dialect takes each."""
    schema = contract.schema(name)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("name", [*SENT, "reply"])
def test_every_message_can_say_that_its_box_is_on_trial(name: str) -> None:
    """A laboratory is visible in whatever it sends; one message without a mark is one too many."""
    assert "profile" in contract.schema(name)["properties"]


@pytest.mark.parametrize("verb", VERBS)
def test_the_schema_of_a_command_refuses_what_the_gate_refuses(verb: str) -> None:
    """An unknown field is a mistake for both."""
    written = {**json.loads(golden(f"command_{verb}")), "colour": "red"}
    assert not Draft202012Validator(contract.command_schema(verb)).is_valid(written)
    assert all(field.description for field in request_of(verb).model_fields.values() if field.alias)


def test_asyncapi_is_valid_by_its_official_schema() -> None:
    """The document is AsyncAPI 3.0 as its authors define it, not as we read it."""
    if not OFFICIAL.exists():
        pytest.skip(f"no {OFFICIAL}; run: npm install --prefix {sys.prefix} @asyncapi/specs@6.11.1")
    document = contract.asyncapi("0.1.0")
    Draft7Validator(json.loads(OFFICIAL.read_text())).validate(document)


def test_asyncapi_refers_only_to_what_it_has() -> None:
    """Every reference leads somewhere, every channel is used, every message is in one."""
    document = contract.asyncapi("0.1.0")
    references: set[str] = set()

    def collect(part: Any) -> None:
        if isinstance(part, dict):
            if isinstance(part.get("$ref"), str):
                references.add(part["$ref"])
            for value in part.values():
                collect(value)
        elif isinstance(part, list):
            for value in part:
                collect(value)

    collect(document)
    for reference in references:
        target: Any = document
        for level in reference.removeprefix("#/").split("/"):
            target = target[level]
    channels = {f"#/channels/{name}" for name in document["channels"]}
    messages = {f"#/components/messages/{name}" for name in document["components"]["messages"]}
    assert channels | messages <= references
    for channel in document["channels"].values():
        levels = {part[1:-1] for part in (channel["address"] or "").split("/") if part[:1] == "{"}
        assert levels == set(channel.get("parameters", {}))


def test_the_median_event_is_below_600_bytes() -> None:
    """Measured on the street's events; Frigate's documented event has 1,837."""
    sizes = [len(line) for line in (GOLDEN / "street-events.jsonl").read_bytes().splitlines()]
    assert len(sizes) >= 20
    assert statistics.median(sizes) <= 600
    assert max(sizes) <= 600
