"""Packet: one compressed picture on its way from a source to a decoder.

Pure. A packet owns its bytes, so the ring, the decoder and evidence clips can share it without
knowing the library that read it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Stream:
    """What a decoder must know before the first packet.

    Attributes:
        codec: FFmpeg's name of the codec, such as `h264`.
        extradata: Codec set-up data as the container carries it; empty where it is in-band.
        size_wh: Coded picture size in pixels, `(0, 0)` while unknown.
        fps: Nominal pictures a second, 0.0 while unknown.
    """

    codec: str
    extradata: bytes
    size_wh: tuple[int, int]
    fps: float


@dataclass(frozen=True, slots=True)
class Packet:
    """One compressed picture (access unit).

    Attributes:
        data: The coded bytes, as the camera sent them.
        pts: Stream time in seconds at which the picture is shown. Monotonic over the life of a
            camera, reconnections included; every duration is a difference of these.
        dts: Stream time in seconds at which it must be decoded, on the same axis; at most `pts`.
        is_keyframe: Decoding may start here.
        captured_at: UTC at which the scene was seen.
        clock_ms: How far `captured_at` may be wrong, in milliseconds.
        is_shown: False for what was cut off the start of a recording and is kept in it only
            because later pictures are predicted from it: decoded, never seen.
    """

    data: bytes
    pts: float
    dts: float
    is_keyframe: bool
    captured_at: datetime
    clock_ms: int
    is_shown: bool = True
