"""Clips hold the camera's own packets, play, and are told of."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

from edge.evidence import _nal
from edge.evidence._draft import sweep
from edge.evidence.sidecar import sidecar_path
from tests.clips import encode
from tests.servers import eventually
from tests.unit.evidence.scene import (
    Room,
    a_step,
    a_witness,
    an_event,
    coded,
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

FPS = 10


@pytest.mark.parametrize(
    ("codec", "name", "b_frames"),
    [
        pytest.param("libx264", "a.mp4", 2, id="h264 by length, with B frames"),
        pytest.param("libx264", "a.ts", 0, id="h264 with start codes, as RTSP has it"),
        pytest.param("libx265", "a.mp4", 2, id="h265 by length, with B frames"),
        pytest.param("libx265", "a.ts", 0, id="h265 with start codes"),
        pytest.param("mjpeg", "a.mkv", 0, id="mjpeg"),
    ],
)
def test_a_clip_s_packets_are_the_camera_s_byte_for_byte(
    tmp_path: Path, codec: str, name: str, b_frames: int
) -> None:
    """Pre-roll from a keyframe on, post-roll, and between them every byte, SEI among them."""
    feed, packets = feed_of(encode(tmp_path / name, n_frames=60, codec=codec, b_frames=b_frames))
    evidence, room = tmp_path / "evidence", Room()
    with recording(evidence, room) as recorder:
        witness = a_witness(recorder, evidence, feed, pre_seconds=1, post_seconds=1)
        play(feed, packets)
        witness.saw(an_event(), sent(an_event()), a_step(3.05))
        clip = next(item for item in listed(evidence, 3) if item.media == "clip")
    file = media(evidence, clip)
    told, kept = coded(file)
    first = next(i for i, p in enumerate(packets) if _same(p.data, kept[0], feed.stream, told))
    source = packets[first : first + len(kept)]
    assert source[0].is_keyframe
    assert source[0].pts <= 2.05
    assert 3.95 < max(packet.pts for packet in source) <= 4.3
    units = [_nal.units(_nal.annex_b(data, told)) for data in kept]
    assert units == [_nal.units(_nal.annex_b(packet.data, feed.stream)) for packet in source]
    if name.endswith((".mp4", ".mkv")):  # framed as MP4 frames it: then it is every byte
        assert kept == [packet.data for packet in source]
    assert len(decoded(file)) == len(kept)
    if shutil.which("ffmpeg"):
        assert complaints(file) == ""
    assert clip.codec == feed.stream.codec
    assert (clip.masking, clip.redaction) == ("none", "none")
    begin, end = min(p.captured_at for p in source), max(p.captured_at for p in source)
    assert abs((clip.begin - begin).total_seconds()) < 0.3  # B frames may be shown before it
    assert abs((clip.end - end).total_seconds()) < 0.002
    assert clip.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert clip.bytes == file.stat().st_size


def test_sei_of_the_camera_is_kept(tmp_path: Path) -> None:
    """What a camera signs its pictures with (ONVIF Media Signing) comes through."""
    feed, packets = feed_of(encode(tmp_path / "a.ts", n_frames=20))
    assert b"x264" in packets[0].data  # its SEI, user data unregistered
    evidence = tmp_path / "evidence"
    with recording(evidence, Room()) as recorder:
        witness = a_witness(recorder, evidence, feed)
        play(feed, packets)
        feed.ring.close()
        witness.saw(an_event(), sent(an_event()), a_step(1.0))
        clip = next(item for item in listed(evidence, 3) if item.media == "clip")
    told, kept = coded(media(evidence, clip))
    sei = [unit for unit in _nal.units(_nal.annex_b(kept[0], told)) if unit[0] & 31 == 6]
    assert any(b"x264" in unit for unit in sei)


def test_a_long_incident_is_cut_into_files_that_are_complete_in_themselves(
    tmp_path: Path,
) -> None:
    """Every packet from the pre-roll on is in exactly one of them, and each is told of."""
    feed, packets = feed_of(encode(tmp_path / "a.mp4", n_frames=90))
    evidence, room = tmp_path / "evidence", Room()
    begin, end = an_event("begin", key="7"), an_event("end", key="7")
    message = sent(begin)
    with recording(evidence, room) as recorder:
        witness = a_witness(
            recorder, evidence, feed, pre_seconds=1, post_seconds=1, chunk_seconds=5
        )
        play(feed, packets[:20])
        witness.saw(begin, message, a_step(1.5))
        play(feed, packets[20:70])
        assert eventually(lambda: len(items(evidence)) == 3, 20)  # two pictures, one file
        witness.saw(end, sent(end), a_step(6.9))
        play(feed, packets[70:])
        clips = [item for item in listed(evidence, 4) if item.media == "clip"]
    event = json.loads(message)["id"]
    assert sorted(clip.ref for clip in clips) == [f"{event}-2.mp4", f"{event}.mp4"]
    clips.sort(key=lambda clip: clip.begin)
    kept = [data for clip in clips for data in coded(media(evidence, clip))[1]]
    assert kept == [packet.data for packet in packets[: len(kept)]]
    assert 79 <= len(kept) <= 81
    assert {ref for ref in room.refs if ref.endswith(".mp4")} == {clip.ref for clip in clips}
    assert [what for what, _ in room.audit] == ["evidence-made"] * 4


def test_an_incident_that_never_ends_does_not_fill_the_disk(tmp_path: Path) -> None:
    """Its clip ends after `most_seconds`, and the control room is told that it does."""
    feed, packets = feed_of(encode(tmp_path / "a.mp4", n_frames=90, gop=5, fps=5))
    evidence, room = tmp_path / "evidence", Room()
    begin = an_event("begin", key="7")
    with recording(evidence, room) as recorder:
        witness = a_witness(recorder, evidence, feed, pre_seconds=0, most_seconds=10)
        play(feed, packets)
        witness.saw(begin, sent(begin), a_step(2.0))
        clip = next(item for item in listed(evidence, 3) if item.media == "clip")
        assert eventually(lambda: room.reasons)
    assert 10.0 <= (clip.end - clip.begin).total_seconds() <= 11.0
    assert "most_seconds" in room.reasons[0]


def test_a_camera_that_comes_back_goes_on_in_a_new_file(tmp_path: Path) -> None:
    """A file never mixes two connections: the second may have another codec."""
    feed, packets = feed_of(encode(tmp_path / "a.mp4", n_frames=30))
    again, others = feed_of(encode(tmp_path / "b.mp4", n_frames=30, codec="libx265"))
    evidence = tmp_path / "evidence"
    begin, end = an_event("begin", key="7"), an_event("end", key="7")
    with recording(evidence, Room()) as recorder:
        witness = a_witness(recorder, evidence, feed, post_seconds=0)
        play(feed, packets)
        witness.saw(begin, sent(begin), a_step(1.0))
        feed.ring.close()
        listed(evidence, 3)
        witness.follow(again)
        play(again, [replace(p, pts=p.pts + 5, dts=p.dts + 5) for p in others])
        again.ring.close()
        witness.saw(end, sent(end), a_step(7.9))
        clips = [item for item in listed(evidence, 4) if item.media == "clip"]
    assert sorted(clip.codec for clip in clips) == ["h264", "hevc"]


def test_what_the_ring_lost_is_a_new_file_and_is_said(tmp_path: Path) -> None:
    """A disk that is too slow leaves a gap between files, never inside one."""
    feed, packets = feed_of(encode(tmp_path / "a.mp4", n_frames=90), seconds=2.0)
    evidence, room = tmp_path / "evidence", Room()
    begin = an_event("begin", key="7")
    with recording(evidence, room) as recorder:
        witness = a_witness(recorder, evidence, feed, pre_seconds=1)
        play(feed, packets[:20])
        witness.saw(begin, sent(begin), a_step(1.9))
        assert eventually(lambda: list(evidence.glob("*/*/.*.mp4.part")))
        play(feed, packets[20:])  # seven seconds at once, and two are held
        listed(evidence, 3)
        assert eventually(lambda: room.reasons)
        witness.close()
        clips = [item for item in listed(evidence, 4) if item.media == "clip"]
        assert witness.figures()["evidence_gaps"] == 1
    assert "packets are missing after this file" in room.reasons[0]
    for clip in clips:
        assert len(decoded(media(evidence, clip))) == len(coded(media(evidence, clip))[1])


def test_the_watcher_waits_for_no_disk(tmp_path: Path) -> None:
    """Handing over takes less than a frame's time, however slow the files are."""
    feed, packets = feed_of(encode(tmp_path / "a.mp4", n_frames=60))
    evidence = tmp_path / "evidence"

    def slow(_camera: str, _media: str) -> str:
        time.sleep(0.2)
        return ""

    with recording(evidence, Room(), admit=slow) as recorder:
        witness = a_witness(recorder, evidence, feed)
        play(feed, packets)
        began = time.monotonic()
        for _ in range(5):
            event = an_event()
            witness.saw(event, sent(event), a_step(3.0))
        assert time.monotonic() - began < 0.1
        listed(evidence, 10)


def test_what_is_too_much_is_refused_counted_and_said(tmp_path: Path) -> None:
    """Nothing is dropped in silence: health counts it, an update of the event says it."""
    feed, packets = feed_of(encode(tmp_path / "a.mp4", n_frames=30))
    evidence, room = tmp_path / "evidence", Room()
    with recording(evidence, room, admit=lambda *_: "the disk is nearly full") as recorder:
        witness = a_witness(recorder, evidence, feed)
        play(feed, packets)
        event = an_event()
        witness.saw(event, sent(event), a_step(2.0))
        assert eventually(lambda: len(room.reasons) == 2)
        assert witness.figures()["evidence_refused"] == 2
    assert set(room.reasons) == {"no evidence was made: the disk is nearly full"}
    assert items(evidence) == []


def test_a_disk_that_fails_fails_that_clip_and_nothing_else(tmp_path: Path) -> None:
    """It is counted and said, nothing half is left, and the next event has its evidence."""
    feed, packets = feed_of(encode(tmp_path / "a.mp4", n_frames=40))
    evidence, room = tmp_path / "evidence", Room()
    evidence.mkdir()
    with recording(evidence, room) as recorder:
        witness = a_witness(recorder, evidence, feed, post_seconds=0)
        play(feed, packets)
        day = evidence / "2026-11-23"
        day.write_text("a file where the folder should be")
        event = an_event()
        witness.saw(event, sent(event), a_step(2.0))
        assert eventually(lambda: len(room.reasons) == 2)
        assert witness.figures()["evidence_failed"] == 2
        day.unlink()
        event = an_event()
        witness.saw(event, sent(event), a_step(2.0))
        listed(evidence, 3)
    assert all("could not be made" in reason for reason in room.reasons)
    assert not list(evidence.glob("*/*/.*"))


def test_a_codec_that_no_clip_can_hold_is_said(tmp_path: Path) -> None:
    """The pictures are kept all the same."""
    feed, packets = feed_of(encode(tmp_path / "a.avi", n_frames=20, codec="mpeg4"))
    evidence, room = tmp_path / "evidence", Room()
    with recording(evidence, room) as recorder:
        witness = a_witness(recorder, evidence, feed)
        play(feed, packets)
        event = an_event()
        witness.saw(event, sent(event), a_step(1.0))
        assert eventually(lambda: room.reasons)
        assert [item.media for item in listed(evidence, 2)] == ["clean", "snapshot"]
    assert "codec mpeg4 cannot be kept as a clip" in room.reasons[0]


def test_what_a_crash_left_is_swept_and_what_is_listed_stays(tmp_path: Path) -> None:
    """A draft and a file without a sidecar exist for nobody."""
    feed, packets = feed_of(encode(tmp_path / "a.mp4", n_frames=30))
    evidence = tmp_path / "evidence"
    with recording(evidence, Room()) as recorder:
        witness = a_witness(recorder, evidence, feed, post_seconds=0)
        play(feed, packets)
        event = an_event()
        witness.saw(event, sent(event), a_step(2.0))
        kept = listed(evidence, 3)
    place = media(evidence, kept[0]).parent
    (place / ".half.mp4.part").write_bytes(b"half")
    (place / "0199a7c2-7f1e-7c55-9a53-2f6d0f2f1a11.mp4").write_bytes(b"no sidecar")
    assert sweep(evidence) == 2
    assert items(evidence) == kept
    assert all(sidecar_path(media(evidence, item)).exists() for item in kept)


def test_the_last_seconds_are_kept_on_command(tmp_path: Path) -> None:
    """They begin at the keyframe before what was asked for and end with the newest picture."""
    feed, packets = feed_of(encode(tmp_path / "a.mp4", n_frames=60))
    evidence = tmp_path / "evidence"
    with recording(evidence, Room()) as recorder:
        witness = a_witness(recorder, evidence, feed)
        play(feed, packets)
        item = witness.past(2).result(10)
    assert coded(media(evidence, item))[1] == [packet.data for packet in packets[30:]]
    assert (item.kind, item.rule, item.ref) == ("clip", "", f"{item.event}.mp4")


def _same(one: bytes, other: bytes, stream: object, told: object) -> bool:
    return _nal.units(_nal.annex_b(one, stream)) == _nal.units(_nal.annex_b(other, told))  # type: ignore[arg-type]
