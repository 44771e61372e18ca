"""The same events in other systems' words, byte for byte as the golden files have them.

Write them again with `EDGE_WRITE_EXPECTED=1`, and read the diff.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from edge.event import Event, Sighting
from edge.message import EventMessage, compose, encode
from edge.options import kinds
from edge.sinks._post import Post
from edge.sinks._views import View, ViewOptions, Views
from edge.sinks.mqtt import Options
from edge.uuid7 import unix_ms, uuid7
from tests.unit.message.test_message import DISARMED, LOST, MESSAGES
from tests.unit.sinks.events_builder import AT, ORIGIN, crossing, stay

GOLDEN = Path(__file__).parents[2] / "golden" / "views"


def told(event: Event, n: int, incident: int | None = None) -> EventMessage:
    ids = [uuid7(unix_ms(AT), bytes([number] * 10)) for number in range(20)]
    begun = ids[n if incident is None else incident]
    return compose(event, ORIGIN, id=ids[n], seq=n, incident=begun)[0]


def car(track: int) -> tuple[Sighting, ...]:
    return (Sighting(track, "car", 0.5, (0.0, 0.5, 0.25, 0.5)),)


loitering: Callable[..., Event] = lambda phase, n=0: stay(phase, n, kind="loitering")  # noqa: E731
covered = replace(LOST, kind="camera_covered", reason="most of the view is hidden")

DAY = (
    told(crossing(), 1),
    told(stay("begin", 1), 2),
    told(stay("begin", 2, key="18", objects=car(18)), 3),
    told(loitering("begin", 3), 4),
    told(stay("end", 4), 5, incident=2),
    told(stay("end", 5, key="18", objects=car(18)), 6, incident=3),
    told(loitering("end", 6), 7, incident=4),
    told(LOST, 8),
    told(replace(LOST, phase="end", reason="recovered"), 9, incident=8),
    told(covered, 10),
    told(replace(DISARMED, reason="by control-room until 2026-11-23T17:00:00Z"), 11),
)
"""One of everything that has a name somewhere, and one that has none in ONVIF."""


def view(kind: str, **options: Any) -> View:
    made = kinds("edge.sinks._views")[kind].model_validate({"kind": kind, **options})
    assert isinstance(made, ViewOptions)
    return made.build("cctv", ORIGIN)


def written(posts: Sequence[Post]) -> list[dict[str, Any]]:
    """As a golden file shows it: topic, what MQTT 5 says about it, and the payload."""
    lines = []
    for post in posts:
        line: dict[str, Any] = {"topic": post.topic, "retain": post.is_retained}
        line["content_type"] = post.content_type
        if post.properties:
            line["properties"] = dict(post.properties)
        line["payload"] = json.loads(post.payload) if post.payload else None
        lines.append(line)
    return lines


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("cloudevents-structured", view("cloudevents")),
        ("cloudevents-binary", view("cloudevents", mode="binary", type_prefix="uk.example.cctv")),
        ("onvif", view("onvif")),
    ],
)
def test_events_are_the_golden_ones(name: str, made: View) -> None:
    """Another system's reader is never surprised by a change nobody meant."""
    lines = [line for message in DAY for line in written(made.event(message, encode(message)))]
    _compare(name, lines)


def test_discovery_is_the_golden_one() -> None:
    """What Home Assistant is told about the box."""
    made = view("home_assistant")
    _compare("home-assistant", written(made.state("about", encode(MESSAGES["about"]))))
    assert not made.state("camera/gate/status", b"{}")


def _compare(name: str, lines: list[dict[str, Any]]) -> None:
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    file = GOLDEN / f"{name}.jsonl"
    if "EDGE_WRITE_EXPECTED" in os.environ:
        file.write_text(text, "utf-8")
    assert text == file.read_text("utf-8")


def test_cloudevents_attributes_are_legal_names() -> None:
    """CloudEvents allows lower case letters and digits, and at most twenty of them."""
    (post,) = view("cloudevents", mode="binary").event(DAY[0], encode(DAY[0]))
    for name, value in post.properties:
        assert name.isalnum()
        assert name.islower()
        assert len(name) <= 20
        assert isinstance(value, str)
    assert post.payload == encode(DAY[0]), "binary mode leaves the event as it is"


@pytest.mark.parametrize(
    ("box", "left", "top", "right", "bottom"),
    [
        pytest.param((0.0, 0.0, 1.0, 1.0), -1, 1, 1, -1, id="the whole picture"),
        pytest.param((0.5, 0.5, 0.25, 0.25), 0, 0, 0.5, -0.5, id="right of and below the middle"),
        pytest.param((0.0, 0.0, 0.1, 0.1), -1, 1, -0.8, 0.8, id="top left"),
    ],
)
def test_onvif_coordinates_have_their_origin_in_the_middle_and_y_upwards(
    box: tuple[float, float, float, float], left: float, top: float, right: float, bottom: float
) -> None:
    """ONVIF's normalised frame, not ours."""
    event = crossing(objects=(Sighting(1, "person", 0.9, box),))
    (post,) = view("onvif").event(told(event, 1), b"")
    shape = json.loads(post.payload)["Data"]["Object"]["Appearance"]["Shape"]
    assert shape["BoundingBox"] == {"@left": left, "@top": top, "@right": right, "@bottom": bottom}
    assert shape["CenterOfGravity"] == {"@x": (left + right) / 2, "@y": (top + bottom) / 2}


def test_onvif_topics_are_the_specification_s_example() -> None:
    """Core specification: prefix, `onvif-ej`, the topic, `/&` and the values of the source."""
    (post,) = view("onvif").event(DAY[0], b"")
    assert post.topic == (
        "cctv/onvif/westminster/cabinet-017/onvif-ej/RuleEngine/LineDetector/Crossed/"
        "&high-street-north/high-street-north/gate-in"
    )
    assert list(json.loads(post.payload)) == ["UtcTime", "Source", "Data"]


def test_a_laboratory_is_visible_in_every_view() -> None:
    """Whoever sees only the view must not act on it either."""
    message = DAY[1].model_copy(update={"profile": "laboratory"})
    for mode in ("structured", "binary"):
        (post,) = view("cloudevents", mode=mode).event(message, encode(message))
        assert b'"profile":"laboratory"' in post.payload
    (post,) = view("onvif").event(message, encode(message))
    assert json.loads(post.payload)["Data"]["Profile"] == "laboratory"
    covered = DAY[9].model_copy(update={"profile": "laboratory"})
    (post,) = view("onvif").event(covered, encode(covered))
    assert json.loads(post.payload)["Data"] == {"State": True, "Profile": "laboratory"}
    about = MESSAGES["about"].model_copy(update={"profile": "laboratory"})
    posts = view("home_assistant").state("about", encode(about))
    assert len(posts) > 1
    for post in posts:
        device = json.loads(post.payload)["device"]
        assert "(laboratory)" in device["name"]
        assert "(laboratory)" in device["model"]


def test_onvif_says_nothing_of_sex_age_or_face() -> None:
    """Its schema could carry them; we have none to give, and this keeps it so."""
    text = (GOLDEN / "onvif.jsonl").read_text().lower()
    assert not any(word in text for word in ("gender", 'age"', "face", "skin"))


def test_the_same_event_twice_counts_once() -> None:
    """A message sent again after a broken connection does not leave somebody inside for ever."""
    made = view("onvif")
    begin, end = told(stay("begin"), 1), told(stay("end", 1), 2, incident=1)
    for message in (begin, begin):
        (post,) = made.event(message, b"")
        assert json.loads(post.payload)["Data"]["IsInside"] is True
    (post,) = made.event(end, b"")
    assert json.loads(post.payload)["Data"] == {"IsInside": False}


def test_onvif_is_told_of_a_crossing_once() -> None:
    """What follows in an update (evidence) is no second crossing, and nobody is inside anew."""
    made = view("onvif")
    assert len(made.event(DAY[0], b"")) == 1
    assert made.event(DAY[0].model_copy(update={"phase": "update"}), b"") == []


def test_a_rule_that_is_gone_is_gone_from_discovery() -> None:
    """Its topic is emptied, and only its."""
    kept: dict[str, bytes] = {}
    views = Views(
        [kinds("edge.sinks._views")["home_assistant"].model_validate({})],  # type: ignore[list-item]
        "cctv",
        ORIGIN,
        lambda post: kept.update({post.topic: post.payload}),
    )
    about = MESSAGES["about"]
    views.of_state("about", encode(about))
    rule = "homeassistant/sensor/cabinet-017/high-street-north_gate-in/config"
    assert rule in views.topics
    assert kept[rule]
    views.of_state("about", encode(about.model_copy(update={"rules": ()})))
    assert kept[rule] == b""
    assert rule not in views.topics
    assert sum(not payload for payload in kept.values()) == 1


def test_a_fault_in_a_view_does_not_hold_up_the_event(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, and the others are asked."""

    class Fails:
        def event(self, *_: Any) -> Sequence[Post]:
            raise RuntimeError("a fault")

        def state(self, *_: Any) -> Sequence[Post]:
            return []

    class Broken(ViewOptions):
        kind: str = "broken"

        def build(self, *_: Any) -> View:
            return Fails()

    good = kinds("edge.sinks._views")["cloudevents"].model_validate({})
    views = Views([Broken(), good], "cctv", ORIGIN, lambda _: None)  # type: ignore[list-item]
    with caplog.at_level(logging.ERROR):
        assert len(views.of_event(encode(DAY[0]))) == 1
    assert "fault in" in caplog.text


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"views": [{"kind": "onvif"}, {"kind": "onvif"}]}, "each kind once"),
        ({"views": [{"kind": "home_assistant"}], "encoding": "cbor"}, "JSON only"),
        (
            {"views": [{"kind": "cloudevents", "mode": "binary"}], "protocol": "3.1.1"},
            "need MQTT 5",
        ),
    ],
)
def test_what_does_not_go_together_is_said(said: dict[str, Any], words: str) -> None:
    """Before anything is sent."""
    with pytest.raises(ValidationError, match=words):
        Options.model_validate_json(json.dumps({"url": "mqtt://127.0.0.1", **said}))


def test_views_are_off_by_default() -> None:
    """Nothing but our own topics, unless somebody asks for more."""
    assert Options(url="mqtt://127.0.0.1").views == ()
