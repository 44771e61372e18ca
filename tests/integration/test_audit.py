"""A running box's audit log: a control room reviews, a witness cosigns, an auditor verifies."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import uuid
from datetime import datetime, timezone
from pathlib import Path

import paho.mqtt.client as paho
import pytest
import yaml
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge.audit import head_in, read, verify
from tests.integration.test_chain import Appliance, walk
from tests.integration.test_commands import NODE, REPLIES, Room, _configure
from tests.servers import eventually, mosquitto

pytestmark = [pytest.mark.alone, pytest.mark.network, pytest.mark.slow, pytest.mark.timeout(120)]


def publish(room: Room, topic: str, payload: bytes) -> bytes:
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    correlation = uuid.uuid4().bytes
    properties.ResponseTopic, properties.CorrelationData = REPLIES, correlation
    room._client.publish(f"{NODE}/{topic}", payload, qos=1, properties=properties)
    return correlation


def review(room: Room, event: str, **fields: object) -> str:
    """Send one; gives the outcome."""
    at = datetime.now(timezone.utc).isoformat()
    body = json.dumps({"verdict": "false", "at": at, "who": "desk-3", **fields})
    correlation = publish(room, f"review/{event}", body.encode())
    assert eventually(lambda: correlation in room.answers, 15), "no answer to a review"
    message: paho.MQTTMessage = room.answers[correlation]
    return str(json.loads(message.payload)["outcome"])


def names_of(log: Path) -> set[object]:
    """The thresholds it tells of, also while it is written."""
    return {record.facts.get("name") for record in read(log)}


def start_witness(state: Path, port: int) -> subprocess.Popen[str]:
    call = ["audit", "witness", f"mqtt://127.0.0.1:{port}", "--state", str(state)]
    return subprocess.Popen(
        [sys.executable, "-m", "edge", *call, "--name", "ethics"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_what_a_box_does_is_recorded_witnessed_and_verified(tmp_path: Path) -> None:  # noqa: PLR0915 - one story
    """Start, event, command, review, reload refused, kill -9, stop; a witness follows it all."""
    (tmp_path / "broker").mkdir()
    clip = walk(tmp_path / "walk.mp4", still_s=1.5, moving_s=2.0)
    with mosquitto(tmp_path / "broker") as broker:
        folder = _configure(tmp_path / "box", broker.port, clip)
        log = folder / "var" / "audit"
        room = Room(broker.port)
        box = Appliance(folder)
        witness = start_witness(tmp_path / "witness", broker.port)
        try:
            assert eventually(lambda: room.of("line_crossed", "pulse"), 40), box.output
            event = room.of("line_crossed", "pulse")[0]["id"]
            assert eventually(lambda: "audit/witness/ethics" in room.states, 20), box.output
            assert review(room, event, reason="a tree") == "done"
            assert review(room, str(uuid.uuid4())) == "unknown"
            assert review(room, event, verdict="perhaps") == "malformed"
            assert review(room, event, at="2099-01-01T00:00:00Z") == "stale"
            assert room.ask("ping")["ok"]
            sound = (folder / "cameras" / "yard.yaml").read_text()
            (folder / "cameras" / "yard.yaml").write_text("version: 2\n")
            assert room.ask("reload")["ok"] is False
            assert room.ask("disarm", camera="yard", rule="across", seconds=600)["ok"]
            assert room.ask("arm", camera="yard", rule="across")["ok"]
            yard = yaml.safe_load(sound)
            yard["rules"][0]["cool_down_seconds"] = 7
            (folder / "cameras" / "yard.yaml").write_text(yaml.safe_dump(yard))
            box.process.send_signal(signal.SIGHUP)
            # The last that this reload writes: a kill may come before it.
            assert eventually(lambda: "cool_down_seconds" in names_of(log), 20), box.output
            box.process.send_signal(signal.SIGKILL)
            box.process.wait()
            _configure(tmp_path / "box", broker.port, clip)
            before = room.states["audit"]["size"]
            box.start()
            assert eventually(lambda: room.states["audit"]["size"] > before, 30), box.output

            def cosigned() -> str:
                return str(room.states["audit/witness/ethics"]["checkpoint"].split("\n")[1])

            assert eventually(lambda: int(cosigned()) > before, 20), "the witness did not follow"
            assert box.end(signal.SIGTERM) == 0
            size = room.states["audit"]["size"]
            assert eventually(lambda: cosigned() == str(size), 20)
        finally:
            witness.terminate()
            told = witness.communicate()[0]
            if box.process.poll() is None:
                box.end(signal.SIGKILL)
            room.close()
    assert "REFUSED" not in told
    (tmp_path / "head").write_text(json.dumps(room.states["audit"]))
    verdict = verify(log, against=[head_in(tmp_path / "head")])
    assert verdict.findings == []
    assert verdict.n == size
    records = list(read(log))
    kinds = {record.kind for record in records}
    assert kinds >= {"start", "stop", "event", "command", "review", "config.refused"}
    assert kinds >= {"model.changed", "rule.armed"}
    (refused,) = (record for record in records if record.kind == "config.refused")
    assert (refused.facts["by"], refused.personal["who"]) == ("command", "control-room")
    assert refused.facts["config"] != refused.facts["in_force"]
    assert refused.facts["problems"][0].startswith("yard.yaml:1:")
    (applied,) = (record for record in records if record.kind == "config.applied")
    assert (applied.facts["by"], applied.personal["who"][:6]) == ("signal", "SIGHUP")
    assert len(applied.facts["diff_sha256"]) == 64
    (changed,) = (r for r in records if r.facts.get("name") == "cool_down_seconds")
    assert (changed.kind, changed.facts["rule"], changed.facts["becomes"]) == (
        "threshold.changed", "across", 7,
    )  # fmt: skip
    asked = [r for r in records if "by control-room" in r.personal.get("why", "")]
    assert [(r.kind, r.facts["rule"]) for r in asked if r.kind != "command"] == [
        ("rule.disarmed", "across"), ("rule.armed", "across"),
    ]  # fmt: skip
    (judged,) = (record for record in records if record.kind == "review")
    assert (judged.facts["event"], judged.facts["verdict"]) == (event, "false")
    assert (judged.personal["who"], judged.personal["why"]) == ("desk-3", "a tree")
    seqs = [record.facts["seq"] for record in records if record.kind == "event"]
    assert seqs == sorted(set(seqs))
