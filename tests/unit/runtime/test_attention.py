"""An idle camera costs keyframes, and the start of a movement is judged like the rest of it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from edge.decoders import Picture
from edge.decoders.software import SoftwareDecoder
from edge.detectors import Models, unbatched
from edge.detectors.motion import Options as MotionDetectorOptions
from edge.gates import Gate
from edge.gates.always import Options as AlwaysOptions
from edge.gates.motion import Options as MotionOptions
from edge.masks import Masks
from edge.packet import Packet, Stream
from edge.pipeline import Pipeline
from edge.ring import Ring
from edge.runtime.attention import Attention
from edge.sources.file import Options as FileOptions
from edge.trackers.bytetrack import Options as TrackerOptions

FPS, GOP, SECONDS = 10, 20, 20
APPEARS, LEAVES = 11.3, 15.0


def scene(path: Path, *, constant_rate: bool, gop: int = GOP, appears: float = APPEARS) -> Path:
    """Twenty seconds of a still yard; a dark box crosses from 11.3 s to 15.0 s."""
    random = np.random.default_rng(3)
    yard = random.integers(90, 140, (45, 80), np.uint8).repeat(8, 0).repeat(8, 1)
    grain = random.normal(0, 3, (16, 360, 640))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        rate = {"b": "1000000", "nal-hrd": "cbr", "minrate": "1M", "maxrate": "1M", "bufsize": "1M"}
        stream.options = {
            "g": str(gop), "keyint_min": str(gop), "sc_threshold": "0", "bf": "0",
            "preset": "veryfast", **(rate if constant_rate else {"crf": "23"}),
        }  # fmt: skip
        for index in range(SECONDS * FPS):
            picture = np.full((540, 640), 128, np.uint8)
            noise = grain[random.integers(16)] if constant_rate else 0
            picture[:360] = np.clip(yard + noise, 0, 255)
            at = index / FPS
            if appears <= at < LEAVES:
                left = int(560 * (at - appears) / (LEAVES - appears))
                picture[120:260, left : left + 60] = 20
            frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def seen(path: Path, gate: Gate, *, until: float = float(SECONDS)) -> tuple[list[float], Attention]:
    """Stream times of the pictures that were decoded for looking, and who decided it."""
    source = FileOptions(kind="file", path=path, realtime=False).open()
    packets = [packet for packet in source.packets() if packet.pts < until]
    return shown(source.stream, packets, gate)


def shown(
    stream: Stream, packets: list[Packet], gate: Gate, *, is_watched: bool = False
) -> tuple[list[float], Attention]:
    """The same, of packets one by one, as a live camera delivers."""
    ring = Ring(seconds=10, max_bytes=10**8)
    detector = MotionDetectorOptions(kind="motion").engine(Models([]), unbatched).detector()
    tracker = TrackerOptions(kind="bytetrack").build()
    pipeline = Pipeline(Masks(), gate, detector, tracker, [])
    decoder = SoftwareDecoder(stream)
    attention = Attention("yard", ring, decoder, pipeline, lambda: is_watched)
    times: list[float] = []

    def look(pictures: Iterable[Picture]) -> None:
        for picture in pictures:
            if not times or picture.packet.pts > times[-1]:
                times.append(picture.packet.pts)
                pipeline.step(picture.frame("yard", len(times)))

    for packet in packets:
        ring.append(packet)
        while (taken := attention.take(0)) is not None:
            look(attention.pictures(taken.packet))
    look(attention.flush())
    return times, attention


@pytest.mark.parametrize("constant_rate", [False, True], ids=["variable rate", "constant rate"])
def test_idle_decodes_keyframes_and_misses_nothing_of_a_movement(
    tmp_path: Path, *, constant_rate: bool
) -> None:
    """Before the box appears keyframes only; from the frame it appears in, every frame."""
    times, attention = seen(
        scene(tmp_path / "yard.mp4", constant_rate=constant_rate), MotionOptions().build()
    )
    still = [t for t in times if 4.0 <= t < 10.0]
    assert still == [4.0, 6.0, 8.0]
    moving = [round(t, 1) for t in times if APPEARS <= t < LEAVES]
    assert moving == [round(APPEARS + i / FPS, 1) for i in range(37)]
    assert attention.n_passed > 60


def test_a_movement_after_the_last_keyframe_is_seen_when_the_connection_ends(
    tmp_path: Path,
) -> None:
    """No later keyframe would tell: the rest is decoded after all."""
    path = scene(tmp_path / "yard.mp4", constant_rate=True)
    times, _ = seen(path, MotionOptions().build(), until=APPEARS + 0.5)
    assert [round(t, 1) for t in times if t > 10.0] == [round(10.1 + i / FPS, 1) for i in range(17)]


def test_variable_rate_wakes_within_three_frames(tmp_path: Path) -> None:
    """Packet sizes alone tell: the watcher need not wait for the next keyframe at 12.0 s."""
    path = scene(tmp_path / "yard.mp4", constant_rate=False)
    source = FileOptions(kind="file", path=path, realtime=False).open()
    gate = MotionOptions().build()
    woke = next(
        packet.pts
        for packet in source.packets()
        if not packet.is_keyframe and packet.pts > 1 and gate.stirs_packet(packet)
    )
    assert APPEARS < woke <= APPEARS + 0.3


@pytest.mark.parametrize(
    ("constant_rate", "gop"),
    [(True, 1), (True, 5), (True, 10), (True, 20), (True, 24), (False, 24)],
)
def test_what_appears_after_a_keyframe_is_first_seen_when_it_appears(
    tmp_path: Path, *, constant_rate: bool, gop: int
) -> None:
    """In the same frame as with `always`, for keyframes from every frame to every 2.4 s."""
    appears = -(-10 * FPS // gop) * gop / FPS + 0.1  # one frame after the first keyframe from 10 s
    path = scene(tmp_path / "yard.mp4", constant_rate=constant_rate, gop=gop, appears=appears)
    gated, attention = seen(path, MotionOptions().build())
    always, _ = seen(path, AlwaysOptions().build())
    moving = [[t for t in times if appears - 0.05 <= t < LEAVES] for times in (gated, always)]
    assert moving[0] == moving[1]
    assert attention.n_passed > 60


@pytest.mark.parametrize("gop", [1, 8])
def test_frequent_keyframes_are_looked_at_about_once_a_second(tmp_path: Path, gop: int) -> None:
    """A camera that sends nothing but keyframes, as MJPEG does, costs no more at rest."""
    times, attention = seen(
        scene(tmp_path / "yard.mp4", constant_rate=True, gop=gop), MotionOptions().build()
    )
    gaps = np.diff([t for t in times if 3.0 <= t <= 10.0])
    assert gaps.min() >= 0.9
    assert gaps.max() <= 1.7
    assert not attention.cannot_rest


def test_a_damaged_keyframe_is_no_look(tmp_path: Path) -> None:
    """What began before it is gone back over all the same."""
    path = scene(tmp_path / "yard.mp4", constant_rate=True, gop=10, appears=10.3)
    source = FileOptions(kind="file", path=path, realtime=False).open()
    torn = [
        replace(packet, data=packet.data[:5] + bytes(len(packet.data) - 5))
        if packet.is_keyframe and round(packet.pts) == 11
        else packet
        for packet in source.packets()
    ]
    times, _ = shown(source.stream, torn, MotionOptions().build())
    assert [round(t, 1) for t in times if 10.3 <= round(t, 1) < 11.0] == [
        round(10.3 + i / FPS, 1) for i in range(7)
    ]


def test_with_keyframes_far_apart_everything_is_decoded(tmp_path: Path) -> None:
    """Something could come and go between them: the gate then saves inference only."""
    times, attention = seen(
        scene(tmp_path / "yard.mp4", constant_rate=False, gop=60), MotionOptions().build()
    )
    assert len(times) == SECONDS * FPS
    assert attention.n_passed == 0
    assert "keyframes are 6.0 s apart" in attention.cannot_rest


def test_always_decodes_everything(tmp_path: Path) -> None:
    """Without a gate no packet is passed over."""
    times, attention = seen(
        scene(tmp_path / "yard.mp4", constant_rate=False), AlwaysOptions().build()
    )
    assert len(times) == SECONDS * FPS
    assert attention.n_passed == 0


def test_skipping_says_nothing_of_how_far_keyframes_are_apart(tmp_path: Path) -> None:
    """A box that fell behind once goes on resting; two seconds are not four for what it skipped."""
    path = scene(tmp_path / "yard.mp4", constant_rate=False, appears=99.0)
    source = FileOptions(kind="file", path=path, realtime=False).open()
    packets = list(source.packets())
    detector = MotionDetectorOptions(kind="motion").engine(Models([]), unbatched).detector()
    tracker = TrackerOptions(kind="bytetrack").build()
    pipeline = Pipeline(Masks(), MotionOptions().build(), detector, tracker, [])
    ring = Ring(seconds=10, max_bytes=10**8)
    attention = Attention("yard", ring, SoftwareDecoder(source.stream), pipeline)
    n_pictures = 0
    for first in range(0, len(packets), 50):  # five seconds come at once: it is behind each time
        for packet in packets[first : first + 50]:
            ring.append(packet)
        attention.keep_up(2.0)
        while (taken := attention.take(0)) is not None:
            for picture in attention.pictures(taken.packet):
                n_pictures += 1
                pipeline.step(picture.frame("yard", n_pictures))
    assert attention.n_skipped > 60
    assert attention.cannot_rest == ""
    assert n_pictures <= 8


def test_who_looks_at_a_camera_at_rest_sees_every_picture_in_their_order(tmp_path: Path) -> None:
    """Nothing is passed over, before, while and after something moves."""
    path = scene(tmp_path / "yard.mp4", constant_rate=False)
    source = FileOptions(kind="file", path=path, realtime=False).open()
    packets = list(source.packets())
    times, attention = shown(source.stream, packets, MotionOptions().build(), is_watched=True)
    assert len(times) == SECONDS * FPS
    assert attention.n_passed == 0


def test_for_who_looks_at_rest_a_fifth_of_a_second_is_decoded_at_once(tmp_path: Path) -> None:
    """One packet of ten a second is waited with, two are not; when something moves, none is."""
    path = scene(tmp_path / "yard.mp4", constant_rate=False)
    source = FileOptions(kind="file", path=path, realtime=False).open()
    detector = MotionDetectorOptions(kind="motion").engine(Models([]), unbatched).detector()
    tracker = TrackerOptions(kind="bytetrack").build()
    pipeline = Pipeline(Masks(), MotionOptions().build(), detector, tracker, [])
    ring = Ring(seconds=30, max_bytes=10**8)
    decoder = SoftwareDecoder(source.stream)
    attention = Attention("yard", ring, decoder, pipeline, lambda: True)
    packets = [packet for packet in source.packets() if packet.pts < APPEARS + 1]

    def decoded(part: list[Packet]) -> None:
        for packet in part:
            ring.append(packet)
        while (taken := attention.take(0)) is not None:
            for picture in attention.pictures(taken.packet):
                pipeline.step(picture.frame("yard", 0))

    def waited(packet: Packet) -> float:
        ring.append(packet)
        began = time.monotonic()
        assert attention.take(0.3) is not None
        return time.monotonic() - began

    rest = next(n for n, packet in enumerate(packets) if packet.pts > 9.0)
    assert not packets[rest].is_keyframe
    decoded(packets[:rest])
    assert waited(packets[rest]) >= 0.3
    ring.append(packets[rest + 1])
    decoded(packets[rest + 2 : -1])
    assert waited(packets[-1]) < 0.3
