"""`edge run` as systemd sees it: when it is ready, and when it is no longer fed."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.clips import encode
from tests.servers import eventually, free_port
from tests.unit.detectors.tiny_model import write_model

pytestmark = [pytest.mark.alone, pytest.mark.network, pytest.mark.slow]

WATCHDOG_S = 2.0

HANGING = """
import sys, time
from pathlib import Path
from edge.detectors import onnx
from edge.runtime.daemon import serve

run = onnx.OnnxBackend.run

def hang(self, inputs):
    while Path(sys.argv[2]).exists():
        time.sleep(0.05)
    return run(self, inputs)

onnx.OnnxBackend.run = hang
serve(Path(sys.argv[1]))
"""
"""The daemon, with an engine that hangs while a file is there."""


def configuration(folder: Path, port: int) -> Path:
    """A camera that delivers, one that cannot be reached, and a broker that is away."""
    (folder / "cameras").mkdir(parents=True)
    appliance = {
        "version": 1,
        "site": "test",
        "node": "cabinet",
        "mqtt": {"url": f"mqtt://127.0.0.1:{free_port()}"},
        "storage": {"path": str(folder / "var")},
        "detectors": {"street": {"kind": "onnx", "model": "tiny"}},
        "metrics": {"listen": f"127.0.0.1:{port}"},
    }
    (folder / "appliance.yaml").write_text(yaml.safe_dump(appliance))
    clip = encode(folder / "clip.mp4", n_frames=50, fps=25, gop=5)
    sources = {
        "yard": {"kind": "file", "path": str(clip), "loop": True, "realtime": True},
        "gate": {"kind": "rtsp", "url": f"rtsp://127.0.0.1:{free_port()}/stream"},
    }
    for name, source in sources.items():
        camera = {
            "version": 1,
            "camera": name,
            "source": source,
            "analyse": {"detector": "street", "fps": 8, "gate": "always"},
        }
        (folder / "cameras" / f"{name}.yaml").write_text(yaml.safe_dump(camera))
    return folder


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(str(tmp_path / "notify"))
        yield bound


def heard(supervisor: socket.socket, what: str, within_s: float) -> str:
    """The next message that begins so; empty where none came."""
    deadline = time.monotonic() + within_s
    while (left := deadline - time.monotonic()) > 0:
        supervisor.settimeout(left)
        try:
            said = supervisor.recv(500).decode()
        except TimeoutError:
            break
        if said.startswith(what):
            return said
    return ""


def asked(port: int, path: str) -> tuple[int, str]:
    """Status and text; 0 where nobody listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.read().decode()
    except OSError:
        return 0, ""


def test_ready_once_every_camera_is_explained_and_fed_only_while_the_engine_answers(
    tmp_path: Path, supervisor: socket.socket
) -> None:
    """Also without a broker. An engine that hangs ends it, though the process lives on."""
    write_model(tmp_path / "models")
    port = free_port()
    folder, hung = configuration(tmp_path / "site", port), tmp_path / "hung"
    environment = {
        **os.environ,
        "NOTIFY_SOCKET": str(tmp_path / "notify"),
        "WATCHDOG_USEC": str(int(WATCHDOG_S * 1e6)),
        "EDGE_MODELS": str(tmp_path / "models"),
    }
    began = time.monotonic()
    with (tmp_path / "output.txt").open("wb") as output:
        box = subprocess.Popen(
            [sys.executable, "-c", HANGING, str(folder), str(hung)],
            env=environment,
            stdout=output,
            stderr=output,
        )
    try:
        assert eventually(lambda: asked(port, "/readyz")[0] == 503, 20.0)
        ready = heard(supervisor, "READY=1", 40)
        assert ready == "READY=1\nSTATUS=watching 1 of 2 cameras", (
            tmp_path / "output.txt"
        ).read_text()
        assert time.monotonic() - began > 5.0  # the other one was given its time, and then reported
        assert heard(supervisor, "WATCHDOG=1", WATCHDOG_S / 2)
        assert heard(supervisor, "WATCHDOG=1", WATCHDOG_S / 2)
        assert asked(port, "/readyz") == asked(port, "/healthz") == (200, "ok\n")
        told = asked(port, "/metrics")[1]
        assert 'edge_camera_state{camera="gate",state="lost"} 1.0' in told
        assert 'edge_broker_connected{place="' in told
        frames = re.search(r'edge_camera_frames_total\{camera="yard"\} ([0-9.]+)', told)
        assert frames is not None
        assert float(frames[1]) > 0
        hung.touch()
        heard(supervisor, "WATCHDOG=1", WATCHDOG_S / 2)  # for what got on before
        assert not heard(supervisor, "WATCHDOG=1", WATCHDOG_S)
        assert eventually(lambda: asked(port, "/healthz")[0] == 503, 10.0)
        assert box.poll() is None
    finally:
        box.kill()
        box.wait()
