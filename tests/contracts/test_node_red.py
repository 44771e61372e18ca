"""configs/node-red/alerts.json in a real Node-RED without a screen, at a real broker."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from paho.mqtt import publish

from tests.conftest import REPOSITORY
from tests.contracts.test_sinks import at, is_sent, publishing
from tests.servers import Listener, Mosquitto, eventually, free_port, mosquitto
from tests.unit.sinks.events_builder import crossing, stay

pytestmark = pytest.mark.network

FLOW = REPOSITORY / "configs" / "node-red" / "alerts.json"
HOME = Path(sys.prefix)
PROGRAM = HOME / "node_modules" / "node-red" / "red.js"


@contextmanager
def node_red(folder: Path, flow: str) -> Iterator[Path]:
    """A Node-RED that runs a flow; gives what it prints."""
    node = shutil.which("node")
    if node is None or not PROGRAM.is_file():
        pytest.skip(f"no {PROGRAM}; run: npm install --prefix {HOME} node-red")
    (folder / "flows.json").write_text(flow)
    (folder / "settings.js").write_text(
        "module.exports = {flowFile: 'flows.json', httpAdminRoot: false, httpNodeRoot: false,"
        f"uiHost: '127.0.0.1', uiPort: {free_port()}, logging: {{console: {{level: 'info'}}}}}};"
    )
    said = folder / "node-red.log"
    with said.open("wb") as log:
        process = subprocess.Popen(
            [node, str(PROGRAM), "--userDir", str(folder)],
            stdout=log,
            stderr=log,
        )
    try:
        yield said
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)


def is_heard(broker: Mosquitto, folder: Path) -> bool:
    """Whether somebody has subscribed."""
    return "node-red-control-room 1 cctv" in (folder / f"mosquitto-{broker.port}.log").read_text()


def printed(said: Path, wire: str) -> list[str]:
    """What a debug node of that name has printed, objects on one line."""
    pieces = re.split(r"^\d+ \w+ \d\d:\d\d:\d\d - ", said.read_text("utf-8"), flags=re.MULTILINE)
    mark = f"[info] [debug:{wire}] "
    return [" ".join(piece[len(mark) :].split()) for piece in pieces if piece.startswith(mark)]


def test_the_flow_of_the_page_runs_in_node_red(tmp_path: Path) -> None:
    """Alerts once each on their own wire, with the box's real messages; and each gap is said."""
    with mosquitto(tmp_path) as broker:
        nodes = json.loads(FLOW.read_text("utf-8"))
        for one in nodes:
            if one["type"] == "mqtt-broker":
                one["port"] = str(broker.port)
        with node_red(tmp_path, json.dumps(nodes)) as said:
            assert eventually(lambda: is_heard(broker, tmp_path), 30), said.read_text()
            listener = Listener(broker.port, "cctv/v1/+/+/camera/+/event/#")
            with publishing(tmp_path, at(broker.port)) as publisher:
                for event in (crossing(1), stay("begin", 2), stay("end", 3), crossing(4)):
                    publisher.emit(event)
                assert eventually(is_sent(publisher))
            assert eventually(lambda: len(listener.received) == 4)
            listener.close()
            last = listener.received[-1]
            # The same again, and one whose number tells that three are missing.
            later = {**last.json, "id": last.json["id"][:-1] + "x", "seq": last.json["seq"] + 4}
            for payload in (last.payload, json.dumps(later).encode()):
                publish.single(last.topic, payload, qos=1, port=broker.port)
            assert eventually(lambda: printed(said, "gaps")), said.read_text()
            assert eventually(lambda: len(printed(said, "alerts")) >= 3), said.read_text()
            words = said.read_text("utf-8")
    first = last.json["seq"] + 1
    assert printed(said, "gaps") == [f"numbers {first} to {first + 2} are missing"]
    alerts = printed(said, "alerts")
    assert [seq for alert in alerts for seq in re.findall(r"seq: (\d+)", alert)] == [
        str(seq) for seq in (1, 4, 8)
    ]
    assert "'line_crossed'" in alerts[0]
    assert "high-street-north" in alerts[0]
    assert "[error]" not in words
