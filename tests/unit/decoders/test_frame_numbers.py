"""Lost pictures show as jumps in H.264's own numbering."""

from __future__ import annotations

import io
from typing import Any

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.decoders._frame_numbers import FrameNumbers
from edge.packet import Packet
from tests.unit.decoders.coded import GOP, coded


def jumps(packets: list[Packet], extradata: bytes = b"") -> dict[int, int]:
    """By place: how many pictures were found missing before it."""
    numbers = FrameNumbers(extradata)
    found = {place: numbers.n_lost_before(packet.data) for place, packet in enumerate(packets)}
    return {place: n for place, n in found.items() if n}


@pytest.mark.parametrize(
    ("profile", "b_frames"),
    [("baseline", 0), ("main", 0), ("main", 2), ("high", 0), ("high", 2)],
)
def test_a_whole_stream_has_no_jumps(profile: str, b_frames: int) -> None:
    """Nor does one with pictures nothing refers to, which have no numbers of their own."""
    assert jumps(list(coded(b_frames=b_frames, profile=profile))) == {}


@pytest.mark.parametrize("n_lost", [1, 2, 5])
def test_lost_pictures_are_counted(n_lost: int) -> None:
    """The jump shows at the first picture after them, and only there."""
    packets = list(coded())
    del packets[GOP + 5 : GOP + 5 + n_lost]
    assert jumps(packets) == {GOP + 5: n_lost}


def test_a_lost_keyframe_shows() -> None:
    """What follows belongs to it, not to the GOP before."""
    packets = list(coded())
    del packets[GOP]
    assert list(jumps(packets)) == [GOP]


def test_losing_the_end_of_a_gop_harms_nothing() -> None:
    """Nothing is predicted from it any more."""
    packets = list(coded())
    del packets[GOP - 3 : GOP]
    assert jumps(packets) == {}


def test_losing_what_nothing_refers_to_harms_nothing() -> None:
    """A B-frame that is no reference may be missing."""
    packets = list(coded(b_frames=1))
    unreferenced = [p for p in packets if b"\x00\x00\x01\x01" in p.data]
    assert unreferenced
    assert jumps([p for p in packets if p not in unreferenced]) == {}


def test_a_jump_made_on_purpose_is_none() -> None:
    """Whoever skips packets says so."""
    numbers = FrameNumbers(b"")
    for packet in coded()[:5]:
        numbers.n_lost_before(packet.data)
    numbers.forget()
    assert numbers.n_lost_before(coded()[9].data) == 0
    assert numbers.n_lost_before(coded()[11].data) == 1


def test_units_with_lengths_and_a_record() -> None:
    """As MP4 carries them."""
    packets, record = as_mp4(coded())
    assert record[0] == 1
    assert jumps(packets, record) == {}
    del packets[26]
    assert jumps(packets, record) == {26: 1}


def as_mp4(packets: tuple[Packet, ...], codec: str = "h264") -> tuple[list[Packet], bytes]:
    """The same pictures as an MP4 file carries them, with its configuration record."""
    raw = io.BytesIO(b"".join(packet.data for packet in packets))
    file = io.BytesIO()
    with av.open(raw, format=codec) as source, av.open(file, "w", format="mp4") as target:
        video: Any = source.streams.video[0]
        into = target.add_stream_from_template(video)
        for number, unit in enumerate(source.demux(video)):
            if unit.size:
                unit.pts = unit.dts = number * 48000
                unit.stream = into
                target.mux(unit)
    file.seek(0)
    with av.open(file) as source:
        record = bytes(source.streams.video[0].codec_context.extradata or b"")
        units = [bytes(unit) for unit in source.demux(video=0) if unit.size]
    return [
        Packet(data, p.pts, p.dts, p.is_keyframe, p.captured_at, 0)
        for data, p in zip(units, packets, strict=True)
    ], record


@given(units=st.lists(st.binary(max_size=80), max_size=6), extradata=st.binary(max_size=60))
def test_rubbish_is_no_news(units: list[bytes], extradata: bytes) -> None:
    """Whatever arrives, the answer is a number and not an error."""
    for record in (extradata, b"\x01" + extradata):
        numbers = FrameNumbers(record)
        for unit in units:
            for kind in (b"\x67", b"\x65", b"\x41", b""):
                assert numbers.n_lost_before(b"\x00\x00\x00\x01" + kind + unit) >= 0
