"""`edge run` on a box without engines: it watches at once, builds, and goes over with all it knows.

With OpenVINO, which is real, and with TensorRT over stand-ins for NVIDIA's libraries.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import REPOSITORY
from tests.servers import Listener, eventually, listening, mosquitto
from tests.unit.detectors.blob_model import film, write_blob_model
from tests.unit.detectors.on_host import NVIDIA_ON_HOST

pytestmark = [pytest.mark.alone, pytest.mark.network, pytest.mark.slow, pytest.mark.timeout(180)]


def configuration(folder: Path, port: int) -> Path:
    """A box with a model in its storage, and a camera that sees somebody come and stay."""
    box = folder / "box"
    (box / "cameras").mkdir(parents=True)
    write_blob_model(box / "var" / "models")
    appliance: dict[str, Any] = {
        "version": 1,
        "site": "test",
        "node": "cabinet-001",
        "mqtt": {"url": f"mqtt://127.0.0.1:{port}", "root": "cctv"},
        "storage": {"path": str(box / "var")},
        "detectors": {"street": {"kind": "auto", "model": "tiny"}},
    }
    (box / "appliance.yaml").write_text(yaml.safe_dump(appliance))
    camera: dict[str, Any] = {
        "version": 1,
        "camera": "yard",
        "name": "The yard",
        "source": {"kind": "file", "path": str(film(folder / "film.mp4", 100, comes_s=0.4))},
        "analyse": {"detector": "street", "fps": 5, "gate": "always"},
        "zones": {"all": [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]},
        "rules": [{"name": "inside", "kind": "zone_entry", "zone": "all", "classes": ["person"]}],
    }
    (box / "cameras" / "yard.yaml").write_text(yaml.safe_dump(camera))
    return box


def events(room: Listener) -> list[dict[str, Any]]:
    return [message.json for message in room.matching("/event/")]


@pytest.mark.parametrize("kind", ["openvino", "tensorrt"])
def test_it_goes_over_to_a_built_engine_and_loses_no_track(tmp_path: Path, kind: str) -> None:
    """One incident is open all the while, with one track and one model; nothing else is said."""
    if kind == "openvino":
        pytest.importorskip("openvino", reason="not installed: pip install '.[openvino]'")
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY), "ON_HOST_STEP_S": "0.2"}
    if kind == "tensorrt":
        env["PYTHONPATH"] = os.pathsep.join([str(NVIDIA_ON_HOST), str(REPOSITORY)])
    with mosquitto(tmp_path) as broker, listening(broker.port) as room:
        box, log = configuration(tmp_path, broker.port), tmp_path / "log.txt"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "edge", "run", "--config", str(box)],
                stdout=output, stderr=output, env=env, cwd=tmp_path,
            )  # fmt: skip
        try:

            def wait_for(what: Callable[[], object], told: str) -> None:
                assert eventually(what, 60), f"{told}; the box said:\n{log.read_text()}"

            wait_for(lambda: "watching" in log.read_text() and events(room), "it does not watch")
            before = log.read_text().partition(": watching")[0]
            assert "another engine took over" not in before, "it waited for the engine"
            wait_for(lambda: "another engine took over" in log.read_text(), "it does not go over")
            assert not eventually(lambda: len(events(room)) > 1, 2.0), "something was said"
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
            wait_for(lambda: len(events(room)) > 1, "the incident was not ended")
        finally:
            process.kill()
            process.wait()

    begin, end = events(room)
    assert (begin["phase"], end["phase"]) == ("begin", "end")
    assert begin["incident"] == end["incident"]
    assert begin["objects"][0]["track"] == end["objects"][0]["track"]
    (about,) = {message.json["models"][0]["ref"] for message in room.matching("/about")}
    assert begin["model"] == end["model"] == about
    states = [message.json["state"] for message in room.matching("/camera/yard/status")]
    assert set(states[1:]) <= {"watching", "lost"}, "no degradation by going over"
    said = log.read_text()
    assert f"{kind} " in said.partition("engine of tiny: is built for")[2].partition(";")[0]
    assert " is in service" in said

    # The next start finds it, and so does who asks.
    listed = subprocess.run(
        [sys.executable, "-m", "edge", "model", "list", "--json", "--config", str(box)],
        capture_output=True, text=True, check=True, env=env, cwd=tmp_path,
    )  # fmt: skip
    (row,) = [row for row in json.loads(listed.stdout) if row["name"] == "tiny"]
    assert next(text for text in row["engines"] if f"{kind} " in text).endswith(": built")
