"""What every kind of decoder promises, over each file of the room by discovery.

`nvv4l2` runs its own pipeline, with GStreamer's software decoder in the Jetson's place.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.decoders import Decoder, DecoderOptions, nvv4l2
from edge.decoders.software import SoftwareDecoder
from edge.errors import SourceUnsupported
from edge.options import kinds
from edge.packet import Packet, Stream
from tests.unit.decoders.coded import (
    AT,
    GOP,
    HEVC,
    N_PACKETS,
    RTSP,
    by_number,
    coded,
    decoded,
    number_of,
    without,
)
from tests.unit.decoders.gst_chain import CHAINS, chain_or_skip

KINDS = kinds("edge.decoders")
Opener = Callable[[Stream], Decoder]


@pytest.fixture(params=sorted(KINDS))
def open_decoder(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Opener]:
    """Opens decoders of each kind, and closes them."""
    options = KINDS[request.param]()
    assert isinstance(options, DecoderOptions)
    monkeypatch.setattr(nvv4l2, "STALL_S", 0.5)
    opened: list[Decoder] = []

    def opener(stream: Stream) -> Decoder:
        if request.param == "nvv4l2" and stream.codec in CHAINS:
            monkeypatch.setattr(nvv4l2, "CHAIN", chain_or_skip(stream.codec))
        opened.append(options.open(stream))
        return opened[-1]

    yield opener
    for decoder in opened:
        decoder.close()


def test_there_are_kinds() -> None:
    """Discovery finds the room's files, or every test here would pass on nothing."""
    assert {"auto", "nvv4l2", "software"} <= KINDS.keys()


@pytest.mark.parametrize("stream", [RTSP, HEVC], ids=lambda s: s.codec)
@pytest.mark.parametrize("b_frames", [0, 2])
def test_every_picture_comes_out_once_in_order(
    open_decoder: Opener, stream: Stream, b_frames: int
) -> None:
    """Also where decoding order is another, and bit for bit what FFmpeg makes of it."""
    packets = coded(stream.codec, b_frames=b_frames)
    decoder = open_decoder(stream)
    pictures = decoded(decoder, packets)
    assert [number_of(picture) for picture in pictures] == list(range(N_PACKETS))
    assert {id(picture.packet) for picture in pictures} == {id(packet) for packet in packets}
    assert (decoder.n_corrupt, decoder.n_withheld) == (0, 0)
    for picture, wanted in zip(pictures, decoded(SoftwareDecoder(stream), packets), strict=True):
        np.testing.assert_array_equal(picture.y, wanted.y)
        np.testing.assert_array_equal(picture.u, wanted.u)
        np.testing.assert_array_equal(picture.v, wanted.v)
        assert picture.colour == wanted.colour


def test_a_picture_makes_a_frame(open_decoder: Opener) -> None:
    """Planes of the right shape, read-only, with the packet's times."""
    picture = decoded(open_decoder(RTSP), coded()[:2])[1]
    frame = picture.frame("yard", 7)
    assert (frame.size_wh, frame.stamp.pts, frame.stamp.captured_at) == ((320, 192), 0.04, AT)
    assert not any(plane.flags.writeable for plane in (frame.y, frame.u, frame.v))


def test_one_keyframe_at_a_time(open_decoder: Opener) -> None:
    """How an idle camera is looked at: jump, decode one, and have it at once."""
    decoder = open_decoder(RTSP)
    for place in (0, GOP, 2 * GOP, GOP):  # and back again
        decoder.reset()
        pictures = decoder.decode(coded()[place]) + decoder.flush()
        assert [number_of(picture) for picture in pictures] == [place]
    assert (decoder.n_corrupt, decoder.n_withheld) == (0, 0)


def test_a_jump_leaves_nothing_behind(open_decoder: Opener) -> None:
    """After a reset in the midst of things the next GOP is what it would have been."""
    packets = coded(b_frames=2)
    decoder = open_decoder(RTSP)
    for packet in packets[:13]:
        decoder.decode(packet)
    decoder.reset()
    whole = by_number(decoded(SoftwareDecoder(RTSP), packets))
    after = by_number(decoded(decoder, packets[2 * GOP :]))
    assert sorted(after) == list(range(2 * GOP, N_PACKETS))
    assert all((after[number] == whole[number]).all() for number in after)
    assert decoder.n_withheld == 0


def test_it_starts_in_mid_gop(open_decoder: Opener) -> None:
    """Nothing grey is shown: the first picture is that of the first keyframe."""
    decoder = open_decoder(RTSP)
    pictures = decoded(decoder, coded()[7:])
    assert [number_of(picture) for picture in pictures] == list(range(GOP, N_PACKETS))
    assert decoder.n_withheld == GOP - 7


def test_after_a_lost_picture_it_waits_for_a_keyframe(open_decoder: Opener) -> None:
    """What was predicted from it would be wrong, and nothing in the picture says so."""
    decoder = open_decoder(RTSP)
    pictures = decoded(decoder, without(coded(), 26))
    assert [number_of(picture) for picture in pictures] == [*range(26), *range(40, 60)]
    assert (decoder.n_corrupt, decoder.n_withheld) == (1, 13)


def test_another_size_in_mid_stream(open_decoder: Opener) -> None:
    """Somebody changes the camera's resolution: pictures come at the new size."""
    small = coded(n=GOP, size_wh=(192, 128), first=N_PACKETS)
    decoder = open_decoder(RTSP)
    pictures = decoded(decoder, [*coded(), *small])
    sizes = [picture.y.shape for picture in pictures]
    assert sizes == [(192, 320)] * N_PACKETS + [(128, 192)] * GOP
    assert pictures[-1].u.shape == (64, 96)
    assert decoder.n_corrupt == 0


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rubbish=st.lists(st.tuples(st.binary(max_size=400), st.booleans()), max_size=12))
def test_rubbish_never_raises_and_is_counted(
    open_decoder: Opener, rubbish: list[tuple[bytes, bool]]
) -> None:
    """A keyframe ends it: then everything is as it was."""
    packets = coded()
    decoder = open_decoder(RTSP)
    waste = [
        Packet(data, (GOP + n / 100) / 25, (GOP + n / 100) / 25, is_keyframe, AT, 0)
        for n, (data, is_keyframe) in enumerate(rubbish)
    ]
    shown = [
        picture
        for packet in [*packets[:GOP], *waste, *packets[GOP:]]
        for picture in decoder.decode(packet)
    ]
    shown += decoder.flush()
    assert {number_of(p) for p in shown if p.packet in packets} >= {*range(GOP), *range(40, 60)}
    assert decoder.n_corrupt + decoder.n_withheld >= len(waste)
    decoder.close()


def test_an_empty_packet_is_no_end(open_decoder: Opener) -> None:
    """FFmpeg takes no bytes for the end of the stream."""
    decoder = open_decoder(RTSP)
    packets = list(coded()[:GOP])
    packets.insert(5, replace(packets[5], data=b"", pts=0.199))
    assert len(decoded(decoder, packets)) == GOP
    assert decoder.n_corrupt == 1


def test_an_unknown_codec_is_refused(open_decoder: Opener) -> None:
    """Not later, by a picture that never comes."""
    with pytest.raises(SourceUnsupported, match="codec nonesuch"):
        open_decoder(Stream("nonesuch", b"", (0, 0), 0.0))


def test_closing_twice_is_safe(open_decoder: Opener) -> None:
    """At the end of a connection and on the way out."""
    decoder = open_decoder(RTSP)
    decoder.decode(coded()[0])
    decoder.close()
    decoder.close()


def test_kinds_are_listed_without_gstreamer() -> None:
    """A laptop without it can still check a configuration."""
    code = (
        "import sys\n"
        "sys.modules['gi'] = None\n"
        "from edge.options import kinds\n"
        "print(*kinds('edge.decoders'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == sorted(KINDS)
