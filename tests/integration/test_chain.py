"""From a camera to an alert, through real servers: RTSP in, `edge run`, mosquitto, MQTT out.

The subscriber is a plain MQTT client with a session of its own at the broker, which keeps it over
restarts: what it misses would be missed by a control room.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import jsonschema
import numpy as np
import paho.mqtt.client as paho
import pytest
import yaml
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge.message import event_schema
from tests.rtsp_camera import RtspCamera
from tests.servers import Mosquitto, eventually, mosquitto

pytestmark = [pytest.mark.alone, pytest.mark.network, pytest.mark.slow, pytest.mark.timeout(300)]

USER, PASSWORD = "viewer", "s3cr3t-of-the-camera"
LOOP_S = 9.0
FPS = 10


def walk(path: Path, *, still_s: float = 4.0, moving_s: float = 4.0) -> Path:
    """A still yard, something dark goes from left to right, a still yard for a second."""
    width, height = 640, 360
    random = np.random.default_rng(5)
    yard = random.integers(90, 140, (height // 8, width // 8), np.uint8).repeat(8, 0).repeat(8, 1)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"g": "20", "bf": "0", "preset": "veryfast", "crf": "18"}
        for index in range(int((still_s + moving_s + 1.0) * FPS)):
            picture = np.full((height * 3 // 2, width), 128, np.uint8)
            picture[:height] = yard
            at = index / FPS
            if still_s <= at < still_s + moving_s:
                left = int(width * (0.05 + 0.8 * (at - still_s) / moving_s))
                picture[120:260, left : left + 56] = 20
            frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def configuration(folder: Path, camera_url: str, broker_port: int) -> Path:
    """A box with one camera, its password in the secrets file, and two rules."""
    (folder / "cameras").mkdir(parents=True)
    appliance: dict[str, Any] = {
        "version": 1,
        "site": "test",
        "node": "cabinet-001",
        "mqtt": {"url": f"mqtt://127.0.0.1:{broker_port}", "root": "cctv"},
        "storage": {"path": str(folder / "var")},
        "detectors": {"street": {"kind": "motion"}},
    }
    (folder / "appliance.yaml").write_text(yaml.safe_dump(appliance))
    (folder / "secrets.yaml").write_text(yaml.safe_dump({"camera_url": camera_url}))
    (folder / "secrets.yaml").chmod(0o600)
    (folder / "cameras" / "yard.yaml").write_text(
        """
version: 1
camera: yard
name: The yard
source: {kind: rtsp, url: !secret camera_url, transport: tcp}
analyse: {detector: street, fps: 8, gate: always}
zones: {right-half: [[0.5, 0.0], [1.0, 0.0], [1.0, 1.0], [0.5, 1.0]]}
lines: {middle: [[0.4, 1.0], [0.4, 0.0]]}
rules:
  - {name: across, kind: line_crossing, line: middle, direction: right, classes: [person]}
  - {name: inside, kind: zone_entry, zone: right-half}
"""
    )
    return folder


class ControlRoom:
    """A plain subscriber whose session the broker keeps while either of them is away."""

    def __init__(self, port: int) -> None:
        self.events: list[dict[str, Any]] = []
        self.retained: dict[str, bytes] = {}
        subscribed = threading.Event()
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id="control-room", protocol=paho.MQTTv5
        )
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe("cctv/#", qos=1)
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.on_message = self._note
        session = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        session.SessionExpiryInterval = 3600
        self._client.connect("127.0.0.1", port, clean_start=False, properties=session)
        self._client.loop_start()
        assert subscribed.wait(5)

    def _note(self, _client: paho.Client, _data: object, got: paho.MQTTMessage) -> None:
        if "/event/" in got.topic:
            event = json.loads(got.payload)
            assert got.topic.endswith(f"/{event['kind']}")
            self.events.append(event)
        else:
            self.retained[got.topic] = bytes(got.payload)

    def crossings(self) -> list[dict[str, Any]]:
        return self.of("line_crossed", "pulse")

    def of(self, kind: str, phase: str) -> list[dict[str, Any]]:
        return [e for e in list(self.events) if (e["kind"], e["phase"]) == (kind, phase)]

    def state(self, subtopic: str) -> Any:
        payload = self.retained.get(f"cctv/v1/test/cabinet-001/{subtopic}")
        return json.loads(payload) if payload else {}

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Appliance:
    """`edge run` as its own process."""

    def __init__(self, folder: Path) -> None:
        self._output = folder / "output.txt"
        self.folder = folder
        self.start()

    def start(self) -> None:
        with self._output.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "edge", "run", "--config", str(self.folder)],
                stdout=output,
                stderr=output,
            )

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)

    @property
    def output(self) -> str:
        return self._output.read_text()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    folder = tmp_path / "broker"
    folder.mkdir()
    # The broker keeps sessions over its restart, as a hub's would.
    lines = ("allow_anonymous true", "persistence true", f"persistence_location {folder}/")
    with mosquitto(folder, *lines) as running:
        yield running


def wait_for(what: Callable[[], object], timeout_s: float, told: str, box: Appliance) -> None:
    assert eventually(what, timeout_s), f"{told}; the box said:\n{box.output}"


def test_the_whole_chain(tmp_path: Path, broker: Mosquitto) -> None:
    """Known crossings arrive once and valid, over a camera's and a broker's absence."""
    room = ControlRoom(broker.port)
    camera = RtspCamera(walk(tmp_path / "walk.mp4"), USER, PASSWORD)
    with camera:
        box = Appliance(configuration(tmp_path / "box", camera.url, broker.port))
        try:
            # The first crossing, and that one loop brings one.
            wait_for(room.crossings, 40, "no crossing came", box)
            began, before = time.monotonic(), len(room.crossings())
            wait_for(lambda: len(room.crossings()) > before + 1, 40, "crossings stopped", box)
            loops = (time.monotonic() - began) / LOOP_S
            assert abs(len(room.crossings()) - before - loops) <= 1.2
            assert room.state("status")["state"] == "online"
            assert room.state("camera/yard/status")["state"] == "watching"
            assert room.state("about")["rules"][0]["rule"] == "across"

            # The camera goes away and comes back.
            camera.stop()
            wait_for(lambda: room.of("camera_lost", "begin"), 30, "the loss was not said", box)
            assert room.state("camera/yard/status")["state"] == "lost"
            camera.start()
            wait_for(lambda: room.of("camera_lost", "end"), 60, "the return was not said", box)
            before = len(room.crossings())
            wait_for(lambda: len(room.crossings()) > before, 40, "no event after it", box)
            assert room.state("camera/yard/status")["state"] == "watching"

            # The broker goes away and comes back; crossings go on meanwhile.
            broker.stop()
            time.sleep(1.5 * LOOP_S)
            before = len(room.events)
            broker.start()
            wait_for(
                lambda: len(room.events) > before, 40, "nothing after the broker's return", box
            )
            before = len(room.crossings())
            wait_for(lambda: len(room.crossings()) > before, 30, "crossings stopped", box)

            assert box.end(signal.SIGTERM) == 0, box.output
            assert eventually(lambda: room.state("status").get("state") == "stopped", 10)
        finally:
            box.process.kill()
            room.close()

    schema = event_schema()
    for event in room.events:
        jsonschema.validate(event, schema, jsonschema.Draft202012Validator)
    assert {event["direction"] for event in room.crossings()} == {"right"}

    # No loss and no double: numbers have no gap once repeated ids are removed.
    by_id = {event["id"]: event for event in room.events}
    assert sorted(event["seq"] for event in by_id.values()) == list(range(1, len(by_id) + 1))

    # Every begin has its end, the camera's loss among them.
    phases = Counter((event["incident"], event["phase"]) for event in by_id.values())
    begun = {incident for incident, phase in phases if phase == "begin"}
    assert begun
    assert all(phases[incident, "end"] == 1 for incident in begun)

    assert PASSWORD not in box.output
    assert "Traceback" not in box.output


def test_what_a_killed_run_left_open_is_ended_at_the_next_start(
    tmp_path: Path, broker: Mosquitto
) -> None:
    """Kill -9 in the middle of an incident: its end comes, with the reason."""
    room = ControlRoom(broker.port)

    def ends_of(begin: dict[str, Any]) -> list[dict[str, Any]]:
        return [
            event
            for event in room.events
            if event["incident"] == begin["incident"] and event["phase"] == "end"
        ]

    with RtspCamera(walk(tmp_path / "walk.mp4")) as camera:
        box = Appliance(configuration(tmp_path / "box", camera.url, broker.port))
        try:
            wait_for(lambda: room.of("zone_entered", "begin"), 40, "no entry", box)
            box.end(signal.SIGKILL)
            begin = room.of("zone_entered", "begin")[0]
            assert eventually(lambda: room.state("status").get("state") == "lost", 40)
            box.start()
            wait_for(lambda: ends_of(begin), 30, "the incident was not ended", box)
            box.end(signal.SIGTERM)
        finally:
            box.process.kill()
            room.close()
    # At least once: what was under way when the process died may come again, under its old id.
    ends = {end["id"]: end for end in ends_of(begin)}
    assert len(ends) == 1
    assert all("restarted" in end["reason"] for end in ends.values())
    seqs = [event["seq"] for event in {e["id"]: e for e in room.events}.values()]
    assert seqs == list(range(1, len(seqs) + 1))


def test_a_wrong_password_is_a_status_and_disturbs_no_other_camera(
    tmp_path: Path, broker: Mosquitto
) -> None:
    """The refused camera says so in words without the password; the other one alerts."""
    room = ControlRoom(broker.port)
    clip = walk(tmp_path / "walk.mp4")
    with RtspCamera(clip) as good, RtspCamera(clip, USER, PASSWORD) as locked:
        folder = configuration(tmp_path / "box", good.url, broker.port)
        wrong = locked.url_as(USER, "wrong-p4ssword")
        (folder / "cameras" / "locked.yaml").write_text(
            f"version: 1\ncamera: locked\nsource: {{kind: rtsp, url: '{wrong}'}}\n"
            "analyse: {detector: street}\n"
        )
        (folder / "cameras" / "broken.yaml").write_text("version: 1\ncamera: broken\nsource: 5\n")
        (folder / "cameras" / "No Topic Level.yaml").write_text("version: 1\nsource: 5\n")
        box = Appliance(folder)
        try:
            wait_for(room.crossings, 40, "no crossing came", box)
            status = room.state("camera/locked/status")
            assert status["state"] == "lost"
            assert "refused" in status["why"]
            assert room.state("camera/broken/status")["state"] == "disabled"
            box.end(signal.SIGTERM)
        finally:
            box.process.kill()
            room.close()
    said = box.output + json.dumps(room.events) + repr(room.retained)
    assert "wrong-p4ssword" not in said
    assert "Traceback" not in said


def test_a_reload_takes_a_good_configuration_and_leaves_a_bad_one(
    tmp_path: Path, broker: Mosquitto
) -> None:
    """SIGHUP: a new rule is in force, a removed one's state is gone, a mistake changes nothing."""
    room = ControlRoom(broker.port)
    with RtspCamera(walk(tmp_path / "walk.mp4")) as camera:
        folder = configuration(tmp_path / "box", camera.url, broker.port)
        file = folder / "cameras" / "yard.yaml"
        box = Appliance(folder)
        try:
            wait_for(lambda: room.state("camera/yard/state/inside"), 20, "no state", box)
            before = room.state("about")["config"]
            good = file.read_text().replace("name: inside", "name: within")
            file.write_text(good)
            box.process.send_signal(signal.SIGHUP)
            wait_for(lambda: room.state("camera/yard/state/within"), 20, "not reloaded", box)
            wait_for(
                lambda: not room.state("camera/yard/state/inside"), 10, "the old state stays", box
            )
            after = room.state("about")["config"]
            assert after != before

            (folder / "appliance.yaml").write_text("version: 1\nsite: [")
            box.process.send_signal(signal.SIGHUP)
            wait_for(lambda: "reload refused" in box.output, 10, "the mistake went unsaid", box)
            wait_for(lambda: room.state("config")["state"] == "refused", 10, "no notice", box)
            notice = room.state("config")
            assert notice["config"] == after
            assert (notice["n_problems"], notice["problems"][0]["file"]) == (1, "appliance.yaml")
            seen = len(room.crossings())
            wait_for(lambda: len(room.crossings()) > seen, 30, "watching stopped", box)
            assert room.state("about")["config"] == after
            assert box.end(signal.SIGTERM) == 0
        finally:
            box.process.kill()
            room.close()
    assert "Traceback" not in box.output


def test_a_reload_leaves_alone_the_cameras_it_does_not_change(
    tmp_path: Path, broker: Mosquitto
) -> None:
    """The others keep connection, tracks and what is open; a slip in one file stops nothing."""
    room = ControlRoom(broker.port)
    with RtspCamera(walk(tmp_path / "walk.mp4")) as camera:
        folder = configuration(tmp_path / "box", camera.url, broker.port)
        yard = folder / "cameras" / "yard.yaml"
        gate = folder / "cameras" / "gate.yaml"
        good = yard.read_text().replace("camera: yard", "camera: gate")
        gate.write_text(good)
        box = Appliance(folder)

        def since(name: str) -> str:
            state = room.state(f"camera/{name}/status")
            return str(state["since"]) if state.get("state") == "watching" else ""

        def reload() -> None:
            box.process.send_signal(signal.SIGHUP)

        try:
            wait_for(lambda: since("yard") and since("gate"), 20, "not watched", box)
            yards, gates = since("yard"), since("gate")

            gate.write_text(good.replace("name: inside", "name: within"))
            reload()
            wait_for(lambda: room.state("camera/gate/state/within"), 20, "not reloaded", box)
            wait_for(lambda: since("gate") not in ("", gates), 20, "not watched again", box)
            assert since("yard") == yards
            assert "1 cameras go on, 1 began anew" in box.output

            gates = since("gate")
            gate.write_text(good.replace("zone: ", "zone: not-"))
            (folder / "cameras" / "pier.yaml").write_text(
                good.replace("camera: gate", "camera: pier")
            )
            reload()
            wait_for(lambda: room.state("config")["state"] == "refused", 10, "no notice", box)
            assert (since("yard"), since("gate")) == (yards, gates)

            gate.unlink()
            reload()
            wait_for(lambda: since("pier"), 20, "the new camera is not watched", box)
            wait_for(lambda: not room.state("camera/gate/status"), 10, "its status stays", box)
            assert since("yard") == yards
            assert room.state("config")["state"] == "in_force"
            assert len(list((folder / "var" / "configurations").glob("*Z-*"))) == 3
            assert box.end(signal.SIGTERM) == 0
        finally:
            box.process.kill()
            room.close()
    assert "Traceback" not in box.output
    ended = {e["incident"] for e in room.events if e["phase"] == "end"}
    assert {e["incident"] for e in room.events if e["phase"] == "begin"} <= ended
