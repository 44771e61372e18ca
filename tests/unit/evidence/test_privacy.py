"""What a mask hides is in no output, and people are hidden from everybody without the role."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import edge as edge_package
from edge.annotate import bgr
from edge.cli import main
from edge.config import load
from edge.decoders.software import Options as SoftwareOptions
from edge.detections import ANY_LABEL, Detections, ModelRef
from edge.detectors import Models
from edge.errors import DetectorStalled, EvidenceUnmade
from edge.event import Kind
from edge.evidence.policy import Policy
from edge.frame import Frame, Stamp
from edge.gates.always import Always
from edge.masks import Masks
from edge.pipeline import Pipeline
from edge.redaction import CELLS, LEAST_PX, STEPS, people, redacted
from edge.runtime.camera import Camera
from edge.runtime.reader import Reader
from edge.runtime.telling import Reports
from edge.site.commission.pictures import sheets
from edge.snapshot import jpeg
from edge.sources.file import Options as FileOptions
from edge.trackers.bytetrack import Options as TrackerOptions
from tests.clips import encode
from tests.servers import eventually
from tests.unit.evidence.scene import (
    AT,
    MODEL,
    Room,
    a_frame,
    a_step,
    a_witness,
    an_event,
    complaints,
    decoded,
    feed_of,
    items,
    listed,
    media,
    play,
    recording,
    sent,
)

MASK = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
"""The left half; in these clips nothing in it is darker than 40."""

STAMP = Stamp("gate", 0, 1.0, AT, 40)


def assert_nothing_shows(image: NDArray[np.uint8], *, tolerance: int = 0) -> None:
    """The masked half of a (H, W, 3) picture is black, but for what a coder blurs at its edge."""
    inside = image[:, : image.shape[1] // 2 - 8]
    assert inside.size
    assert int(inside.max()) <= tolerance


class Scripted:
    """A detector that keeps what it was shown and finds one person."""

    def __init__(self) -> None:
        self.model = MODEL
        self.shown: list[Frame] = []

    def detect(self, frame: Frame) -> Detections:
        self.shown.append(frame)
        box = np.array([[200, 20, 240, 140]], np.float32)
        ones = np.ones(1, np.float32)
        return Detections(frame.stamp, frame.size_wh, MODEL, box, ones, np.zeros(1, np.int32))


@contextmanager
def watching(clip: Path, policy: Policy) -> Iterator[tuple[Camera, Scripted]]:
    detector = Scripted()
    camera = Camera(
        "gate",
        Reader("gate", FileOptions(kind="file", path=clip, loop=True)),
        Pipeline(Masks([MASK]), Always(), detector, TrackerOptions(kind="bytetrack").build(), []),
        decoder=SoftwareOptions(),
        fps=10,
        reports=Reports(lambda _: None, lambda *_: None, lambda *_: None),
        policy=policy,
    )
    camera.start()
    try:
        yield camera, detector
    finally:
        camera.stop("stopped")


def test_no_masked_pixel_reaches_detector_live_picture_or_snapshot_command(tmp_path: Path) -> None:
    """Neither with people hidden nor, for the evidence role, without."""
    clip = encode(tmp_path / "a.mp4", n_frames=30)
    with watching(clip, Policy()) as (camera, detector):
        frames = [camera.next_picture(10, is_redacted=flag) for flag in (True, False)]
    for frame in [*frames, *detector.shown]:
        assert frame is not None
        assert_nothing_shows(bgr(frame))
        assert np.unique(frame.y[:, :150]).tolist() == [16]
        coded, _ = jpeg(frame, 10**6)
        assert_nothing_shows(_read(coded), tolerance=8)


PICTURES_LEAVE = {
    "runtime/box.py": "the command `snapshot`: next_picture, masked and redacted",
    "runtime/panel.py": "the page's picture: next_picture, masked and redacted",
    "runtime/lookers.py": "the page's live picture: next_picture, masked and redacted",
    "evidence/recorder.py": "snapshots: of the judged frame, masked",
    "evidence/_masked.py": "clips of masked cameras: masked before they are coded",
    "evidence/_mp4.py": "clips: never of a camera with masks, by default",
    "site/commission/pictures.py": "the commissioning report: masked and redacted",
    "cli/replay.py": "a recording that the caller has, its camera's masks applied",
    "cli/probe.py": "an address that the caller has; of a configured camera masked and redacted",
    "demo/street.py": "a street that is drawn",
}
CODERS = re.compile(
    r"from edge\.(jpeg|snapshot|site\.film|evidence\.(_mp4|_masked)) import|import snapshot"
    r"|imencode|simplejpeg|add_stream\(|add_mux_stream|add_stream_from_template"
)


def test_no_other_place_lets_a_picture_out() -> None:
    """Page, trial, calibration, support bundle and whatever comes: a new one is tested here."""
    edge = Path(edge_package.__file__).parent
    here = {
        "annotate.py",
        "jpeg.py",
        "snapshot.py",
        "evidence/snapshot.py",
        "site/film.py",
        "evidence/clip.py",
    }
    found = {
        str(file.relative_to(edge))
        for file in edge.rglob("*.py")
        if CODERS.search(file.read_text())
    }
    assert found - here == set(PICTURES_LEAVE)


def configured(folder: Path, clip: Path, **evidence: Any) -> Path:
    """A configuration folder of one camera with a mask."""
    (folder / "cameras").mkdir(parents=True)
    appliance = {
        "version": 1, "site": "test", "node": "a", "mqtt": {"url": "mqtt://127.0.0.1:1"},
        "detectors": {"street": {"kind": "motion"}}, "storage": {"evidence": evidence},
    }  # fmt: skip
    camera = {
        "version": 1, "camera": "gate", "name": "Gate", "masks": {"left": [list(p) for p in MASK]},
        "source": {"kind": "file", "path": str(clip)}, "analyse": {"detector": "street"},
    }  # fmt: skip
    (folder / "appliance.yaml").write_text(json.dumps(appliance))
    (folder / "cameras" / "gate.yaml").write_text(json.dumps(camera))
    return folder


def test_no_masked_pixel_reaches_a_replay_s_video_or_the_commissioning_report(
    tmp_path: Path,
) -> None:
    """Both are of the masked picture, drawn on; by `metadata_only` the report has none."""
    clip = encode(tmp_path / "a.mp4", n_frames=30)
    folder = configured(tmp_path / "config", clip)
    video = tmp_path / "out.mp4"
    order = ["replay", str(clip), "--camera", "gate", "--config", str(folder), "--video"]
    assert main([*order, str(video)]) == 0
    pictures = decoded(video)
    assert pictures
    for picture in pictures:
        assert_nothing_shows(picture[40:150], tolerance=16)  # words above and below
    (sheet,) = sheets(load(folder), Models(()))
    assert_nothing_shows(_read(sheet.picture)[40:150, 16:], tolerance=16)  # its edge is drawn
    (sheet,) = sheets(load(configured(tmp_path / "none", clip, metadata_only=True)), Models(()))
    assert sheet.picture == b""


def test_no_masked_pixel_reaches_the_snapshot_of_a_probed_camera(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a camera in the configuration; by `metadata_only` there is no picture, and it is said."""
    clip, file = encode(tmp_path / "a.mp4", n_frames=30), tmp_path / "picture.jpg"
    folder = configured(tmp_path / "config", clip)
    order = ["probe", "--camera", "gate", "--seconds", "1", "--snapshot", str(file), "--config"]
    assert main([*order, str(folder)]) == 0
    assert_nothing_shows(_read(file.read_bytes()), tolerance=8)
    file.unlink()
    assert main([*order, str(configured(tmp_path / "none", clip, metadata_only=True))]) == 1
    assert "metadata_only" in capsys.readouterr().err
    assert not file.exists()


def test_no_masked_pixel_reaches_snapshots(tmp_path: Path) -> None:
    """Both files of a picture are made of the masked frame."""
    frame = Masks([MASK]).apply(a_frame(STAMP))
    feed, packets = feed_of(encode(tmp_path / "a.mp4", n_frames=20))
    evidence = tmp_path / "evidence"
    with recording(evidence, Room()) as recorder:
        witness = a_witness(recorder, evidence, feed, masks=[MASK])
        play(feed, packets)
        event = an_event(objects=())
        witness.saw(event, sent(event), a_step(1.0, frame, boxes=[]))
        pictures = listed(evidence, 2)
    assert [item.masking for item in pictures] == ["black", "black"]
    for item in pictures:
        image = _read(media(evidence, item).read_bytes())
        assert_nothing_shows(image[:150], tolerance=12)  # the caption is written below


def test_by_default_a_masked_camera_has_no_clip(tmp_path: Path) -> None:
    """Its packets carry what the mask hides: none is made, and that is counted and said."""
    feed, packets = feed_of(encode(tmp_path / "a.mp4", n_frames=20))
    evidence, room = tmp_path / "evidence", Room()
    with recording(evidence, room) as recorder:
        witness = a_witness(recorder, evidence, feed, masks=[MASK])
        play(feed, packets)
        event = an_event()
        witness.saw(event, sent(event), a_step(1.0))
        listed(evidence, 2)
        assert eventually(lambda: room.reasons)
        assert witness.figures()["evidence_withheld"] == 1
        with pytest.raises(EvidenceUnmade, match="privacy masks"):
            witness.past(5)
    assert [item.media for item in items(evidence)] == ["clean", "snapshot"]
    assert not list(evidence.rglob("*.mp4"))
    assert room.reasons == ["no clip: the camera has privacy masks, and masked_clips is withhold"]


def test_a_masked_clip_is_coded_again_without_a_masked_pixel(tmp_path: Path) -> None:
    """By policy: every picture is there, black where masked, and the sidecar says `reencoded`."""
    feed, packets = feed_of(encode(tmp_path / "a.mp4", n_frames=40, b_frames=2))
    evidence = tmp_path / "evidence"
    with recording(evidence, Room()) as recorder:
        witness = a_witness(
            recorder, evidence, feed, masks=[MASK], masked_clips="reencode", pre_seconds=1,
            post_seconds=1,
        )  # fmt: skip
        play(feed, packets)
        event = an_event()
        witness.saw(event, sent(event), a_step(2.0))
        clip = next(item for item in listed(evidence, 3) if item.media == "clip")
        asked = witness.past(2).result(15)
    assert (clip.masking, asked.masking, clip.codec) == ("reencoded", "reencoded", "h264")
    for item in (clip, asked):
        pictures = decoded(media(evidence, item))
        assert len(pictures) >= 20
        for picture in pictures:
            assert_nothing_shows(picture, tolerance=12)
            assert picture[:, 176:].mean() > 40
        if shutil.which("ffmpeg"):
            assert complaints(media(evidence, item)) == ""


def test_metadata_only_stores_and_sends_no_picture_at_all(tmp_path: Path) -> None:
    """No clip, no snapshot, no live picture; the event itself is not touched."""
    clip = encode(tmp_path / "a.mp4", n_frames=30)
    feed, packets = feed_of(clip)
    evidence, room = tmp_path / "evidence", Room()
    with recording(evidence, room) as recorder:
        witness = a_witness(recorder, evidence, feed, metadata_only=True)
        play(feed, packets)
        for phase in ("pulse", "begin", "end"):
            event = an_event(phase, key="7")
            witness.saw(event, sent(event), a_step(1.0))
        with pytest.raises(EvidenceUnmade, match="metadata_only"):
            witness.past(5)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path != clip]
    assert room.updates == []
    with watching(clip, Policy(metadata_only=True)) as (camera, detector):
        assert eventually(lambda: detector.shown)
        assert camera.next_picture(0.3, is_redacted=False) is None


def test_a_live_picture_hides_people_unless_asked_for_by_the_evidence_role(tmp_path: Path) -> None:
    """By default whoever asks gets them pixelated."""
    clip = encode(tmp_path / "a.mp4", n_frames=80, is_steady=True)
    with watching(clip, Policy(redaction="figures")) as (camera, _):
        hidden, clear = camera.next_picture(10), camera.next_picture(10, is_redacted=False)
    assert hidden is not None
    assert clear is not None
    part = np.s_[20:140, 200:240]
    assert len(np.unique(hidden.y[part])) <= STEPS
    assert (hidden.y[part] % (256 // STEPS) == 128 // STEPS).all()
    assert not (clear.y[part] % (256 // STEPS) == 128 // STEPS).all()


class Closed(Always):
    """A gate that sees no reason to look."""

    def is_open(self, frame: Frame, *, is_following: bool) -> bool:  # noqa: ARG002
        return False


class Covered:
    """A check that says so of each picture, in turn."""

    kind: Kind = "camera_covered"
    begin_s = 0.0
    end_s = 0.0

    def look(self, frame: Frame) -> str:
        return "covered" if frame.stamp.index % 4 < 2 else ""


def test_who_cannot_be_hidden_is_not_shown_and_no_event_is_lost_over_it(tmp_path: Path) -> None:
    """Nobody looked at a still picture, and the detector that is asked fails: no picture."""

    class Failing(Scripted):
        def detect(self, frame: Frame) -> Detections:
            self.shown.append(frame)
            raise DetectorStalled("no answer")

    heard: list[str] = []
    detector = Failing()
    camera = Camera(
        "gate",
        Reader("gate", FileOptions(kind="file", path=encode(tmp_path / "a.mp4", n_frames=60))),
        Pipeline(
            Masks(), Closed(), detector, TrackerOptions(kind="bytetrack").build(), [],
            checks=[Covered()],
        ),
        decoder=SoftwareOptions(),
        fps=10,
        reports=Reports(lambda event: heard.append(event.phase), lambda *_: None, lambda *_: None),
    )  # fmt: skip
    camera.start()
    try:
        assert camera.next_picture(1.0) is None
        assert detector.shown
        n_before = len(heard)
        assert camera.next_picture(2.0, is_redacted=False) is not None
        assert eventually(lambda: len(heard) > n_before + 2)
    finally:
        camera.stop("stopped")
    assert camera.counters.n_stalled == 0
    assert heard == [("begin", "end")[i % 2] for i in range(len(heard))]


@given(
    left=st.integers(-20, 250), top=st.integers(-20, 120), width=st.integers(9, 120),
    height=st.integers(9, 160), how=st.sampled_from(["heads", "figures"]),
)  # fmt: skip
def test_what_is_hidden_cannot_be_had_back(
    left: int, top: int, width: int, height: int, how: Any
) -> None:
    """A few numbers are left of a head, whatever its size, and outside nothing has changed."""
    frame = a_frame(STAMP)
    box = np.array([[left, top, left + width, top + height]], np.float32)
    hidden = redacted(frame, box, how)
    is_head = how == "heads" and width <= 0.75 * height
    inside = np.zeros(frame.y.shape, bool)
    bottom = top + (0.25 * height if is_head else height)
    inside[max(0, top) : max(0, int(bottom)), max(0, left) : max(0, left + width)] = True
    if not inside.any():
        return
    part = hidden.y[inside.any(axis=1)][:, inside.any(axis=0)]
    side = max(LEAST_PX, min(part.shape) // CELLS)
    most = (part.shape[0] / side + 2) * (part.shape[1] / side + 2)
    assert len(np.unique(part)) <= STEPS
    assert _runs(part) <= most
    far = np.ones(frame.y.shape, bool)
    margin_w, margin_h = int(0.1 * width) + 3, int(0.1 * height) + 3
    far[
        max(0, top - margin_h) : max(0, top + height + margin_h),
        max(0, left - margin_w) : max(0, left + width + margin_w),
    ] = False
    assert (hidden.y[far] == frame.y[far]).all()


def test_pictures_that_differ_in_every_face_are_the_same_once_hidden() -> None:
    """Noise that keeps each cell's average is gone: it cannot be told which picture it was."""
    face = a_frame(STAMP)
    other = np.array(face.y)
    other[40:60, 100:120] = other[40:60, 100:120][::-1, ::-1]  # turned round: the average stays
    turned = Frame(STAMP, other, face.u, face.v)
    box = np.array([[100, 40, 120, 60]], np.float32)
    one, two = (redacted(frame, box, "figures") for frame in (face, turned))
    assert (face.y != turned.y).any()
    assert np.count_nonzero(one.y != two.y) <= one.y.size // 100


def test_who_may_be_a_person_is_hidden_and_a_car_is_not() -> None:
    """A detector without classes tells nobody apart: all it finds is hidden."""
    model = ModelRef("m", "0" * 64, ("car", "person", ANY_LABEL))
    boxes = np.arange(12, dtype=np.float32).reshape(3, 4)
    classes = np.arange(3, dtype=np.int32)
    seen = Detections(STAMP, (320, 180), model, boxes, np.ones(3, np.float32), classes)
    assert people(seen).tolist() == boxes[1:].tolist()


@pytest.mark.parametrize("how", ["heads", "figures", "none"])
def test_the_snapshot_people_see_is_hidden_and_drawn_on_and_the_clean_one_neither(
    tmp_path: Path, how: Any
) -> None:
    """Two files: the sidecars say what each is."""
    feed, packets = feed_of(encode(tmp_path / "a.mp4", n_frames=20))
    evidence, room = tmp_path / "evidence", Room()
    step = a_step(1.0)
    with recording(evidence, room) as recorder:
        witness = a_witness(recorder, evidence, feed, redaction=how)
        play(feed, packets)
        event = an_event()
        witness.saw(event, sent(event), step)
        clean, shown = sorted(listed(evidence, 2)[:2], key=lambda item: item.media)
    assert (clean.media, clean.redaction, shown.redaction) == ("clean", "none", how)
    assert room.refs[:2] == [shown.ref, clean.ref]
    original = bgr(step.frame)
    near = _read(media(evidence, clean).read_bytes())
    drawn = _read(media(evidence, shown).read_bytes())
    grey = [cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(int) for image in (near, original)]
    assert np.abs(grey[0] - grey[1]).mean() < 16  # noise is what JPEG does worst
    head, legs = np.s_[60:75, 132:156], np.s_[110:140, 132:156]
    assert (_roughness(drawn[head]) < _roughness(near[head]) / 2) == (how != "none")
    assert (_roughness(drawn[legs]) < _roughness(near[legs]) / 2) == (how == "figures")


def test_where_nobody_looked_the_whole_picture_is_hidden(tmp_path: Path) -> None:
    """A gate that was closed found nobody; that is not the same as nobody being there."""
    feed, packets = feed_of(encode(tmp_path / "a.mp4", n_frames=20))
    evidence = tmp_path / "evidence"
    step = a_step(1.0)
    unseen = type(step)(step.frame, None, None, [])
    with recording(evidence, Room()) as recorder:
        witness = a_witness(recorder, evidence, feed, redaction="figures")
        play(feed, packets)
        event = an_event("begin", kind="camera_covered", rule="", model="", objects=())
        witness.saw(event, sent(event), unseen)
        shown = next(item for item in listed(evidence, 2) if item.media == "snapshot")
    assert shown.model is None
    image = _read(media(evidence, shown).read_bytes())
    assert _roughness(image[:150]) < _roughness(bgr(step.frame)[:150]) / 4


def _read(coded: bytes) -> NDArray[np.uint8]:
    image = cv2.imdecode(np.frombuffer(coded, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return np.asarray(image, np.uint8)


def _roughness(image: NDArray[np.uint8]) -> float:
    """Mean difference between neighbours."""
    return float(np.abs(np.diff(image.astype(int), axis=1)).mean())


def _runs(part: NDArray[np.uint8]) -> int:
    """Cells of one value, at most: changes along rows times changes along columns."""
    across = int((np.diff(part.astype(int), axis=1) != 0).any(axis=0).sum()) + 1
    down = int((np.diff(part.astype(int), axis=0) != 0).any(axis=1).sum()) + 1
    return across * down
