"""home_assistant: Home Assistant finds the box, its cameras and its rules by itself.

Nothing is translated: the discovery messages say where our own states are and how to read them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from edge.message import About, EventMessage, Origin
from edge.sinks._post import Post
from edge.sinks._views import ViewOptions
from edge.topics import ABOUT, node_topic

_UP = "{{ 'online' if value_json.state == 'online' else 'offline' }}"
_PICTURES = "{{ 'offline' if value_json.state in ('lost', 'disabled') else 'online' }}"


class Options(ViewOptions):
    """Discovery messages for Home Assistant, retained, made from `about`."""

    kind: Literal["home_assistant"] = "home_assistant"
    prefix: Annotated[
        str,
        StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$"),
        Field(description="Its discovery prefix.", examples=["homeassistant"]),
    ] = "homeassistant"

    def build(self, root: str, origin: Origin) -> HomeAssistant:
        """Make one."""
        return HomeAssistant(self.prefix, f"{root}/{node_topic(origin, '')}", origin)


class HomeAssistant:
    """Writes discovery messages.

    Args:
        prefix: Home Assistant's discovery prefix.
        base: Of our own topics, with a slash at its end.
        origin: Whose.
    """

    def __init__(self, prefix: str, base: str, origin: Origin) -> None:
        self._prefix = prefix
        self._base = base
        self._origin = origin

    def event(self, message: EventMessage, payload: bytes) -> Sequence[Post]:  # noqa: ARG002
        """It reads states."""
        return []

    def state(self, subtopic: str, payload: bytes) -> Sequence[Post]:
        """Everything there is to find, when what the box is has changed."""
        if subtopic != ABOUT or not payload:
            return []
        about = About.model_validate_json(payload)
        trial = f" ({about.profile})" if about.profile is not None else ""
        shared = {
            "device": {
                "identifiers": [self._unique()],
                "name": f"{about.site} {about.node}{trial}",  # stands before each entity's own
                "manufacturer": "edge",
                "model": f"Video analytics appliance{trial}",
                "sw_version": about.software.get("edge", ""),
            },
            "origin": {"name": "edge", "sw_version": about.software.get("edge", "")},
        }
        found = [self._node()]
        found += [self._camera(one.camera, one.name) for one in about.cameras]
        found += [self._rule(one.camera, one.rule, one.kind) for one in about.rules]
        return [
            Post(
                f"{self._prefix}/{component}/{self._origin.node}/{name}/config",
                json.dumps({**written, **shared}, ensure_ascii=False).encode(),
                is_retained=True,
            )
            for component, name, written in found
        ]

    def _unique(self, *names: str) -> str:
        return "_".join(("edge", self._origin.site, self._origin.node, *names))

    def _node(self) -> tuple[str, str, dict[str, Any]]:
        return (
            "binary_sensor",
            "status",
            {
                "name": "Connection",
                "unique_id": self._unique("status"),
                "device_class": "connectivity",
                "entity_category": "diagnostic",
                "state_topic": f"{self._base}status",
                "value_template": "{{ 'ON' if value_json.state == 'online' else 'OFF' }}",
            },
        )

    def _camera(self, camera: str, name: str) -> tuple[str, str, dict[str, Any]]:
        topic = f"{self._base}camera/{camera}/status"
        return (
            "binary_sensor",
            f"{camera}_status",
            {
                "name": f"{name or camera} not watched",
                "unique_id": self._unique(camera, "status"),
                "device_class": "problem",
                "state_topic": topic,
                "value_template": "{{ 'OFF' if value_json.state == 'watching' else 'ON' }}",
                "json_attributes_topic": topic,
                "availability": [self._is_up()],
            },
        )

    def _rule(self, camera: str, rule: str, kind: str) -> tuple[str, str, dict[str, Any]]:
        topic = f"{self._base}camera/{camera}/state/{rule}"
        written: dict[str, Any] = {
            "name": f"{camera} {rule}",
            "unique_id": self._unique(camera, rule),
            "state_topic": topic,
            "json_attributes_topic": topic,
            # What nobody watches has no state: a camera without a picture is not "clear".
            "availability": [
                self._is_up(),
                {"topic": f"{self._base}camera/{camera}/status", "value_template": _PICTURES},
            ],
            "availability_mode": "all",
        }
        if kind == "line_crossing":
            count = {"value_template": "{{ value_json.count }}", "state_class": "total_increasing"}
            return "sensor", f"{camera}_{rule}", {**written, **count}
        active = {
            "value_template": "{{ 'ON' if value_json.active else 'OFF' }}",
            "device_class": "occupancy",
        }
        return "binary_sensor", f"{camera}_{rule}", {**written, **active}

    def _is_up(self) -> dict[str, str]:
        return {"topic": f"{self._base}status", "value_template": _UP}
