"""cloudevents: each event as a CloudEvent 1.0, structured or binary as its MQTT binding has it.

Source: CloudEvents 1.0.2 and its MQTT Protocol Binding; extensions `sequence` and `partitioning`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from edge.message import EventMessage, Origin
from edge.sinks._post import Post
from edge.sinks._views import ViewOptions


class Options(ViewOptions):
    """Events as CloudEvents, on `<root>/cloudevents/<site>/<node>/<camera>/<kind>`."""

    kind: Literal["cloudevents"] = "cloudevents"
    mode: Annotated[
        Literal["structured", "binary"],
        Field(
            description="structured: one JSON object with the event in `data`; binary: the event "
            "as it is, its attributes as MQTT 5 user properties."
        ),
    ] = "structured"
    type_prefix: Annotated[
        str,
        StringConstraints(pattern=r"^[a-z0-9.-]{1,64}$"),
        Field(
            description="What stands before the kind in `type`.", examples=["uk.gov.westminster"]
        ),
    ] = "edge.event"

    def build(self, root: str, origin: Origin) -> CloudEvents:
        """Make one."""
        return CloudEvents(self, f"{root}/cloudevents/{origin.site}/{origin.node}")


class CloudEvents:
    """Writes CloudEvents.

    Args:
        options: How.
        base: Levels above camera and kind.
    """

    def __init__(self, options: Options, base: str) -> None:
        self._options = options
        self._base = base

    def event(self, message: EventMessage, payload: bytes) -> Sequence[Post]:
        """One CloudEvent; its `id` is ours, so that removing duplicates works there too."""
        attributes = self._attributes(message)
        topic = f"{self._base}/{message.camera}/{message.kind}"
        if self._options.mode == "binary":
            return [Post(topic, payload, "application/json", properties=tuple(attributes.items()))]
        written = {**attributes, "datacontenttype": "application/json", "data": json.loads(payload)}
        text = json.dumps(written, separators=(",", ":"), ensure_ascii=False)
        return [Post(topic, text.encode(), "application/cloudevents+json")]

    def state(self, subtopic: str, payload: bytes) -> Sequence[Post]:  # noqa: ARG002
        """States are no events."""
        return []

    def _attributes(self, message: EventMessage) -> dict[str, str]:
        at = message.model_dump(mode="json", include={"at"})["at"]
        return {
            "specversion": "1.0",
            "id": message.id,
            "source": f"/{message.site}/{message.node}",
            "type": f"{self._options.type_prefix}.{message.kind}.v1",
            "subject": f"{message.camera}/{message.rule}" if message.rule else message.camera,
            "time": str(at),
            "sequence": f"{message.seq:020}",
            "partitionkey": message.camera,
        }
