"""`edge commission` beside a running daemon, with a real RTSP camera and a real broker."""

from __future__ import annotations

import json
import re
import signal
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.cli import main
from edge.site.commission import link
from tests.integration.test_chain import PASSWORD, USER, Appliance, configuration, walk
from tests.rtsp_camera import RtspCamera
from tests.servers import Mosquitto, eventually, listening, mosquitto

pytestmark = [pytest.mark.alone, pytest.mark.network, pytest.mark.timeout(180)]

MORE = """\
  - {name: nobody, kind: line_crossing, line: sky}
  - {name: parked, kind: stopped_vehicle, zone: right-half, seconds: 600}
masks: {corner: [[0.0, 0.0], [0.2, 0.0], [0.2, 0.2], [0.0, 0.2]]}
calibration:
  size: [640, 360]
  points: {a: [0.1, 0.9], b: [0.9, 0.9], c: [0.3, 0.5], d: [0.7, 0.5]}
  ground: {a: [-4, 5], b: [4, 5], c: [-4, 20], d: [4, 20]}
"""
LOGINS = """\
topic write cctv/v1/test/cabinet-001/#
user observer
topic read cctv/#
"""


@dataclass
class Site:
    """A box in service."""

    folder: Path
    broker: Mosquitto
    box: Appliance

    def commission(self, *arguments: str) -> tuple[int, dict[str, Any], str]:
        """Exit code, facts and page."""
        out = self.folder / "report"
        where = ("--config", str(self.folder), "--output", str(out))
        status = main(["commission", *where, "--no-bench", *arguments])
        facts = json.loads((out / "commission.json").read_text())
        return status, facts, (out / "commission.html").read_text()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A camera somebody walks past every four seconds; a broker that lets no box hear itself."""
    folder = tmp_path_factory.mktemp("site")
    access = folder / "access.acl"
    access.write_text(LOGINS)
    lines = ("allow_anonymous true", f"acl_file {access}")
    clip = walk(folder / "walk.mp4", still_s=0.5, moving_s=2.0)
    with mosquitto(folder, *lines) as broker, RtspCamera(clip, USER, PASSWORD) as camera:
        box = configuration(folder / "box", camera.url, broker.port)
        file = box / "cameras/yard.yaml"
        text = file.read_text().replace("lines: {", "lines: {sky: [[0.4, 0.1], [0.6, 0.1]], ")
        file.write_text(text + MORE)
        with listening(broker.port, login=("observer", "")) as room:
            running = Appliance(box)
            try:
                assert eventually(lambda: room.matching("/event/"), 40), running.output
                yield Site(box, broker, running)
            finally:
                running.end(signal.SIGTERM)


def checks(facts: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {check["name"]: (check["level"], check["found"]) for check in facts["checks"]}


def test_a_walk_is_reported_and_a_rule_that_did_not_fire_is_named(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Events with time, rule and camera; the silent one fails it, loudly; all else is there."""
    monkeypatch.setenv("EDGE_MQTT_PASSWORD", "")
    status, facts, page = site.commission(
        "--walk", "4", "--username", "observer", "--leave-out", "yard/parked"
    )
    out, err = capsys.readouterr()
    found = checks(facts)
    assert status == 1
    assert facts["walk"]["silent"] == ["yard/nobody"]
    assert set(facts["walk"]["fired"]) == {"yard/across", "yard/inside"}
    assert found["walk yard/nobody"][0] == "red"
    assert "RULE yard/nobody DID NOT FIRE" in out
    assert "<ul><li>yard/nobody</li></ul>" in page
    assert facts["walk"]["left_out"] == {"yard/parked": "the engineer left it out"}
    events = facts["walk"]["events"]
    assert {(e["camera"], e["rule"], e["is_heard"]) for e in events} == {
        ("yard", "across", True),
        ("yard", "inside", True),
    }
    assert all(re.fullmatch(r"20\d\d-.*Z", event["at"]) for event in events)
    assert len(facts["round_trip_ms"]) == 5
    assert found["MQTT round trip"][0] == found["daemon"][0] == "green"
    (camera,) = facts["cameras"]
    zone = next(shape for shape in camera["shapes"] if shape["name"] == "right-half")
    assert zone["calibrated"]
    assert zone["px_per_m"][0] == 0.0  # its upper corners are above the horizon
    assert {one["what"] for one in facts["installed"]} >= {"program", "configuration"}
    assert facts["untested"]
    for shown in (out, err, page, json.dumps(facts)):
        assert PASSWORD not in shown
    coded = re.search(r"data:image/jpeg;base64,([^\"]+)", page)
    assert coded
    picture = cv2.imdecode(np.frombuffer(b64decode(coded[1]), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture[25:60, 60:120].max() < 30  # the mask; its name is written above
    assert picture[150:300, 200:500].mean() > 60
    assert not re.search(r"(src|href)=\"(?!data:)|<script|url\(", page)


def test_a_broker_that_lets_no_box_hear_itself_is_told_from_a_silent_rule(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without another login the events are found in the box's outbox, and it says so."""
    monkeypatch.setattr(link, "TRIP_S", 0.5)
    status, facts, _ = site.commission("--walk", "3.5")
    found = checks(facts)
    assert status == 1
    assert found["MQTT round trip"] == ("red", "0 of 5 messages came back within 5 s each")
    assert "yard/across" in facts["walk"]["fired"]
    assert not any(event["is_heard"] for event in facts["walk"]["events"])
    assert found["walk, heard"][0] == "red"


def test_a_broker_that_is_down_is_a_failure_and_the_rest_is_reported(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback; pictures and the walk are there all the same."""
    site.broker.kill()
    status, facts, page = site.commission("--no-walk")
    found = checks(facts)
    assert status == 1
    assert found["MQTT round trip"][0] == found["broker"][0] == "red"
    assert facts["walk"] is None
    assert "Nobody walked" in page
    assert any("only the broker could have said so" in words for words in facts["untested"])
    assert facts["cameras"][0]["picture_sha256"]
    assert "Traceback" not in capsys.readouterr().err
