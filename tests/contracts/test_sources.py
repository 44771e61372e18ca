"""What every source promises, over every kind in the room."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from edge.errors import SourceError
from edge.options import kinds
from edge.sources import SourceOptions
from tests.clips import encode
from tests.http_camera import HttpCamera
from tests.rtsp_camera import RtspCamera

KINDS = kinds("edge.sources")
SECRET = "hidden-p4ssword"  # noqa: S105 - of no camera

UNREACHABLE: dict[str, dict[str, Any]] = {
    "rtsp": {"url": f"rtsp://viewer:{SECRET}@127.0.0.1:9/live?token={SECRET}"},
    "http": {"url": f"http://viewer:{SECRET}@127.0.0.1:9/live.ts?token={SECRET}"},
    "file": {"path": f"/nowhere/{'x' * 20}.mp4"},
}


def options(kind: str, **settings: Any) -> SourceOptions:
    made = KINDS[kind].model_validate_json(json.dumps({"kind": kind, **settings}))
    assert isinstance(made, SourceOptions)
    return made


def test_every_kind_is_tried_here() -> None:
    """A new source comes with an address that cannot be reached."""
    assert set(UNREACHABLE) == set(KINDS)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_what_cannot_be_reached_says_so_without_secrets(kind: str) -> None:
    """One of our errors, naming the address fit for a log, soon."""
    source = options(kind, **UNREACHABLE[kind])
    with pytest.raises(SourceError) as caught:
        source.open(timeout_s=2.0)
    assert source.address in str(caught.value)
    for text in (str(caught.value), repr(source), source.address):
        assert SECRET not in text


@pytest.mark.network
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_packets_begin_at_a_keyframe_run_forward_and_end_on_close(
    kind: str, tmp_path: Path
) -> None:
    """Time never runs back, `pts` is not before `dts`, and closing twice is fine."""
    clip = encode(tmp_path / "clip.mp4", n_frames=60, fps=20, gop=10)
    transport_stream = encode(tmp_path / "clip.ts", n_frames=60, fps=20, gop=10)
    with RtspCamera(clip) as camera, HttpCamera(transport_stream, seconds=3.0) as server:
        settings: dict[str, dict[str, Any]] = {
            "rtsp": {"url": camera.url},
            "http": {"url": server.url},
            "file": {"path": str(clip), "loop": True},
        }
        source = options(kind, **settings[kind]).open()
        packets = []
        for packet in source.packets():
            packets.append(packet)
            if len(packets) == 25:
                source.close()
                source.close()
                break
    assert source.stream.codec == "h264"
    assert source.stream.size_wh == (320, 180)
    assert packets[0].is_keyframe
    assert all(a.dts <= b.dts for a, b in pairwise(packets))
    assert all(packet.pts >= packet.dts for packet in packets)
    assert all(packet.captured_at.utcoffset() is not None for packet in packets)
    assert source.clock_doubt == ""


@pytest.mark.network
def test_a_later_connection_goes_on_in_stream_time(tmp_path: Path) -> None:
    """Durations survive a reconnection: time goes on after what was reached."""
    clip = encode(tmp_path / "clip.mp4", n_frames=60, fps=20, gop=10)
    with RtspCamera(clip) as camera:
        source = options("rtsp", url=camera.url).open(not_before=1e9)
        first = next(iter(source.packets()))
        source.close()
    assert first.dts >= 1e9
