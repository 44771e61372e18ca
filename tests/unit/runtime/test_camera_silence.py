"""A camera is watched when its pictures are judged: neither by silence nor by packets alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import av
import pytest

from edge.errors import SourceLost
from edge.frame import Frame
from edge.packet import Packet, Stream
from edge.sources import SourceOptions
from tests.clips import encode
from tests.servers import eventually
from tests.unit.runtime.test_camera import Heard, Scripted, watching

FPS = 25


class Scene:
    """A live camera whose packets the test spoils, holds back or breaks off while it runs."""

    def __init__(self, clip: Path) -> None:
        with av.open(str(clip)) as container:
            video: Any = container.streams.video[0]
            context = video.codec_context
            self.stream = Stream("h264", bytes(context.extradata), (320, 180), float(FPS))
            self.coded = [(bytes(p), bool(p.is_keyframe)) for p in container.demux(video) if p.size]
        self.is_garbage = threading.Event()
        self.is_silent = threading.Event()
        self.is_broken = threading.Event()


class Source:
    """One connection to it."""

    is_live = True
    clock_doubt = ""

    def __init__(self, scene: Scene, not_before: float) -> None:
        self.stream = scene.stream
        self._scene = scene
        self._pts = max(not_before, time.monotonic())

    def packets(self) -> Iterator[Packet]:
        scene = self._scene
        while True:
            for data, is_keyframe in scene.coded:
                while scene.is_silent.is_set() and not scene.is_broken.is_set():
                    time.sleep(0.02)
                if scene.is_broken.is_set():
                    raise SourceLost("rtsp://yard: cannot read: broken off")
                time.sleep(1 / FPS)
                self._pts += 1 / FPS
                now = datetime.now(timezone.utc)
                packet = Packet(data, self._pts, self._pts, is_keyframe, now, 0)
                yield replace(packet, data=bytes(99)) if scene.is_garbage.is_set() else packet

    def close(self) -> None:
        """Nothing is held."""


class Options(SourceOptions):
    """How to reach it."""

    kind: str = "scene"

    def open(self, *, timeout_s: float = 5.0, not_before: float = 0.0) -> Source:  # noqa: ARG002
        if SCENES[self.kind].is_broken.is_set():
            raise SourceLost("rtsp://yard: cannot open: no route")
        return Source(SCENES[self.kind], not_before)

    @property
    def address(self) -> str:
        return "rtsp://yard"


SCENES: dict[str, Scene] = {}


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    SCENES["scene"] = Scene(encode(tmp_path / "clip.mp4", n_frames=50, fps=FPS, gop=10))
    return SCENES["scene"]


def states(heard: Heard, since: int) -> list[tuple[str, str]]:
    return [(status.state, status.why) for status in heard.statuses[since:]]


def test_silence_does_not_end_what_was_degraded(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a camera that falls silent while damaged nobody hears `watching` before it is lost."""
    for name, seconds in (("CALM_S", 0.5), ("LASTING_S", 0.5)):
        monkeypatch.setattr(f"edge.runtime.standing.{name}", seconds)
    monkeypatch.setattr("edge.runtime.diagnosis.LOST_S", 8.0)
    heard = Heard()
    with watching(Options(), Scripted(), heard) as camera:
        assert eventually(lambda: camera.status.state == "watching")
        scene.is_garbage.set()
        assert eventually(lambda: "damaged" in camera.status.why, 10)
        scene.is_silent.set()
        n_before = len(heard.statuses)
        assert eventually(lambda: camera.status.state == "lost", 12)
        assert "watching" not in [state for state, _ in states(heard, n_before)]
        scene.is_garbage.clear()
        scene.is_silent.clear()
        assert eventually(lambda: heard.phases("analysis_degraded") == ["begin", "end"], 15)


def test_packets_that_never_show_a_picture_are_a_lost_camera(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also while they come without a pause: the watcher neither looks stuck nor stays silent."""
    monkeypatch.setattr("edge.runtime.diagnosis.BLIND_S", 2.0)
    heard = Heard()
    with watching(Options(), Scripted(), heard) as camera:
        assert eventually(lambda: camera.status.state == "watching")
        scene.is_garbage.set()
        assert eventually(lambda: heard.phases("camera_lost") == ["begin"], 8)
        assert "no picture could be decoded" in camera.status.why
        scene.is_garbage.clear()
        assert eventually(lambda: camera.status.state == "watching", 12)
    assert heard.phases("camera_lost") == ["begin", "end"]


def test_a_camera_that_comes_back_is_watched_from_its_first_picture_on(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until then it is lost, and the incident lasts: packets alone are not watching."""
    monkeypatch.setattr("edge.runtime.diagnosis.LOST_S", 1.0)
    heard = Heard()
    with watching(Options(), Scripted(), heard) as camera:
        assert eventually(lambda: camera.status.state == "watching")
        scene.is_broken.set()
        assert eventually(lambda: heard.phases("camera_lost") == ["begin"], 10)
        scene.is_garbage.set()
        n_before = len(heard.statuses)
        scene.is_broken.clear()
        time.sleep(2.0)
        assert [state for state, _ in states(heard, n_before)] == ["lost"]
        assert camera.status.why == "packets come, and no picture yet"
        assert heard.phases("camera_lost") == ["begin"]
        scene.is_garbage.clear()
        assert eventually(lambda: camera.status.state != "lost", 5)
    assert heard.phases("camera_lost") == ["begin", "end"]


def test_while_nothing_comes_nothing_is_said_of_watching(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even that it watches with a clock in doubt: that is said with the next picture."""
    monkeypatch.setattr("edge.runtime.diagnosis.LOST_S", 3.5)
    heard, doubts = Heard(), [""]
    with watching(Options(), Scripted(), heard, clock_doubt=lambda: doubts[0]) as camera:
        assert eventually(lambda: camera.status.state == "watching")
        scene.is_silent.set()
        time.sleep(1.3)
        n_before, doubts[0] = len(heard.statuses), "the box's clock was never set"
        assert eventually(lambda: heard.phases("clock_unsure") == ["begin"], 2)
        assert eventually(lambda: camera.status.state == "lost", 5)
        assert [state for state, _ in states(heard, n_before)] == ["lost"]
        scene.is_silent.clear()
        assert eventually(lambda: camera.status.state == "degraded", 5)
    assert camera.status.why == doubts[0]


def test_what_it_still_has_to_analyse_is_no_watching_once_the_connection_is_gone(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A camera that was back for a moment stays lost: its pictures are late, and none follow."""
    monkeypatch.setattr("edge.runtime.diagnosis.LOST_S", 1.0)
    heard, may_look = Heard(), threading.Event()
    may_look.set()

    def wait(_: Frame) -> None:
        may_look.wait(10)

    with watching(Options(), Scripted(wait), heard) as camera:
        assert eventually(lambda: camera.status.state == "watching")
        scene.is_broken.set()
        assert eventually(lambda: heard.phases("camera_lost") == ["begin"], 10)
        n_before, n_frames = len(heard.statuses), camera.counters.n_frames
        may_look.clear()
        scene.is_broken.clear()
        assert eventually(lambda: camera.counters.n_frames > n_frames, 5)
        scene.is_broken.set()
        assert eventually(lambda: camera.reader.trouble != "", 5)
        may_look.set()
        time.sleep(1.0)
        assert {state for state, _ in states(heard, n_before)} <= {"lost"}
        assert heard.phases("camera_lost") == ["begin"]
        scene.is_broken.clear()
        assert eventually(lambda: camera.status.state == "watching", 10)
    assert heard.phases("camera_lost") == ["begin", "end"]
