"""Schema: what a reader may rely on, as JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edge.message._event import EventMessage
from edge.message._wire import Message


def event_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the event message.

    Absent means left out, so nothing in it may be null; fields of a newer node are allowed.
    """
    return message_schema(EventMessage)


def message_schema(kind: type[Message]) -> dict[str, Any]:
    """JSON Schema (2020-12) of one kind of message."""
    schema = kind.model_json_schema(by_alias=True)
    for part in (schema, *schema.get("$defs", {}).values()):
        if "properties" in part:
            _leave_out_null(part)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _leave_out_null(part: dict[str, Any]) -> None:
    """Turn "may be null, is null by default" into "may be absent"."""
    properties: Mapping[str, dict[str, Any]] = part["properties"]
    required = []
    for name, schema in properties.items():
        schema.pop("default", None)
        choices = schema.pop("anyOf", None)
        if choices is None or {"type": "null"} not in choices:
            required.append(name)
            if choices is not None:
                schema["anyOf"] = choices
        else:
            # Keywords beside an inner $ref are legal in 2020-12; nothing optional has two types.
            (kept,) = (choice for choice in choices if choice != {"type": "null"})
            schema.update(kept)
    part["required"] = required
