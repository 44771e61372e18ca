"""The software decoder on damaged streams, against the same streams whole."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import av
import numpy as np
import pytest

from edge.decoders.auto import Options as AutoOptions
from edge.decoders.software import REFUSED_KEYFRAMES, SoftwareDecoder
from edge.packet import Packet, Stream
from tests.unit.decoders.coded import (
    AT,
    GOP,
    HEVC,
    N_PACKETS,
    RTSP,
    by_number,
    coded,
    damaged,
    decoded,
    is_visibly_wrong,
    number_of,
    without,
)

N_TRIALS = 12
SLIPS = {"cut": 2, "hole": 2, "flips": 4}
"""Trials in which entropy coding may take damage for data; of 40 it did in 2 at most, 5 for flips.
FFmpeg as it comes shows damage in 9 or more of 12."""


def spoilt(packets: tuple[Packet, ...], stream: Stream, how: str) -> tuple[int, int]:
    """Damage one packet at a time, and look at what is shown.

    Returns:
        Trials in which something wrong was shown, and pictures lost beyond the GOP that was hit.
    """
    whole = by_number(decoded(SoftwareDecoder(stream), packets))
    rng = random.Random(7)
    n_wrong = n_lost = 0
    for _ in range(N_TRIALS):
        decoder = SoftwareDecoder(stream)
        place = rng.randrange(GOP + 1, 2 * GOP - 1)
        shown = by_number(decoded(decoder, damaged(packets, place, how, rng)))
        n_wrong += any(is_visibly_wrong(luma, whole[n]) for n, luma in shown.items())
        n_lost += len({*range(GOP), *range(2 * GOP, N_PACKETS)} - shown.keys())
        assert len(shown) + decoder.n_corrupt + decoder.n_withheld == len(packets)
    return n_wrong, n_lost


@pytest.mark.parametrize("how", ["cut", "hole", "flips"])
@pytest.mark.parametrize("profile", ["baseline", "high"])
def test_damaged_h264_is_not_shown(profile: str, how: str) -> None:
    """Neither the picture nor what is predicted from it; the next GOP is whole again."""
    n_wrong, n_lost = spoilt(coded(profile=profile), RTSP, how)
    assert n_wrong <= SLIPS[how]
    assert n_lost == 0


def test_h265_cut_short_is_not_shown() -> None:
    """What a network does to a picture. Bytes turned round in H.265 nothing can tell."""
    n_wrong, n_lost = spoilt(coded("hevc"), HEVC, "cut")
    assert n_wrong <= SLIPS["cut"] + 1
    assert n_lost == 0


def test_after_a_lost_h265_picture_it_waits_for_a_keyframe() -> None:
    """FFmpeg itself withholds what refers to it; it is counted all the same."""
    decoder = SoftwareDecoder(HEVC)
    pictures = decoded(decoder, without(coded("hevc"), 26))
    assert [number_of(picture) for picture in pictures] == [*range(26), *range(40, 60)]
    assert decoder.n_corrupt + decoder.n_withheld == 13


def test_b_frames_before_a_loss_still_come_out() -> None:
    """They were decoded before it, and only shown later."""
    packets = coded(b_frames=2)
    place = next(n for n in range(GOP + 6, N_PACKETS) if packets[n].pts > packets[n + 1].pts)
    decoder = SoftwareDecoder(RTSP)
    shown = by_number(decoded(decoder, without(packets, place)))
    before = {round(packet.pts * 25) for packet in packets[:place]}
    assert before <= shown.keys()
    assert decoder.n_corrupt == 1


def malformed_sei(packet: Packet) -> Packet:
    """With a registered user data SEI that promises more than it has."""
    unit = b"\x00\x00\x00\x01\x06\x04\x02\xb5\x00\x80"
    return replace(packet, data=unit + packet.data)


def test_a_camera_that_bends_the_standard_is_borne_with() -> None:
    """Strictness may not make a camera blind that everybody else shows."""
    packets = [
        replace(malformed_sei(packet), pts=packet.pts + shift, dts=packet.dts + shift)
        for shift in (0.0, 10.0, 20.0)
        for packet in coded()
    ]
    decoder = SoftwareDecoder(RTSP)
    strict: Any = av.CodecContext.create("h264", "r")
    strict.options = {"err_detect": "explode"}
    with pytest.raises(av.error.FFmpegError):
        strict.decode(av.Packet(packets[0].data))
    shown = decoded(decoder, packets)
    assert len(shown) == len(packets) - REFUSED_KEYFRAMES * GOP
    assert decoder.n_corrupt == REFUSED_KEYFRAMES


def test_mjpeg() -> None:
    """Every picture is a keyframe, in full range; a broken one costs only itself."""
    encoder: Any = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 64, 48, "yuvj420p"
    encoder.framerate = 25
    frame = av.VideoFrame.from_ndarray(np.full((72, 64), 128, np.uint8), format="yuvj420p")
    data = bytes((encoder.encode(frame) + encoder.encode(None))[0])
    packets = [Packet(data, n / 25, n / 25, True, AT, 0) for n in range(4)]
    packets[1] = replace(packets[1], data=b"no picture")
    decoder = SoftwareDecoder(Stream("mjpeg", b"", (64, 48), 25.0))
    shown = decoded(decoder, packets)
    assert [number_of(picture) for picture in shown] == [0, 2, 3]
    assert shown[0].colour.is_full_range
    assert decoder.n_corrupt == 1


def test_auto_is_software_where_there_is_no_jetson() -> None:
    """And for what a Jetson's decoder does not take."""
    assert isinstance(AutoOptions().open(Stream("mjpeg", b"", (0, 0), 0.0)), SoftwareDecoder)
