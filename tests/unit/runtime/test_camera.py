"""A camera in service says what it sees and, as loudly, when it cannot see."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import av
import pytest

from edge.decoders.software import Options as SoftwareOptions
from edge.detections import ANY_LABEL, Detections, ModelRef
from edge.errors import DetectorStalled, OutboxError
from edge.event import Event, Kind, RuleState
from edge.frame import Frame
from edge.gates.always import Always
from edge.health import Check
from edge.masks import Masks
from edge.pipeline import Pipeline
from edge.runtime.camera import Camera
from edge.runtime.reader import Reader
from edge.runtime.standing import Status
from edge.runtime.telling import Reports
from edge.sources import SourceOptions
from edge.sources.file import Options as FileOptions
from edge.sources.rtsp import Options as RtspOptions
from edge.trackers.bytetrack import Options as TrackerOptions
from tests.clips import encode
from tests.servers import eventually

MODEL = ModelRef("scripted", "0" * 64, (ANY_LABEL,))


class Scripted:
    """A detector that sees nothing, or does what the test wants at a frame's number."""

    def __init__(self, act: Callable[[Frame], None] = lambda _: None) -> None:
        self.model = MODEL
        self._act = act

    def detect(self, frame: Frame) -> Detections:
        self._act(frame)
        return Detections.none(frame.stamp, frame.size_wh, MODEL)


class Heard:
    """What a camera reported."""

    def __init__(self, *, is_full: bool = False) -> None:
        self.events: list[Event] = []
        self.statuses: list[Status] = []
        self._is_full = is_full

    def reports(self) -> Reports:
        return Reports(self._emit, lambda _, status: self.statuses.append(status), self._ignore)

    def phases(self, kind: str) -> list[str]:
        return [event.phase for event in self.events if event.kind == kind]

    def _emit(self, event: Event) -> None:
        if self._is_full:
            raise OutboxError("disk full")
        self.events.append(event)

    def _ignore(self, _camera: str, _rule: str, _state: RuleState) -> None:
        """These cameras have no rules."""


class Wrong:
    """A check that finds the picture hidden from its first look on."""

    kind: Kind = "camera_covered"
    begin_s = 0.0
    end_s = 0.0

    def look(self, frame: Frame) -> str:
        return f"camera {frame.stamp.camera} is covered"


@contextmanager
def watching(
    source: SourceOptions,
    detector: Scripted,
    heard: Heard,
    *,
    degraded: str = "",
    clock_doubt: Callable[[], str] = str,
    checks: Sequence[Check] = (),
) -> Iterator[Camera]:
    tracker = TrackerOptions(kind="bytetrack").build()
    camera = Camera(
        "yard",
        Reader("yard", source, wait=lambda _: 0.05),
        Pipeline(Masks(), Always(), detector, tracker, [], checks=checks),
        decoder=SoftwareOptions(),
        fps=25,
        reports=heard.reports(),
        degraded=degraded,
        clock_doubt=clock_doubt,
    )
    camera.start()
    try:
        yield camera
    finally:
        camera.stop("stopped")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> FileOptions:
    path = encode(tmp_path_factory.mktemp("clips") / "clip.mp4", n_frames=50, fps=25, gop=5)
    return FileOptions(kind="file", path=path, loop=True)


def test_a_camera_that_delivers_is_watching(clip: FileOptions) -> None:
    """From `connecting` to `watching`, without an event."""
    heard = Heard()
    with watching(clip, Scripted(), heard):
        assert eventually(lambda: heard.statuses[-1].state == "watching")
    assert heard.statuses[0].state == "lost"
    assert heard.events == []


def test_a_detector_without_an_answer_begins_an_incident_and_ends_it(clip: FileOptions) -> None:
    """A time-out is never an empty scene: it is `detector_stalled`, until it answers again."""

    def fail(frame: Frame) -> None:
        if frame.stamp.index in range(10, 20):
            raise DetectorStalled("detector street: no answer within 5 s")

    heard = Heard()
    with watching(clip, Scripted(fail), heard) as camera:
        assert eventually(lambda: heard.phases("detector_stalled") == ["begin", "end"], 15)
        assert eventually(lambda: camera.status.state == "watching")
    assert camera.counters.n_stalled == 10
    assert any(s.state == "degraded" and "no answer" in s.why for s in heard.statuses)


def test_a_fault_of_ours_is_said_and_watching_goes_on(
    clip: FileOptions, caplog: pytest.LogCaptureFixture
) -> None:
    """One picture that breaks a rule does not end the camera, nor pass in silence."""

    def fail(frame: Frame) -> None:
        if frame.stamp.index == 5:
            raise ZeroDivisionError("a fault of ours")

    heard = Heard()
    with watching(clip, Scripted(fail), heard) as camera:
        assert eventually(lambda: heard.phases("analysis_degraded") == ["begin", "end"], 20)
        assert camera.counters.n_frames > 10
    assert "internal error" in heard.events[0].reason
    assert "ZeroDivisionError" in caplog.text


def test_a_watcher_that_falls_behind_skips_counts_and_says_so(clip: FileOptions) -> None:
    """Newest wins: what was passed over is counted, and lasts as `analysis_degraded`."""
    heard = Heard()
    with watching(clip, Scripted(lambda _: time.sleep(0.25)), heard) as camera:
        assert eventually(lambda: heard.phases("analysis_degraded") == ["begin"], 20)
        assert camera.counters.n_skipped > 0
        assert camera.status.state == "degraded"
    assert heard.phases("analysis_degraded") == ["begin", "end"]


def test_a_camera_that_is_not_there_is_lost_until_it_stops() -> None:
    """Nobody answers: status and event, and stopping takes no time-out."""
    url = "rtsp://viewer:hidden@127.0.0.1:9/live"
    heard = Heard()
    with watching(RtspOptions.model_validate({"kind": "rtsp", "url": url}), Scripted(), heard):
        assert eventually(lambda: heard.phases("camera_lost") == ["begin"], 15)
        began = time.monotonic()
    assert time.monotonic() - began < 3
    assert heard.phases("camera_lost") == ["begin", "end"]
    assert all("hidden" not in text for text in [s.why for s in heard.statuses])


def test_data_without_a_picture_is_not_watching(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Packets that nobody can decode are reported like no packets at all."""
    monkeypatch.setattr("edge.runtime.diagnosis.BLIND_S", 1.0)
    path = encode(tmp_path / "clip.mp4", n_frames=50, fps=25)
    coded = bytearray(path.read_bytes())
    start = coded.index(b"mdat") + 4
    end = coded.index(b"moov") - 4
    coded[start:end] = bytes(end - start)
    path.write_bytes(coded)
    heard = Heard()
    source = FileOptions(kind="file", path=path, loop=True)
    with watching(source, Scripted(), heard) as camera:
        assert eventually(lambda: heard.phases("camera_lost") == ["begin"], 10)
        assert camera.status.state == "lost"
        assert "no picture could be decoded" in camera.status.why
        assert camera.counters.n_frames == 0


def test_less_than_was_asked_for_is_an_incident_from_the_start(clip: FileOptions) -> None:
    """Watching with the fallback detector is said at once, and ended with the camera."""
    heard = Heard()
    with watching(clip, Scripted(), heard, degraded="no weights of yolox-nano") as camera:
        assert eventually(lambda: camera.status.state == "degraded")
        assert heard.phases("analysis_degraded") == ["begin"]
    assert heard.phases("analysis_degraded") == ["begin", "end"]


def test_an_event_that_cannot_be_stored_is_counted_and_shown(clip: FileOptions) -> None:
    """A full disk neither stops the watching nor goes unseen."""
    heard = Heard(is_full=True)
    with watching(clip, Scripted(), heard, degraded="anything that makes an event") as camera:
        assert eventually(lambda: camera.counters.n_unstored == 1)
        assert eventually(lambda: camera.counters.n_frames > 5)
        assert camera.status.state == "degraded"


def test_a_recording_is_over_when_its_last_picture_was_judged(tmp_path: Path) -> None:
    """The reader is ahead of the watcher: `the recording ended` comes after all its pictures."""
    path = encode(tmp_path / "clip.mp4", n_frames=60, fps=25)
    heard = Heard()
    judged_at_end: list[int] = []
    source = FileOptions(kind="file", path=path, realtime=False)
    with watching(source, Scripted(lambda _: time.sleep(0.02)), heard) as camera:
        assert eventually(lambda: heard.phases("camera_lost") == ["begin"], 15)
        judged_at_end.append(camera.counters.n_frames)
    assert judged_at_end == [60]


def test_a_recording_read_to_its_end_is_not_read_again(tmp_path: Path) -> None:
    """Every frame once, then the camera is lost with the reason: it will not come back."""
    path = encode(tmp_path / "clip.mp4", n_frames=20, fps=25)
    heard = Heard()
    source = FileOptions(kind="file", path=path, realtime=False)
    with watching(source, Scripted(), heard) as camera:
        assert eventually(lambda: camera.status.why == "the recording ended")
        time.sleep(0.3)
        assert camera.counters.n_frames == 20


def test_what_is_wrong_with_the_picture_is_an_incident_and_a_state(clip: FileOptions) -> None:
    """The status says it as long as it lasts; stopping ends it."""
    heard = Heard()
    with watching(clip, Scripted(), heard, checks=[Wrong()]) as camera:
        assert eventually(lambda: camera.status.state == "degraded")
        assert camera.status.why == "camera yard is covered"
    assert heard.phases("camera_covered") == ["begin", "end"]


def test_a_clock_in_doubt_is_an_incident_and_a_state(clip: FileOptions) -> None:
    """Events go on; their times are not to be trusted."""
    heard = Heard()
    doubt = "the box's clock was stepped by +3600.0 s"
    with watching(clip, Scripted(), heard, clock_doubt=lambda: doubt) as camera:
        assert eventually(lambda: (camera.status.state, camera.status.why) == ("degraded", doubt))
    assert heard.phases("clock_unsure") == ["begin", "end"]
    assert heard.events[0].priority == "review"


def test_damage_is_counted_said_once_a_second_and_an_incident_when_it_lasts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Every second group of pictures has a hole; the whole ones are analysed."""
    path = encode(tmp_path / "clip.mp4", n_frames=50, fps=25, gop=10)
    with av.open(str(path)) as container:
        places = [(p.pos, p.size, bool(p.is_keyframe)) for p in container.demux(video=0) if p.size]
    coded = bytearray(path.read_bytes())
    for place, size, _ in places[3::20]:
        coded[place + 8 : place + size] = bytes(size - 8)
    path.write_bytes(coded)
    heard = Heard()
    source = FileOptions(kind="file", path=path, loop=True)
    with watching(source, Scripted(), heard) as camera:
        began = time.monotonic()
        assert eventually(lambda: heard.phases("analysis_degraded") == ["begin"], 20)
        lasted_s = time.monotonic() - began
        assert camera.counters.n_corrupt >= 3
        assert camera.counters.n_frames > 30
        assert "damaged" in camera.status.why
    said = [record for record in caplog.records if "damaged or missing" in record.message]
    assert 1 <= len(said) <= lasted_s + 2
