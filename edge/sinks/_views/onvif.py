"""onvif: events as ONVIF Profile M has them over MQTT: `<prefix>/onvif-ej/RuleEngine/...`.

Source: ONVIF Core (Event Broker, JSON mapping) and Analytics specifications, 26.06. The camera's id
is the token of both its video source and its analytics configuration. Kinds ONVIF has no topic for
are left out; so is per-frame metadata (`onvif-mj`): tracks of people do not leave the box.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

from edge.message import EventMessage, Origin, SeenObject
from edge.sinks._post import Post
from edge.sinks._views import ViewOptions

Items: TypeAlias = dict[str, Any]

_CLASSES: Mapping[str, str] = {
    "person": "Human",
    "bicycle": "Bicycle",
    "car": "Vehicle",
    "bus": "Vehicle",
    "truck": "Vehicle",
    "motorcycle": "Bike",
    **dict.fromkeys(("bird", "cat", "dog", "horse", "sheep", "cow"), "Animal"),
}
"""tt:ObjectType of the classes that have one; others are given without."""

_MOMENTS = {"line_crossed": "RuleEngine/LineDetector/Crossed"}
_PROPERTIES = {
    "zone_entered": "RuleEngine/FieldDetector/ObjectsInside",
    "loitering": "RuleEngine/LoiteringDetector/ObjectIsLoitering",
}
_BEGUN = {"object_abandoned": "RuleEngine/ObjectAbandoned"}
_TAMPERING = {
    "camera_covered": "VideoSource/GlobalSceneChange/AnalyticsService",
    "camera_moved": "VideoSource/GlobalSceneChange/AnalyticsService",
    "camera_lost": "VideoSource/SignalLoss",
}


class Options(ViewOptions):
    """Events with ONVIF's topics and names, under `<root>/onvif/<site>/<node>`."""

    kind: Literal["onvif"] = "onvif"

    def build(self, root: str, origin: Origin) -> Onvif:
        """Make one."""
        return Onvif(f"{root}/onvif/{origin.site}/{origin.node}")


class Onvif:
    """Writes ONVIF events.

    Args:
        prefix: The device's TopicPrefix.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._inside: dict[str, dict[str, EventMessage]] = {}  # begun, by topic and incident

    def event(self, message: EventMessage, payload: bytes) -> Sequence[Post]:  # noqa: ARG002
        """The event of that name, or the property's new value; nothing where ONVIF has no name."""
        kind = message.kind
        if message.phase == "update":  # ONVIF has no word for it: a crossing would happen twice
            return []
        if kind in _MOMENTS:
            return [self._post(message, _MOMENTS[kind], _about(message.objects or ()))]
        if kind in _PROPERTIES:
            return [self._property(message, _PROPERTIES[kind])]
        if kind in _BEGUN and message.phase == "begin":
            return [self._post(message, _BEGUN[kind], _about(message.objects or ()))]
        if kind in _TAMPERING:
            return [self._tampering(message, _TAMPERING[kind])]
        return []

    def state(self, subtopic: str, payload: bytes) -> Sequence[Post]:  # noqa: ARG002
        """ONVIF's properties are made of events."""
        return []

    def _property(self, message: EventMessage, name: str) -> Post:
        """Who is inside or loitering now; one of whom nobody is left says so."""
        begun = self._begun(message, name)
        objects = [seen for one in begun.values() for seen in one.objects or ()]
        data = _about(objects)
        if message.kind == "zone_entered":
            data["IsInside"] = bool(begun)
        elif begun:
            data["Since"] = min(_utc(one) for one in begun.values())
        else:  # a property without a boolean ends by being deleted
            return Post(self._topic(message, name), b"", is_retained=True)
        return self._post(message, name, data, is_retained=True)

    def _tampering(self, message: EventMessage, name: str) -> Post:
        begun = self._begun(message, name)
        source = {"VideoSource": message.camera, "RuleName": message.kind}
        topic = f"{self._prefix}/onvif-ej/{name}/&{message.camera}/{message.kind}"
        return Post(topic, _json(message, source, {"State": bool(begun)}), is_retained=True)

    def _begun(self, message: EventMessage, name: str) -> dict[str, EventMessage]:
        """What is open on a property's topic, this message taken in; the same one twice is one."""
        begun = self._inside.setdefault(
            f"{name} {message.camera} {message.rule} {message.kind}", {}
        )
        if message.phase == "end":
            begun.pop(message.incident, None)
        elif message.phase == "begin":
            begun[message.incident] = message
        return begun

    def _topic(self, message: EventMessage, name: str) -> str:
        values = (message.camera, message.camera, message.rule or "")
        return f"{self._prefix}/onvif-ej/{name}/&{'/'.join(values)}"

    def _post(
        self, message: EventMessage, name: str, data: Items, *, is_retained: bool = False
    ) -> Post:
        source = {
            "VideoSource": message.camera,
            "AnalyticsConfiguration": message.camera,
            "Rule": message.rule,
        }
        written = _json(message, source, data)
        return Post(self._topic(message, name), written, is_retained=is_retained)


def _json(message: EventMessage, source: Items, data: Items) -> bytes:
    if message.profile is not None:  # ours: ONVIF has no word for a box that is on trial
        data = {**data, "Profile": message.profile}
    whole = {"UtcTime": _utc(message), "Source": source, "Data": data}
    return json.dumps(whole, separators=(",", ":"), ensure_ascii=False).encode()


def _utc(message: EventMessage) -> str:
    return str(message.model_dump(mode="json", include={"at"})["at"])


def _about(objects: Sequence[SeenObject]) -> Items:
    """Who: ids and classes as lists in the same order, and the first one's shape."""
    if not objects:
        return {}
    data: Items = {"ObjectId": " ".join(str(seen.track) for seen in objects)}
    classes = [_CLASSES.get(seen.label) for seen in objects]
    if all(classes):
        data["ClassTypes"] = " ".join(str(name) for name in classes)
    if len(objects) == 1:
        data["Object"] = _object(objects[0], classes[0])
    return data


def _object(seen: SeenObject, name: str | None) -> Items:
    """tt:Object in ONVIF's frame: x and y from -1 to 1, the origin in the middle, y upwards."""
    left, top, width, height = seen.box
    edges = (2 * left - 1, 1 - 2 * top, 2 * (left + width) - 1, 1 - 2 * (top + height))
    x0, y0, x1, y1 = (round(min(1.0, max(-1.0, edge)), 3) for edge in edges)
    shape = {
        "BoundingBox": {"@left": x0, "@top": y0, "@right": x1, "@bottom": y1},
        "CenterOfGravity": {"@x": round((x0 + x1) / 2, 3), "@y": round((y0 + y1) / 2, 3)},
    }
    appearance: Items = {"Shape": shape}
    if name is not None:
        appearance["Class"] = {"Type": {"@Likelihood": seen.confidence, "#text": name}}
    return {"@ObjectId": seen.track, "Appearance": appearance}
