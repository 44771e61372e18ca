"""Commands to a running box: `edge run` as its own process, a real broker, a control room."""

from __future__ import annotations

import json
import logging
import re
import signal
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import paho.mqtt.client as paho
import pytest
import yaml
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge.commands import VERBS
from tests.integration.test_chain import Appliance, walk
from tests.servers import eventually, mosquitto

pytestmark = [pytest.mark.alone, pytest.mark.network, pytest.mark.slow, pytest.mark.timeout(300)]

_log = logging.getLogger(__name__)

NODE = "cctv/v1/test/cabinet-001"
REPLIES = "cctv/reply/control-room/cabinet-001"


class Room:
    """A control room that asks and waits for the answer with its correlation data."""

    def __init__(self, port: int) -> None:
        self.events: list[dict[str, Any]] = []
        self.replayed: list[dict[str, Any]] = []
        self.states: dict[str, dict[str, Any]] = {}
        self.answers: dict[bytes, paho.MQTTMessage] = {}
        subscribed = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self._client.on_connect = lambda client, *_: client.subscribe("cctv/#", qos=1)
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.on_message = self._note
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert subscribed.wait(5)

    def _note(self, _client: paho.Client, _data: object, got: paho.MQTTMessage) -> None:
        if got.topic.startswith(REPLIES):
            assert got.properties is not None
            self.answers[got.properties.CorrelationData] = got  # type: ignore[attr-defined]
        elif "/event/" in got.topic:
            is_again = hasattr(got.properties, "UserProperty")
            (self.replayed if is_again else self.events).append(json.loads(got.payload))
        elif "/cmd/" not in got.topic and got.payload:
            self.states[got.topic.removeprefix(f"{NODE}/")] = json.loads(got.payload)

    def send(
        self, levels: str, payload: bytes, *, response: str = REPLIES, node: str = NODE
    ) -> bytes:
        """Publish one, and give its correlation data."""
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        correlation = uuid.uuid4().bytes
        properties.ResponseTopic = response
        properties.CorrelationData = correlation
        self._client.publish(f"{node}/cmd/{levels}", payload, qos=1, properties=properties)
        return correlation

    def ask_raw(self, levels: str, payload: bytes) -> dict[str, Any]:
        correlation = self.send(levels, payload)
        assert eventually(lambda: correlation in self.answers, 15), f"no answer to {levels}"
        answer: dict[str, Any] = json.loads(self.answers[correlation].payload)
        return answer

    def ask(self, verb: str, **fields: Any) -> dict[str, Any]:
        return self.ask_raw(f"{verb}/control-room", command(**fields))

    def of(self, kind: str, phase: str) -> list[dict[str, Any]]:
        return [e for e in list(self.events) if (e["kind"], e["phase"]) == (kind, phase)]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def command(**fields: Any) -> bytes:
    at = datetime.now(timezone.utc).isoformat()
    return json.dumps({"id": str(uuid.uuid4()), "at": at, **fields}).encode()


def _configure(folder: Path, port: int, clip: Path, *, allow: tuple[str, ...] = VERBS) -> Path:
    (folder / "cameras").mkdir(parents=True, exist_ok=True)
    appliance: dict[str, Any] = {
        "version": 1,
        "site": "test",
        "node": "cabinet-001",
        "mqtt": {"url": f"mqtt://127.0.0.1:{port}"},
        "storage": {"path": str(folder / "var"), "evidence": {"priorities": ["review"]}},
        "detectors": {"street": {"kind": "motion"}},
    }
    if allow:
        appliance["commands"] = {"allow": list(allow), "who": ["control-room"]}
    (folder / "appliance.yaml").write_text(yaml.safe_dump(appliance))
    camera = {
        "version": 1,
        "camera": "yard",
        "source": {"kind": "file", "path": str(clip), "loop": True, "realtime": True},
        "analyse": {"detector": "street", "fps": 8, "gate": "always"},
        "lines": {"middle": [[0.4, 1.0], [0.4, 0.0]]},
        "masks": {"flats": [[0.0, 0.0], [0.5, 0.0], [0.5, 0.3], [0.0, 0.3]]},
        "rules": [
            {"name": "across", "kind": "line_crossing", "line": "middle", "direction": "right"}
        ],
    }
    (folder / "cameras" / "yard.yaml").write_text(yaml.safe_dump(camera))
    return folder


class Prompt(Room):
    """A control room that asks the moment a box first says that it is there, or watches."""

    def __init__(self, port: int, node: str) -> None:
        self.asked: dict[str, bytes] = {}
        self._node = node
        super().__init__(port)

    def _note(self, client: paho.Client, data: object, got: paho.MQTTMessage) -> None:
        super()._note(client, data, got)
        if got.topic.startswith(self._node) and got.payload and not got.topic.startswith(REPLIES):
            state = json.loads(got.payload).get("state")
            if state in ("online", "watching") and state not in self.asked:
                asked = command(camera="yard", rule="across", seconds=600)
                self.asked[state] = self.send("disarm/control-room", asked, node=self._node)


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with mosquitto(tmp_path_factory.mktemp("broker")) as broker:
        yield broker.port


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return walk(tmp_path_factory.mktemp("clip") / "walk.mp4", still_s=1.5, moving_s=2.0)


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory, port: int, clip: Path) -> Iterator[Appliance]:
    running = Appliance(_configure(tmp_path_factory.mktemp("box"), port, clip))
    yield running
    if running.process.poll() is None:
        running.end(signal.SIGTERM)


@pytest.fixture
def room(port: int, box: Appliance) -> Iterator[Room]:
    room = Room(port)
    watching = lambda: room.states.get("camera/yard/status", {}).get("state") == "watching"  # noqa: E731
    assert eventually(watching, 30), box.output
    yield room
    room.close()


def test_ping_is_answered_and_logged(room: Room, box: Appliance) -> None:
    """Who and when stand in the log, how the cameras are in the answer."""
    answer = room.ask("ping")
    assert answer["ok"] is True
    assert answer["result"] == {"cameras": {"yard": "watching"}}
    assert (answer["verb"], answer["node"]) == ("ping", "cabinet-001")
    said = re.compile(rf"command ping  from control-room, id {answer['id']}, sent 20.*: done")
    assert eventually(lambda: said.search(box.output)), box.output


def test_snapshot_is_masked_and_small(room: Room) -> None:
    """A JPEG on the response topic, black where the privacy mask is."""
    correlation = room.send("snapshot/control-room", command(camera="yard"))
    assert eventually(lambda: correlation in room.answers, 15)
    got = room.answers[correlation]
    assert got.properties is not None
    assert got.properties.ContentType == "image/jpeg"  # type: ignore[attr-defined]
    said = dict(got.properties.UserProperty)  # type: ignore[attr-defined]
    assert (said["camera"], said["size"]) == ("yard", "640x360")
    assert len(got.payload) <= 256 * 1024
    image = cv2.imdecode(np.frombuffer(got.payload, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert image[:100, :300].max() < 20, "what the mask hides left the box"
    assert image[150:, :].mean() > 60
    nowhere = room.ask("snapshot", camera="attic")
    assert nowhere["outcome"] == "failed"
    assert "no camera attic is being watched; there are: yard" in nowhere["why"]


def test_clip_says_that_it_cannot(room: Room) -> None:
    """An answer, not silence: this camera has a mask, and its packets would show what it hides."""
    answer = room.ask("clip", camera="yard")
    assert answer["outcome"] == "failed"
    assert "the camera has privacy masks, and masked_clips is withhold" in answer["why"]


def test_an_event_s_pictures_follow_in_an_update(room: Room, box: Appliance) -> None:
    """Same incident, their names and hashes, and why there is no clip; nothing begins or ends."""
    assert eventually(lambda: room.of("line_crossed", "update"), 20), box.output
    pulses = {event["id"]: event for event in room.of("line_crossed", "pulse")}
    updates = room.of("line_crossed", "update")
    (pictures, *_) = [event for event in updates if "evidence" in event]
    pulse = pulses[pictures["incident"]]
    assert (pictures["at"], pictures["rule"]) == (pulse["at"], pulse["rule"])
    assert pictures["seq"] > pulse["seq"]
    shown, clean = (one["ref"] for one in pictures["evidence"])
    assert (shown, clean) == (f"{pulse['id']}.jpg", f"{pulse['id']}-clean.jpg")
    for one in pictures["evidence"]:
        (file,) = (box.folder / "var" / "evidence").glob(f"*/yard/{one['ref']}")
        assert sha256(file.read_bytes()).hexdigest() == one["sha256"]
    assert eventually(
        lambda: any("masks" in e.get("reason", "") for e in room.of("line_crossed", "update"))
    )
    assert not room.of("line_crossed", "begin")


def test_disarming_is_visible_keeps_quiet_and_ends(room: Room) -> None:
    """Event, retained state and an end by itself; crossings meanwhile are not said."""
    answer = room.ask("disarm", camera="yard", rule="across", seconds=6, why="road works")
    until = answer["result"]["disarmed_until"]
    assert eventually(lambda: room.of("rule_disarmed", "begin"))
    (begin,) = room.of("rule_disarmed", "begin")
    assert (begin["rule"], begin["priority"]) == ("across", "alert")
    assert "by control-room until" in begin["reason"]
    assert begin["reason"].endswith("road works")
    state = "camera/yard/state/across"
    assert eventually(lambda: room.states.get(state, {}).get("disarmed_until") == until)
    n_before = len(room.of("line_crossed", "pulse"))
    count = room.states[state]["count"]
    assert eventually(lambda: room.of("rule_disarmed", "end"), 20)
    assert len(room.of("line_crossed", "pulse")) == n_before
    assert room.states[state]["count"] >= count
    (end,) = room.of("rule_disarmed", "end")
    assert (end["incident"], end["reason"]) == (begin["incident"], "its time is over")
    assert eventually(lambda: "disarmed_until" not in room.states[state])
    assert eventually(lambda: len(room.of("line_crossed", "pulse")) > n_before, 25)


def test_disarming_outlives_a_reload_and_can_be_ended(room: Room, box: Appliance) -> None:
    """A camera that goes on stays as it is, one that begins anew takes it up; `arm` ends it."""
    room.ask("disarm", camera="yard", rule="across", seconds=600)
    assert room.ask("reload")["ok"] is True, box.output
    assert eventually(lambda: len(room.of("rule_disarmed", "begin")) == 1)
    file = box.folder / "cameras" / "yard.yaml"
    file.write_text(file.read_text().replace("fps: 8", "fps: 7"))
    assert room.ask("reload")["ok"] is True, box.output
    assert eventually(lambda: len(room.of("rule_disarmed", "begin")) == 2)
    assert room.of("rule_disarmed", "end")[-1]["reason"] == "the configuration was reloaded"
    assert "disarmed_until" in room.states["camera/yard/state/across"]
    armed = room.ask("arm", camera="yard", rule="across")
    assert armed["result"]["active"] is False
    assert eventually(lambda: len(room.of("rule_disarmed", "end")) == 2)
    assert room.of("rule_disarmed", "end")[-1]["reason"] == "armed by control-room"
    unknown = room.ask("arm", camera="yard", rule="acros")
    assert "has no rule acros; there are: across" in unknown["why"]


def test_reload_that_cannot_be_used_says_why(room: Room, box: Appliance, tmp_path: Path) -> None:
    """The configuration in force stays, and the answer names file and line."""
    file = box.folder / "appliance.yaml"
    good = file.read_text()
    try:
        file.write_text(good.replace("node: cabinet-001", "node: Cabinet 1"))
        answer = room.ask("reload")
    finally:
        file.write_text(good)
    assert answer["outcome"] == "failed"
    assert "the configuration in force stays" in answer["why"]
    assert "appliance.yaml" in answer["why"]
    assert room.ask("ping")["ok"] is True


def test_replay_sends_what_was_delivered_under_its_old_number(room: Room) -> None:
    """A control room that lost its events gets them again, marked, with the same ids."""
    assert eventually(lambda: len(room.events) >= 1, 30)
    first = min(event["seq"] for event in room.events)
    answer = room.ask("replay-since", seq=first)
    assert answer["result"] == {"first": first, "complete": True}
    original = {event["seq"]: event for event in room.events}
    assert eventually(lambda: any(event["seq"] == first for event in room.replayed))
    for event in room.replayed:
        assert event == original.get(event["seq"], event)
    late = room.ask("replay-since", since=(datetime.now(timezone.utc)).isoformat())
    assert late["result"] == {"complete": True}


def test_bad_commands_change_nothing_and_are_answered_and_counted(
    room: Room, box: Appliance
) -> None:
    """Every way of being refused has an answer in words, and a number in health."""
    old = (datetime.now(timezone.utc) - timedelta(minutes=5)).isoformat()
    twice = command(camera="yard", rule="across", seconds=600)
    disarm = "disarm/control-room"
    asked = {
        "malformed": (disarm, b'{"camera":"yard"'),
        "oversized": (disarm, command(why="x" * 5000)),
        "unknown": ("self-destruct/control-room", command()),
        "unauthorised": ("disarm/intern", twice),
        "stale": (disarm, json.dumps({"id": "1", "at": old, "camera": "yard", "rule": "across",
                                      "seconds": 600}).encode()),
    }  # fmt: skip
    for outcome, (levels, payload) in asked.items():
        answer = room.ask_raw(levels, payload)
        assert (answer["ok"], answer["outcome"]) == (False, outcome), answer
        assert answer["why"]
    assert not room.of("rule_disarmed", "begin")
    ping = command()
    assert room.ask_raw("ping/control-room", ping)["ok"] is True
    assert room.ask_raw("ping/control-room", ping)["outcome"] == "replayed"
    # Somebody who would have the box speak in its own name gets nothing.
    forged = f"{NODE}/camera/yard/event/line_crossed"
    room.send("ping/control-room", command(), response=forged)
    time.sleep(0.5)
    assert not any("verb" in event for event in room.events)
    assert eventually(lambda: "commands" in room.states.get("health", {}), 35)
    counts = room.states["health"]["commands"]
    assert set(asked) | {"replayed", "done", "failed"} <= set(counts)
    assert box.process.poll() is None


def test_without_a_list_nothing_is_heard(tmp_path: Path, port: int, clip: Path) -> None:
    """Off is the default: no answer, and nothing in the log."""
    folder = _configure(tmp_path / "deaf", port, clip, allow=())
    appliance = folder / "appliance.yaml"
    appliance.write_text(appliance.read_text().replace("cabinet-001", "cabinet-002"))
    box = Appliance(folder)
    room = Room(port)
    try:
        assert eventually(lambda: "connected to" in box.output, 20)
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ResponseTopic, properties.CorrelationData = REPLIES, b"deaf"
        topic = "cctv/v1/test/cabinet-002/cmd/ping/control-room"
        room._client.publish(topic, command(), qos=1, properties=properties)
        time.sleep(1.5)
        assert b"deaf" not in room.answers
        assert "command" not in box.output
    finally:
        room.close()
        assert box.end(signal.SIGTERM) == 0, box.output


def test_a_box_that_says_it_is_there_hears_commands(tmp_path: Path, port: int, clip: Path) -> None:
    """A command sent at its first word, and at its first `watching`, is obeyed: it listened."""
    folder = _configure(tmp_path / "prompt", port, clip)
    appliance = folder / "appliance.yaml"
    appliance.write_text(appliance.read_text().replace("cabinet-001", "cabinet-003"))
    room = Prompt(port, "cctv/v1/test/cabinet-003")
    box = Appliance(folder)
    try:
        assert eventually(lambda: len(room.asked) == 2, 30), box.output
        for state, correlation in room.asked.items():
            assert eventually(lambda: correlation in room.answers, 10), (state, box.output)  # noqa: B023
            answer = json.loads(room.answers[correlation].payload)
            assert answer["outcome"] == "done", (state, answer)
    finally:
        room.close()
        assert box.end(signal.SIGTERM) == 0, box.output


def test_disarming_outlives_kill_9_and_its_end_stays(room: Room, box: Appliance) -> None:
    """A box that comes back says anew what is kept back, with the same end. It is killed: last."""
    answer = room.ask("disarm", camera="yard", rule="across", seconds=600)
    until = answer["result"]["disarmed_until"]
    box.end(signal.SIGKILL)

    def crossed() -> set[str]:
        return {event["id"] for event in room.of("line_crossed", "pulse")}

    # What was not yet known to have arrived comes again under its id: that is one message.
    def said() -> dict[str, Any]:
        return {e["id"]: e for e in list(room.events) if e["kind"] == "rule_disarmed"}

    before = crossed()
    room.states.clear()
    again = Appliance(box.folder)
    try:
        assert eventually(lambda: len(said()) == 3, 30), again.output
        first, end, second = sorted(said().values(), key=lambda message: message["seq"])
        assert [one["phase"] for one in (first, end, second)] == ["begin", "end", "begin"]
        assert (end["incident"], end["reason"]) == (
            first["incident"],
            "the appliance was restarted",
        )
        assert second["reason"] == first["reason"]
        state = "camera/yard/state/across"
        assert eventually(lambda: room.states.get(state, {}).get("count", 0) > 0, 30)
        assert room.states[state]["disarmed_until"] == until
        assert room.states[state]["armed"] is False
        assert crossed() == before
        room.ask("arm", camera="yard", rule="across")
        assert json.loads((box.folder / "var" / "disarmed.json").read_text()) == {}
    finally:
        again.end(signal.SIGTERM)
