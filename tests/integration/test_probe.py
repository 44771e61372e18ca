"""`edge probe` against a real RTSP server and recordings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import pytest

from edge.demo.rtsp import RtspCameras
from tests.clips import encode
from tests.integration.test_cli import edge

pytestmark = pytest.mark.network


def probed(*arguments: str) -> dict[str, Any]:
    """What it says as JSON."""
    done = edge("probe", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_a_camera_is_described_and_pictured(tmp_path: Path) -> None:
    """Size, rate, keyframes and loss are the clip's; the picture is one; no password is told."""
    clip = encode(tmp_path / "clip.mp4", n_frames=80, is_steady=True)
    with RtspCameras(clip, 1) as cameras:
        url = cameras.url(0).replace("rtsp://", "rtsp://user:hunter2@")
        file = tmp_path / "picture.jpg"
        done = edge("probe", url, "--seconds", "4", "--json", "--snapshot", str(file))
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    reference = probed(str(clip), "--seconds", "8")
    assert (told["codec"], told["size_wh"]) == ("h264", reference["size_wh"])
    assert told["fps"] == pytest.approx(reference["fps"], rel=0.05)
    assert told["keyframe_s"] == pytest.approx(reference["keyframe_s"], rel=0.05)
    assert told["n_damaged"] == 0
    assert "hunter2" not in done.stdout + done.stderr
    picture = cv2.imread(str(file))
    assert picture is not None
    assert [picture.shape[1], picture.shape[0]] == told["size_wh"]


def test_long_gops_are_a_reason_for_advice(tmp_path: Path) -> None:
    """A camera that could never rest is told to send keyframes more often."""
    often = probed(str(encode(tmp_path / "often.mp4", n_frames=80, gop=10)))
    seldom = probed(str(encode(tmp_path / "seldom.mp4", n_frames=80, gop=40)))
    assert not any("keyframe" in words for words in often["advice"])
    assert any("every 1 to 2 s" in words for words in seldom["advice"])


@pytest.mark.parametrize("which", [(), ("a.mp4", "--camera", "gate"), ("--camera", "gate")])
def test_an_address_or_a_configured_camera_is_asked_for(which: tuple[str, ...]) -> None:
    """One of them, and for a camera the folder it stands in."""
    done = edge("probe", *which)
    assert done.returncode == 2
    assert "--camera" in done.stderr


@pytest.mark.parametrize(
    ("url", "expected", "status"),
    [
        ("nosuch.mp4", "nosuch.mp4: no such recording", 2),
        ("ftp://camera/x", "expected rtsp://host/path", 2),
        ("rtsp://user:p/ss@host/x", "write @ as %40", 2),
        ("rtsp://user:hunter2@127.0.0.1:1/x", "rtsp://127.0.0.1:1/x: cannot open", 1),
    ],
)
def test_what_cannot_be_probed_is_said(url: str, expected: str, status: int) -> None:
    """One line: what, where and what to do; no password."""
    done = edge("probe", url, "--seconds", "1")
    assert done.returncode == status
    assert expected in done.stderr
    assert "p/ss" not in done.stderr
    assert "hunter2" not in done.stderr
