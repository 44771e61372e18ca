"""The simulated camera: what it draws, what it says about it, and that detectors see it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.decoders.software import SoftwareDecoder
from edge.demo.street import (
    DEMO_DRIVES,
    DEMO_LINE,
    DEMO_WALKS,
    DEMO_ZONE,
    Camera,
    Scene,
    Track,
    Truth,
    cached,
    frames,
    render,
)
from edge.detectors import Models, unbatched
from edge.detectors.onnx import Options as OnnxOptions
from edge.sources.file import Options as FileOptions

SMALL = Scene(
    camera=Camera(width=640, height=360),
    seconds=4.0,
    fps=10,
    walks=(replace(DEMO_WALKS[0], path=((-3.0, 11.9), (3.0, 11.9)), departs=0.5, pace=1.8),),
    drives=(replace(DEMO_DRIVES[1], departs=0.2, pace=7.0),),
)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    path = tmp_path_factory.mktemp("street") / "small.mp4"
    return path, render(path, SMALL)


def test_same_scene_same_frames() -> None:
    short = replace(SMALL, seconds=1.2)
    for first, second in zip(frames(short), frames(short), strict=True):
        assert np.array_equal(first, second)
    other = next(frames(replace(short, seed=8)))
    assert not np.array_equal(next(frames(short)), other)


def test_frames_have_the_documented_form() -> None:
    shown = list(frames(replace(SMALL, seconds=0.5)))
    assert len(shown) == 5
    assert {(image.shape, image.dtype) for image in shown} == {((360, 640, 3), np.dtype("uint8"))}


def test_moving_pixels_lie_in_the_true_boxes(clip: tuple[Path, Truth]) -> None:
    _, truth = clip
    plain = replace(SMALL, shadow=0.0, noise=0.0)
    empty = next(frames(replace(plain, walks=(), drives=(), seconds=0.1)))
    seen = 0
    for number, image in enumerate(frames(plain)):
        changed = cv2.absdiff(image, empty).max(axis=2) > 24
        for _, (left, top, right, bottom) in truth.boxes(number):
            columns = slice(round(left * 640) - 1, round(right * 640) + 1)
            rows = slice(round(top * 360) - 1, round(bottom * 360) + 1)
            inside = changed[max(rows.start, 0) : rows.stop, max(columns.start, 0) : columns.stop]
            # The box is tight: the object fills a fair part of it and reaches its edges.
            assert inside.mean() > 0.2
            touched = np.flatnonzero(inside.any(axis=0))
            assert touched[-1] - touched[0] >= inside.shape[1] - 6
            changed[max(rows.start, 0) : rows.stop, max(columns.start, 0) : columns.stop] = False
            seen += 1
        # Slivers at the picture's edge, before the passage begins, have no box.
        assert changed[:, 12:-12].sum() == 0
    assert seen > 30


def test_loop_begins_and_ends_empty() -> None:
    scene = replace(Scene(), camera=Camera(320, 180), noise=0.0)
    shown = frames(scene)
    empty = next(frames(replace(scene, walks=(), drives=())))
    assert np.array_equal(next(shown), empty)
    end = scene.seconds - 1 / scene.fps
    for walk in scene.walks:
        length = sum(np.hypot(*np.subtract(b, a)) for a, b in pairwise(walk.path))
        assert walk.departs + length / walk.pace < end
    assert all(drive.departs + 22 / drive.pace < end for drive in scene.drives)


def test_crossings_have_the_walkers_sides() -> None:
    down = Track("person", 10, tuple((0.45, 0.1 * k, 0.55, 0.1 * k + 0.25) for k in range(6)))
    leftwards = Track("car", 0, tuple((0.8 - 0.1 * k, 0.3, 0.9 - 0.1 * k, 0.5) for k in range(7)))
    truth = Truth(640, 360, 10, 30, (leftwards, down))
    [crossing] = truth.crossings(((0.2, 0.4), (0.7, 0.4)))
    assert (crossing.name, crossing.direction) == ("person", "right")
    # Bottom 0.25 in frame 10, 0.1 more each frame: at 0.4 one and a half frames later.
    assert crossing.seconds == pytest.approx(1.15)
    assert truth.crossings(((0.7, 0.4), (0.2, 0.4)))[0].direction == "left"
    [car] = truth.crossings(((0.53, 0.9), (0.53, 0.45)))
    assert (car.name, car.direction) == ("car", "left")
    assert truth.crossings(((0.53, 0.2), (0.53, 0.3))) == []


@given(turn=st.floats(0, 6.28), back=st.booleans(), share=st.floats(0.05, 0.95))
def test_crossing_side_does_not_depend_on_how_the_line_lies(
    turn: float, share: float, *, back: bool
) -> None:
    along = np.array([np.cos(turn), np.sin(turn)])
    right = np.array([-along[1], along[0]])  # y down
    first, last = 0.5 - 0.2 * along, 0.5 + 0.2 * along
    step = -0.1 * right if back else 0.1 * right
    start = first + share * (last - first) - 0.37 * step
    boxes = tuple(
        (float(x) - 0.01, float(y) - 0.1, float(x) + 0.01, float(y))
        for x, y in (start, start + step)
    )
    truth = Truth(640, 360, 10, 2, (Track("person", 0, boxes),))
    line = (float(first[0]), float(first[1])), (float(last[0]), float(last[1]))
    [crossing] = truth.crossings(line)
    assert crossing.direction == ("left" if back else "right")
    assert crossing.seconds == pytest.approx(0.037, abs=1e-6)


def test_truth_survives_json(clip: tuple[Path, Truth]) -> None:
    path, truth = clip
    assert Truth.from_json(path.with_suffix(".json").read_text(encoding="utf-8")) == truth
    for broken in ("", "[]", "{}", '{"tracks": [{"name": 1}]}'):
        with pytest.raises(ValueError, match=r".+"):
            Truth.from_json(broken)


def test_small_scene_crosses_the_demo_line(clip: tuple[Path, Truth]) -> None:
    crossings = clip[1].crossings(DEMO_LINE)
    assert [(c.name, c.direction) for c in crossings] == [("car", "left"), ("person", "right")]
    # The car leaves x = 11 m at 0.2 s with 7 m/s; the line lies near x = -0.5 m on its lane.
    assert crossings[0].seconds == pytest.approx(0.2 + 11.5 / 7, abs=0.1)


def test_clip_is_like_a_cctv_stream(clip: tuple[Path, Truth]) -> None:
    path, truth = clip
    with av.open(str(path)) as file:
        [stream] = file.streams.video
        context = stream.codec_context
        assert (context.name, context.width, context.height) == ("h264", 640, 360)
        assert context.pix_fmt == "yuv420p"
        assert (context.color_range, context.colorspace) == (1, 1)
        assert stream.average_rate == 10
        packets = [packet for packet in file.demux(stream) if packet.size]
    assert len(packets) == truth.count == 40
    assert [n for n, packet in enumerate(packets) if packet.is_keyframe] == [0, 20]
    assert all(packet.pts == packet.dts for packet in packets)  # no B-frames


def test_decoded_colours_are_the_drawn_ones(clip: tuple[Path, Truth]) -> None:
    drawn = next(frames(SMALL))
    with av.open(str(clip[0])) as file:
        shown = next(file.decode(video=0)).to_ndarray(format="bgr24")
    # A wrong matrix or range would shift the means by 5 grey levels or more.
    assert np.abs(shown.mean((0, 1)) - drawn.mean((0, 1))).max() < 2.5


def test_cache_renders_once(tmp_path: Path) -> None:
    tiny = replace(SMALL, seconds=0.5)
    path, truth = cached(tmp_path, tiny)
    stamp = path.stat().st_mtime_ns
    assert cached(tmp_path, tiny) == (path, truth)
    assert path.stat().st_mtime_ns == stamp
    assert cached(tmp_path, replace(tiny, seed=9))[0] != path


def test_cache_survives_a_killed_render(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = replace(SMALL, seconds=0.5)
    path, truth = cached(tmp_path, tiny)
    # A killed render leaves a part under another name, and perhaps the truth without the clip.
    path.unlink()
    (tmp_path / f".{path.name}.1.part").write_bytes(b"half")
    assert cached(tmp_path, tiny) == (path, truth)
    # A damaged truth is drawn again too.
    path.with_suffix(".json").write_text('{"tracks":', encoding="utf-8")
    assert cached(tmp_path, tiny) == (path, truth)

    def interrupted(_: Scene) -> None:
        raise KeyboardInterrupt

    path.unlink()
    monkeypatch.setattr("edge.demo.street.play", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cached(tmp_path, tiny)
    assert not path.exists()


def test_demo_line_and_zone_are_fractions() -> None:
    assert len(DEMO_LINE) == 2
    assert len(DEMO_ZONE) >= 3
    assert all(0 <= edge <= 1 for point in (*DEMO_LINE, *DEMO_ZONE) for edge in point)


def _iou(one: list[float], other: list[float]) -> float:
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    if wide <= 0 or high <= 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return wide * high / (sum(areas) - wide * high)


@pytest.mark.slow
def test_a_coco_detector_sees_walkers_and_cars(tmp_path: Path, shared: Path) -> None:
    """YOLOX-Nano at the demo's threshold finds the drawn people and cars, and nothing else."""
    options = OnnxOptions(kind="onnx", model="yolox-nano", confidence=0.35)
    engine = options.engine(Models([shared / "models"]), unbatched)
    detector = engine.detector()
    # The demo's first 9 seconds: two cars, two walkers.
    scene = replace(Scene(), seconds=9.0, walks=DEMO_WALKS[:2], drives=DEMO_DRIVES[:2])
    clip = tmp_path / "start.mp4"
    truth = render(clip, scene)
    hits: dict[str, list[bool]] = {"person": [], "car": []}
    stray = 0
    source = FileOptions(kind="file", path=clip, realtime=False).open()
    decoder = SoftwareDecoder(source.stream)
    pictures = [p for packet in source.packets() for p in decoder.decode(packet)]
    for number, picture in enumerate(pictures):
        if number % 3:
            continue
        found = detector.detect(picture.frame("street", number))
        boxes = [
            (found.model.labels[int(kind)], [float(edge) for edge in box])
            for kind, box in zip(found.class_id, found.xyxy, strict=True)
        ]
        shown = [
            (name, [box[0] * 1280, box[1] * 720, box[2] * 1280, box[3] * 720])
            for name, box in truth.boxes(number)
        ]
        for name, real in shown:
            if real[0] > 0 and real[2] < 1280:  # neither entering nor leaving
                hits[name].append(any(k == name and _iou(b, real) >= 0.5 for k, b in boxes))
        stray += sum(all(_iou(box, real) == 0 for _, real in shown) for _, box in boxes)
    engine.close()
    assert np.mean(hits["person"]) >= 0.8
    assert np.mean(hits["car"]) >= 0.8
    assert stray <= 2
