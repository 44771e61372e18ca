"""Probe: one stream looked at for a few seconds, and what to change in the camera.

Boundary: opens the stream as the daemon does, so what it says is what the daemon will meet.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from edge.decoders.software import Options as SoftwareDecoder
from edge.errors import InputError, SourceLost
from edge.frame import Frame
from edge.options import kinds
from edge.packet import Packet
from edge.runtime.attention import MOST_GOP_S
from edge.sources import SourceOptions

OPEN_S = 8.0
"""Longest wait for the camera: two long GOPs and a slow login."""

MOST_PACKETS = 100_000
"""Of a recording that is read as fast as it can be: an hour of it tells all there is to tell."""


MOST_WIDE = 2560
"""Detectors here look at 640 pixels; what is beyond four times that only costs decoding."""

MOST_JITTER_MS = 1000.0
"""Beyond it pictures begin to be skipped: see `LAG_S` of a camera."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What a stream is like; times in seconds.

    Attributes:
        address: Where, without user and password.
        codec: FFmpeg's name.
        size_wh: Of its pictures, in pixels.
        fps: Pictures a second, counted.
        nominal_fps: What the stream says of itself; 0 where it says nothing.
        kbit_s: Bits a second.
        keyframe_s: Time between keyframes, median; None where less than two came.
        longest_keyframe_s: The longest such time.
        keyframe_kib: Size of a keyframe, median.
        first_picture_s: From asking to the first whole picture.
        jitter_ms: How much later than evenly packets came, 95th percentile; 0 of a recording.
        n_packets: Packets that came.
        n_damaged: Of these, found damaged, or pictures found missing.
        n_late: Holes in the pictures' times longer than twice their usual distance.
        clock: How well the time of its pictures is known, in words.
        watched_s: How long it was looked at, in stream time.
    """

    address: str
    codec: str
    size_wh: tuple[int, int]
    fps: float
    nominal_fps: float
    kbit_s: float
    keyframe_s: float | None
    longest_keyframe_s: float | None
    keyframe_kib: float | None
    first_picture_s: float
    jitter_ms: float
    n_packets: int
    n_damaged: int
    n_late: int
    clock: str
    watched_s: float


def probe(options: SourceOptions, seconds: float) -> tuple[Findings, Frame]:
    """Look at a stream.

    Args:
        options: The stream.
        seconds: For how long, in its own time; a keyframe that is due is waited for.

    Returns:
        What was found, and the first whole picture.

    Raises:
        SourceError: It cannot be opened, breaks off, or shows no picture.
    """
    began = time.monotonic()
    source = options.open(timeout_s=OPEN_S)
    packets: list[Packet] = []
    arrived: list[float] = []
    picture: Frame | None = None
    pictured_s = 0.0
    try:
        decoder = SoftwareDecoder().open(source.stream)
        try:
            for packet in source.packets():
                packets.append(packet)
                arrived.append(time.monotonic())
                for shown in decoder.decode(packet):
                    if picture is None:
                        picture, pictured_s = shown.frame("probe", 0), time.monotonic() - began
                if packet.dts - packets[0].dts >= seconds or len(packets) >= MOST_PACKETS:
                    break
            for shown in decoder.flush():
                picture = picture or shown.frame("probe", 0)
            n_damaged = decoder.n_corrupt
        finally:
            decoder.close()
        stream, clock_doubt, is_live = source.stream, source.clock_doubt, source.is_live
    finally:
        source.close()
    if picture is None:
        raise SourceLost(
            f"{options.address}: {len(packets)} packets came in {seconds:g} s and no picture could "
            "be decoded from them; set the camera to H.264 with a keyframe every 1 to 2 s"
        )
    keyframes = [packet for packet in packets if packet.is_keyframe]
    apart = [after.dts - before.dts for before, after in pairwise(keyframes)]
    steps = [after.dts - before.dts for before, after in pairwise(packets)]
    usual_s = statistics.median(steps) if steps else 0.0
    span_s = packets[-1].dts - packets[0].dts + usual_s
    return Findings(
        address=options.address,
        codec=stream.codec,
        size_wh=picture.size_wh,
        fps=len(packets) / span_s if span_s else 0.0,
        nominal_fps=stream.fps,
        kbit_s=sum(len(p.data) for p in packets) * 8 / 1000 / span_s if span_s else 0.0,
        keyframe_s=statistics.median(apart) if apart else None,
        longest_keyframe_s=max(apart, default=None),
        keyframe_kib=statistics.median(len(k.data) for k in keyframes) / 1024
        if keyframes
        else None,
        first_picture_s=pictured_s,
        jitter_ms=_jitter_ms(packets, arrived) if is_live else 0.0,
        n_packets=len(packets),
        n_damaged=n_damaged,
        n_late=sum(step > 2 * usual_s for step in steps) if usual_s else 0,
        clock=_clock(packets[-1].clock_ms, clock_doubt),
        watched_s=span_s,
    ), picture


def advice(found: Findings) -> list[str]:
    """What to change in the camera or the network, most important first; empty if nothing."""
    told = []
    if found.n_damaged:
        told.append(
            f"{found.n_damaged} pictures damaged or missing: check cable and switch, use "
            "`transport: tcp`, or lower the bit rate"
        )
    longest = found.longest_keyframe_s
    if longest is None and found.watched_s > MOST_GOP_S:
        told.append(f"no second keyframe in {found.watched_s:.0f} s: set one every 1 to 2 s")
    elif longest is not None and longest > MOST_GOP_S:
        told.append(
            f"keyframes are up to {longest:.1f} s apart, so that the camera can never rest: set "
            "one every 1 to 2 s, and switch smart codecs (H.264+, Zipstream) off"
        )
    if found.codec == "mjpeg":
        told.append("MJPEG takes five to ten times the network of H.264: set H.264 if it can")
    if max(found.size_wh) > MOST_WIDE:
        told.append("more pixels than any detector here looks at: analyse the sub stream (sub_url)")
    if found.jitter_ms > MOST_JITTER_MS:
        told.append(f"packets come up to {found.jitter_ms:.0f} ms late: the network is too narrow")
    return told


def _jitter_ms(packets: Sequence[Packet], arrived: Sequence[float]) -> float:
    """How much later than the quickest packets came, 95th percentile."""
    # The first packets are what the camera had ready; they say nothing of the network.
    delays = sorted(at - packet.dts for packet, at in zip(packets, arrived, strict=True))
    return (delays[int(0.95 * (len(delays) - 1))] - delays[0]) * 1000


def _clock(clock_ms: int, doubt: str) -> str:
    return f"within {clock_ms} ms" + (f"; {doubt}" if doubt else "")


def source_of(url: str, transport: str) -> SourceOptions:
    """The options of a camera file for this address.

    Raises:
        InputError: It is no address and no file; says no part of it that may be a password.
    """
    scheme, has_scheme, _ = url.partition("://")
    made: dict[str, Any]
    if not has_scheme:
        if not Path(url).is_file():
            raise InputError(f"{url}: no such recording; expected one, or rtsp://host/path")
        made = {"kind": "file", "path": Path(url), "realtime": False}
    elif scheme in ("http", "https"):
        made = {"kind": "http", "url": url}
    else:
        made = {"kind": "rtsp", "url": url, "transport": transport}
    try:
        options: SourceOptions = kinds("edge.sources")[made["kind"]].model_validate(made)  # type: ignore[assignment]
    except ValidationError as exc:
        words = exc.errors(include_input=False)[0]["msg"].removeprefix("Value error, ")
        raise InputError(f"URL: {words}") from None
    return options
