"""Coded pictures for the decoders' tests, encoded on the spot, and ways to damage them."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from fractions import Fraction
from functools import cache
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from edge.decoders import Decoder, Picture
from edge.frame import Plane
from edge.packet import Packet, Stream

AT = datetime(2026, 1, 1, tzinfo=timezone.utc)
FPS, GOP, N_PACKETS = 25, 20, 60
RTSP = Stream("h264", b"", (0, 0), 25.0)
HEVC = Stream("hevc", b"", (0, 0), 25.0)


def pictures_to_code(n: int, size_wh: tuple[int, int]) -> Iterable[NDArray[np.uint8]]:
    """Texture that pans, a little noise, a box that moves: all depends on what came before."""
    width, height = size_wh
    rng = np.random.default_rng(0)
    coarse = rng.integers(40, 200, (height // 8 + 1, width // 8 + 1), dtype=np.uint8)
    texture = cv2.GaussianBlur(cv2.resize(coarse, size_wh), (5, 5), 2)
    for number in range(n):
        picture = np.full((height * 3 // 2, width), 128, np.uint8)
        noise = rng.integers(0, 7, (height, width), dtype=np.uint8)
        picture[:height] = np.roll(texture, number, axis=1) // 2 + 20 + noise
        picture[height:, : width // 2] = 90 + number
        left = (10 + 3 * number) % (width - 50)
        picture[60:120, left : left + 40] = 235
        yield picture


@cache
def coded(
    codec: str = "h264",
    *,
    b_frames: int = 0,
    n: int = N_PACKETS,
    size_wh: tuple[int, int] = (320, 192),
    profile: str = "",
    first: int = 0,
) -> tuple[Packet, ...]:
    """Access units with start codes, as RTSP gives them, parameter sets in front of keyframes.

    Args:
        codec: `h264` or `hevc`.
        b_frames: Pictures in a row that are decoded later than shown.
        n: How many; a keyframe every `GOP`.
        size_wh: Even.
        profile: Of H.264; `baseline` has another entropy coder than the rest.
        first: Number of the first one, for its times.
    """
    encoder: Any = av.CodecContext.create("libx264" if codec == "h264" else "libx265", "w")
    encoder.width, encoder.height = size_wh
    encoder.pix_fmt, encoder.time_base = "yuv420p", Fraction(1, FPS)
    wanted = f"keyint={GOP}:min-keyint={GOP}:scenecut=0:bframes={b_frames}"
    if codec == "h264":
        encoder.options = {"preset": "veryfast", "x264-params": f"{wanted}:sliced-threads=0"}
        if profile:
            encoder.options = {**encoder.options, "profile": profile}
    else:
        wanted += ":open-gop=0:repeat-headers=1:pools=1:frame-threads=1:log-level=none"
        encoder.options = {"preset": "ultrafast", "x265-params": wanted}
    units: list[Any] = []
    for number, picture in enumerate(pictures_to_code(n, size_wh)):
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts = number
        units += encoder.encode(frame)
    units += encoder.encode(None)
    return tuple(
        Packet(
            bytes(unit),
            (first + unit.pts) / FPS,
            (first + unit.dts) / FPS,
            bool(unit.is_keyframe),
            AT,
            0,
        )
        for unit in units
    )


def decoded(decoder: Decoder, packets: Iterable[Packet]) -> list[Picture]:
    """Everything a decoder makes of them, the end included."""
    found = [picture for packet in packets for picture in decoder.decode(packet)]
    return found + decoder.flush()


def number_of(picture: Picture) -> int:
    """Which picture it is, from 0."""
    return round(picture.packet.pts * FPS)


def by_number(pictures: Sequence[Picture]) -> dict[int, Plane]:
    """Luma by the picture's number."""
    return {number_of(picture): picture.y for picture in pictures}


def is_visibly_wrong(luma: Plane, wanted: Plane) -> bool:
    """Whether more is off than rounding."""
    return float(np.abs(luma.astype(int) - wanted).mean()) > 0.5


def without(packets: Sequence[Packet], lost: int) -> list[Packet]:
    """As after a lost picture."""
    return [packet for place, packet in enumerate(packets) if place != lost]


def damaged(packets: Sequence[Packet], place: int, how: str, rng: random.Random) -> list[Packet]:
    """One packet spoilt.

    Args:
        packets: What to copy.
        place: Which one.
        how: `cut` loses the end, `hole` a quarter from its middle, `flips` turns eight bits round.
        rng: Where exactly.
    """
    data = bytearray(packets[place].data)
    if how == "cut":
        del data[rng.randrange(len(data) // 4, len(data)) :]
    elif how == "hole":
        at = rng.randrange(len(data) // 4, len(data))
        del data[at : at + len(data) // 4]
    else:
        for _ in range(8):
            data[rng.randrange(12, len(data))] ^= 1 << rng.randrange(8)
    spoilt = list(packets)
    spoilt[place] = replace(packets[place], data=bytes(data))
    return spoilt
