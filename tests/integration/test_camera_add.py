"""`edge camera add` against a real RTSP server with a login, and a simulated ONVIF device."""

from __future__ import annotations

import errno
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.cli import camera as command
from edge.cli import main
from edge.config import load
from edge.sources.rtsp import Options as Rtsp
from tests.clips import encode
from tests.integration import test_discover
from tests.integration.test_discover import PASSWORD, Device, device
from tests.rtsp_camera import RtspCamera

pytestmark = pytest.mark.network

__all__ = ["device"]

USER = "viewer"
APPLIANCE = """\
version: 1
site: harbour
node: cabinet-1
mqtt: {url: "mqtt://127.0.0.1:1883"}
detectors:
  street: {kind: motion}
web: {listen: "127.0.0.1:8080"}
"""


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RtspCamera]:
    clip = encode(tmp_path_factory.mktemp("clip") / "clip.mp4", n_frames=60, gop=5)
    with RtspCamera(clip, USER, PASSWORD) as running:
        yield running


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGE_CAMERA_PASSWORD", PASSWORD)
    (tmp_path / "appliance.yaml").write_text(APPLIANCE)
    return tmp_path


def contents(site: Path) -> dict[str, bytes]:
    return {str(f.relative_to(site)): f.read_bytes() for f in site.rglob("*") if f.is_file()}


def add(site: Path, *arguments: str) -> int:
    return main(["camera", "add", "--config", str(site), "--seconds", "1", *arguments])


def test_a_camera_file_is_written_and_its_password_is_not_in_it(
    site: Path, stream: RtspCamera, capsys: pytest.CaptureFixture[str]
) -> None:
    """Valid, with a modeline and comments; the login is in secrets.yaml alone, mode 0600."""
    bare = stream.url_as(None, None)
    assert add(site, "gate", "--url", bare, "--user", USER, "--name", "The gate", "--json") == 0
    out, err = capsys.readouterr()
    said = json.loads(out)
    assert said["secrets"] == ["gate.source.url"]
    assert said["streams"][0]["codec"] == "h264"
    assert said["next"][0].startswith("systemctl reload edge")
    assert any(f"edge check --config {site}" in words for words in said["next"])
    written = (site / "cameras/gate.yaml").read_text()
    for shown in (out, err, written):
        assert "hunter2" not in shown
    assert written.startswith("# yaml-language-server: $schema=../schema/camera.json\n")
    assert json.loads((site / "schema/camera.json").read_text())["title"] == "Camera"
    assert (site / "secrets.yaml").stat().st_mode & 0o777 == 0o600
    config = load(site)
    (camera,) = config.cameras
    assert [p.path for p in config.problems] == ["rules"]  # there are none yet, and it says so
    assert (camera.camera, camera.name, camera.analyse.detector) == ("gate", "The gate", "street")
    assert isinstance(camera.source, Rtsp)
    assert camera.source.url.get_secret_value() == stream.url


def test_onvif_is_asked_for_the_streams_and_the_sub_stream_can_be_taken(
    site: Path,
    stream: RtspCamera,
    device: Device,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Two streams; both addresses are secrets, and the one analysed is the sub stream's."""
    for token, query in (("a&lt;b", ""), ("sub", "?profile=2")):
        uri = f"{stream.url_as(None, None)}{query}"
        answer = f'<r xmlns="http://www.onvif.org/ver10/schema"><Uri>{uri}</Uri></r>'
        monkeypatch.setitem(test_discover.ANSWERS, token, answer)
    address = f"127.0.0.1:{device.udp.getsockname()[1]}"
    arguments = ("gate", "--address", address, "--user", USER, "--stream", "sub")
    assert add(site, *arguments) == 0, capsys.readouterr().err
    out, err = capsys.readouterr()
    assert "hunter2" not in out + err
    (camera,) = load(site).cameras
    assert isinstance(camera.source, Rtsp)
    assert camera.source.sub_url is not None
    assert camera.name == "North gate?[31m"
    assert (site / "cameras/gate.yaml").read_text().count("!secret") == 2


@pytest.mark.parametrize(
    ("arguments", "expected", "status"),
    [
        pytest.param(("gate", "--user", "other"), "check user name, password", 1, id="refused"),
        pytest.param(("gate", "--url", "rtsp://127.0.0.1:1/x"), "cannot open", 1, id="unreachable"),
        pytest.param(("Gate!",), "expected 1 to 32 characters", 2, id="id"),
        pytest.param(("gate", "--url", "ftp://x/y", "--user", "u"), "expected rtsp", 2, id="url"),
        pytest.param(("gate", "--detector", "moon"), "appliance.yaml has street", 2, id="detector"),
        pytest.param((), "no terminal to ask for the id of the camera; give ID", 2, id="no id"),
        pytest.param(("gate", "--sub-url", "x"), "needs --url", 2, id="nowhere"),
    ],
)
def test_what_fails_writes_nothing(
    site: Path,
    stream: RtspCamera,
    capsys: pytest.CaptureFixture[str],
    *,
    arguments: tuple[str, ...],
    expected: str,
    status: int,
) -> None:
    """One message, no question without a terminal, no password, and the folder as it was."""
    before = contents(site)
    if "--url" not in arguments and "--sub-url" not in arguments:
        arguments += ("--url", stream.url_as(None, None))
        arguments += () if "--user" in arguments else ("--user", USER)
    assert add(site, *arguments) == status
    out, err = capsys.readouterr()
    assert expected in err
    assert "hunter2" not in out + err
    assert contents(site) == before


def test_nothing_is_ever_replaced_and_nothing_half_done(
    site: Path,
    stream: RtspCamera,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither by id, in whatever file, nor secrets on a disk that fills up after them."""
    assert add(site, "gate", "--url", stream.url) == 0
    (site / "cameras/gate.yaml").rename(site / "cameras/other.yaml")
    (site / "cameras/broken.yaml").write_text("camera: [\n")
    before = contents(site)
    capsys.readouterr()
    for name in ("gate", "broken"):
        assert add(site, name, "--url", stream.url) == 2
        assert f"there is a camera {name} already" in capsys.readouterr().err

    def is_full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "link", is_full)
    assert add(site, "yard", "--url", stream.url) == 2
    assert "No space left on device; nothing was added" in capsys.readouterr().err
    assert contents(site) == before


def test_a_terminal_is_asked(
    site: Path,
    stream: RtspCamera,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Where, which id, what name: typed one after the other."""
    monkeypatch.setattr(command, "_is_terminal", lambda: True)
    monkeypatch.setattr(command, "discover", lambda *_: ([], 0))
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{stream.url}\nyard\nThe yard\n"))
    assert add(site) == 0
    out, err = capsys.readouterr()
    assert "hunter2" not in out + err
    assert "no camera answered" in err
    (camera,) = load(site).cameras
    assert (camera.camera, camera.name) == ("yard", "The yard")
