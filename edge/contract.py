"""Contract: every message this box sends or hears, for machines: JSON Schema and AsyncAPI. Pure.

Made from the types that write the messages, so that neither can say what the other does not.
`edge schema NAME` prints them, and `configs/schema` keeps them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edge.commands import MAX_BYTES, VERBS, Reply, request_of, result_of
from edge.message import (
    About,
    AuditHead,
    CameraStatus,
    ConfigNotice,
    Cosigned,
    EventMessage,
    Health,
    Message,
    NodeStatus,
    Review,
    RuleStatus,
    message_schema,
)

DIALECT = "https://json-schema.org/draft/2020-12/schema"
ASYNCAPI = "3.0.0"
_REPLY = {
    "address": {"location": "$message.header#/responseTopic"},
    "channel": {"$ref": "#/channels/reply"},
}
_IDENTIFIER = r"^[a-z0-9-]{1,32}$"


@dataclass(frozen=True, slots=True)
class Spoken:
    """One kind of message and how it travels.

    Attributes:
        type: What writes it.
        topic: Below `<root>/v1/<site>/<node>/`, levels that vary in braces.
        summary: In one line.
        qos: Quality of service.
        is_retained: The broker keeps the last one.
        expiry_s: Seconds after which the broker forgets it; None for never.
    """

    type: type[Message]
    topic: str
    summary: str
    qos: int = 1
    is_retained: bool = False
    expiry_s: int | None = None


SENT: Mapping[str, Spoken] = {
    "event": Spoken(
        EventMessage, "camera/{camera}/event/{kind}", "Something happened, or the box cannot tell."
    ),
    "live": Spoken(
        EventMessage,
        "camera/{camera}/live/{kind}",
        "A copy of an alert of now, ahead of a backlog; the same `id` comes as an event too.",
    ),
    "status": Spoken(
        NodeStatus, "status", "Whether the box can be heard; also the Last Will.", is_retained=True
    ),
    "health": Spoken(Health, "health", "Vital signs, every 30 s.", qos=0, expiry_s=120),
    "about": Spoken(About, "about", "What this box is and runs.", is_retained=True),
    "config": Spoken(
        ConfigNotice,
        "config",
        "Which configuration is in force, and what is wrong with the files.",
        is_retained=True,
    ),
    "camera-status": Spoken(
        CameraStatus,
        "camera/{camera}/status",
        "Whether a camera is being watched.",
        is_retained=True,
    ),
    "rule-state": Spoken(
        RuleStatus,
        "camera/{camera}/state/{rule}",
        "What a rule would answer if asked now.",
        is_retained=True,
    ),
    "audit": Spoken(
        AuditHead,
        "audit",
        "The signed head of the audit log, and proofs that it continues earlier ones.",
        is_retained=True,
    ),
}
"""What the box says of its own accord, by the name of its schema."""

HEARD: Mapping[str, Spoken] = {
    "review": Spoken(
        Review, "review/{event}", "What a person found an event to be; answered as a command is."
    ),
    "cosigned": Spoken(
        Cosigned,
        "audit/witness/{witness}",
        "What a witness has signed last of the audit log.",
        is_retained=True,
    ),
}
"""What the box hears besides commands, by the name of its schema."""

NAMES = (*SENT, *HEARD, "command", "reply")
"""Every message that has a schema."""


def schema(name: str) -> dict[str, Any]:
    """JSON Schema (2020-12) of one message; see `NAMES`."""
    if name in SENT:
        return message_schema(SENT[name].type)
    if name in HEARD:
        return _heard_schema(name)
    return _command() if name == "command" else _reply()


def _heard_schema(name: str) -> dict[str, Any]:
    """As a command's: unlike in what we send, a default may be left out."""
    model = HEARD[name].type
    required = [field for field, told in model.model_fields.items() if told.is_required()]
    return {**message_schema(model), "required": required}


def command_schema(verb: str) -> dict[str, Any]:
    """JSON Schema of one verb's command; unlike in what we send, a default may be left out."""
    model = request_of(verb)
    fields = model.model_fields.items()
    required = [name for name, field in fields if field.is_required()]
    return {**message_schema(model), "required": required}


def asyncapi(version: str) -> dict[str, Any]:
    """The AsyncAPI document: channels, operations and messages, from the box's point of view.

    Args:
        version: Of the software.
    """
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    messages: dict[str, Any] = {}
    for name, spoken in SENT.items():
        messages[name] = _message(name, spoken.summary, schema(name))
        channels[name] = _channel(spoken.topic, name)
        binding: dict[str, Any] = {"qos": spoken.qos, "retain": spoken.is_retained}
        if spoken.expiry_s is not None:
            binding["messageExpiryInterval"] = spoken.expiry_s
        operations[f"send-{name}"] = {
            "action": "send",
            "channel": {"$ref": f"#/channels/{name}"},
            "summary": spoken.summary,
            "bindings": {"mqtt": {**binding, "bindingVersion": "0.2.0"}},
        }
    for name, heard in HEARD.items():
        messages[name] = _message(name, heard.summary, schema(name))
        channels[name] = _channel(heard.topic, name)
        operations[f"receive-{name}"] = {
            "action": "receive",
            "channel": {"$ref": f"#/channels/{name}"},
            "summary": heard.summary,
            "bindings": {"mqtt": {"qos": heard.qos, "bindingVersion": "0.2.0"}},
        }
    operations["receive-review"]["reply"] = _REPLY
    messages["reply"] = _message("reply", "What became of a command.", schema("reply"))
    messages["picture"] = {
        "name": "picture",
        "contentType": "image/jpeg",
        "summary": "The answer to snapshot: a JPEG of at most 256 KiB, user properties about it.",
    }
    channels["reply"] = {
        "address": None,
        "description": "The response topic of the command, with its correlation data.",
        "messages": {
            name: {"$ref": f"#/components/messages/{name}"} for name in ("reply", "picture")
        },
    }
    for verb in VERBS:
        name = f"command-{verb}"
        words = (request_of(verb).__doc__ or "").strip()
        messages[name] = {
            **_message(name, words, command_schema(verb)),
            "correlationId": {"location": "$message.header#/correlationData"},
        }
        channels[name] = _channel(f"cmd/{verb}/{{who}}", name)
        operations[f"receive-{name}"] = {
            "action": "receive",
            "channel": {"$ref": f"#/channels/{name}"},
            "summary": words,
            "bindings": {"mqtt": {"qos": 1, "bindingVersion": "0.2.0"}},
            "reply": _REPLY,
        }
    document = {
        "asyncapi": ASYNCAPI,
        "info": {
            "title": "Edge video analytics appliance",
            "version": version,
            "description": "Events, states and commands of one box over MQTT 5. Readers ignore "
            "fields they do not know; a field that has nothing to say is left out.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages},
    }
    parts: dict[str, Any] = {}
    document["components"] = {"messages": _hoisted(messages, parts), "schemas": parts}
    return document


def _command() -> dict[str, Any]:
    """Any verb's command: what is allowed depends on the topic."""
    return {
        "$schema": DIALECT,
        "title": "Command",
        "description": f"A command on `cmd/<verb>` or `cmd/<verb>/<who>`, at most {MAX_BYTES} "
        "bytes. The title of each alternative is its verb.",
        "anyOf": [_alternative(verb, command_schema(verb)) for verb in VERBS],
    }


def _reply() -> dict[str, Any]:
    """The reply, with what each verb may answer."""
    whole = message_schema(Reply)
    results = {verb: message_schema(result_of(verb)) for verb in VERBS}
    whole["properties"]["result"] = {
        "description": "As the verb says: the title of each alternative.",
        "anyOf": [_alternative(verb, one) for verb, one in results.items() if one["properties"]],
    }
    return whole


def _alternative(verb: str, schema: dict[str, Any]) -> dict[str, Any]:
    del schema["$schema"]
    assert "$defs" not in schema, f"{verb}: what it carries must be flat"
    return {**schema, "title": verb}


def _hoisted(part: Any, parts: dict[str, Any]) -> Any:
    """A copy whose inner definitions are moved to `parts`: a reference starts at the document."""
    if isinstance(part, list):
        return [_hoisted(item, parts) for item in part]
    if not isinstance(part, dict):
        return part
    for name, inner in part.get("$defs", {}).items():
        parts[name] = _hoisted(inner, parts)
    return {
        key: value.replace("#/$defs/", "#/components/schemas/")
        if key == "$ref"
        else _hoisted(value, parts)
        for key, value in part.items()
        if key != "$defs"
    }


def _channel(topic: str, message: str) -> dict[str, Any]:
    address = f"{{root}}/v1/{{site}}/{{node}}/{topic}"
    levels = [level[1:-1] for level in address.split("/") if level.startswith("{")]
    return {
        "address": address,
        "parameters": {level: {"description": _LEVELS[level]} for level in levels},
        "messages": {message: {"$ref": f"#/components/messages/{message}"}},
    }


_LEVELS = {
    "root": "`cctv` unless the box says otherwise.",
    "site": "The site's id.",
    "node": "The box's id.",
    "camera": "The camera's id.",
    "rule": "The rule's name.",
    "kind": "The event's kind.",
    "event": "The event's id.",
    "witness": "The witness's name.",
    "who": "Who commands; the broker's access list ties it to the client.",
}


def _message(name: str, summary: str, payload: dict[str, Any]) -> dict[str, Any]:
    del payload["$schema"]
    return {
        "name": name,
        "summary": summary,
        "contentType": "application/json",
        # 2020-12 is not AsyncAPI's own dialect, so it is named.
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-2020-12",
            "schema": payload,
        },
    }
