"""H.264 as RTP: a clip's coded pictures, cut into packets once, ready to be sent many times.

Pure but for reading the clip. RTP is RFC 3550, H.264 in it RFC 6184 (single NAL units and FU-A),
its description RFC 8866, packets inside a TCP connection RFC 2326 section 10.12.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from struct import pack, pack_into, unpack_from

from edge.errors import InputError
from edge.packet import Packet
from edge.sources.file import Options as FileOptions

CLOCK_HZ = 90_000
"""Of RTP timestamps of video (RFC 6184)."""

PAYLOAD_TYPE = 96
MAX_PAYLOAD = 1400
"""Bytes of RTP payload: with all headers below an Ethernet frame's 1500, as cameras send."""

FRAMING = 4
"""Bytes before a packet inside TCP: `$`, channel, length."""

HEADER = 12
_MARKER = 0x80
_FU_A, _FU_START, _FU_END = 28, 0x80, 0x40
_NTP_EPOCH = datetime(1900, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True, slots=True)
class Unit:
    """One coded picture as RTP packets, each in TCP framing on channel 0.

    Attributes:
        pts: Seconds into the clip at which it is shown.
        dts: Seconds into the clip at which it is sent.
        is_keyframe: A client may begin here.
        framed: The packets one after the other; sequence number, timestamp and SSRC are zero.
        starts: Where in `framed` each RTP header begins.
    """

    pts: float
    dts: float
    is_keyframe: bool
    framed: bytes
    starts: tuple[int, ...]

    @property
    def n_payload_bytes(self) -> int:
        """Bytes of payload, as sender reports count them."""
        return len(self.framed) - len(self.starts) * (FRAMING + HEADER)

    def stamped(self, channel: int, sequence: int, timestamp: int, ssrc: int) -> bytearray:
        """The packets of one client.

        Args:
            channel: Of the RTP packets inside TCP.
            sequence: Number of the first packet; the others follow.
            timestamp: In ticks of the clip's clock, any size.
            ssrc: Of the stream.
        """
        framed = bytearray(self.framed)
        ticks = timestamp & 0xFFFFFFFF
        for number, start in enumerate(self.starts, sequence):
            framed[start - 3] = channel
            pack_into(">HII", framed, start + 2, number & 0xFFFF, ticks, ssrc)
        return framed

    def datagrams(self, stamped: bytearray) -> Iterator[memoryview]:
        """The same packets one by one, without framing."""
        ends = [start - FRAMING for start in self.starts[1:]]
        for start, end in zip(self.starts, [*ends, len(stamped)], strict=True):
            yield memoryview(stamped)[start:end]


@dataclass(frozen=True)
class Clip:
    """A recording ready to be sent.

    Attributes:
        units: In decoding order; the first is a keyframe.
        duration_s: From the first picture to the first of the next round.
        reorder_s: Longest wait of a picture between decoding and showing.
        parameter_sets: SPS and PPS.
        fps: Pictures a second.
    """

    units: tuple[Unit, ...]
    duration_s: float
    reorder_s: float
    parameter_sets: tuple[bytes, ...]
    fps: float

    @property
    def bits_per_second(self) -> float:
        """Of the coded pictures, without what RTP adds."""
        return sum(unit.n_payload_bytes for unit in self.units) * 8 / self.duration_s

    @property
    def keyframe_s(self) -> float:
        """Mean time between keyframes."""
        return self.duration_s / sum(unit.is_keyframe for unit in self.units)

    @property
    def sdp(self) -> str:
        """Its description, as `DESCRIBE` answers it."""
        sets = ",".join(b64encode(unit).decode() for unit in self.parameter_sets)
        profile = self.parameter_sets[0][1:4].hex()
        set_up = f"packetization-mode=1;profile-level-id={profile};sprop-parameter-sets={sets}"
        lines = (
            "v=0",
            "o=- 1 1 IN IP4 127.0.0.1",
            "s=simulated camera",
            "c=IN IP4 0.0.0.0",
            "t=0 0",
            "a=control:*",
            "a=range:npt=now-",
            f"m=video 0 RTP/AVP {PAYLOAD_TYPE}",
            f"a=rtpmap:{PAYLOAD_TYPE} H264/{CLOCK_HZ}",
            f"a=fmtp:{PAYLOAD_TYPE} {set_up}",
            f"a=framerate:{self.fps:g}",
            "a=control:trackID=0",
        )
        return "".join(f"{line}\r\n" for line in lines)


def read_clip(path: Path) -> Clip:
    """Read a recording and cut it into packets.

    Args:
        path: H.264 in MP4 or Matroska, beginning with a keyframe.

    Raises:
        InputError: It is something else.
        SourceError: It cannot be read.
    """
    source = FileOptions(kind="file", path=path, realtime=False).open()
    stream = source.stream
    packets = list(source.packets())
    if stream.codec != "h264" or stream.extradata[:1] != b"\x01":
        raise InputError(f"{path}: expected H.264 in MP4 or Matroska, got {stream.codec}")
    if not packets or not packets[0].is_keyframe:
        raise InputError(f"{path}: expected a keyframe at its beginning")
    length_size, sets = _set_up(stream.extradata)
    units = tuple(_unit(packet, length_size, sets) for packet in packets)
    fps = stream.fps or 25.0
    return Clip(
        units,
        duration_s=max(packet.pts for packet in packets) + 1 / fps,
        reorder_s=max(packet.pts - packet.dts for packet in packets),
        parameter_sets=sets,
        fps=fps,
    )


def sender_report(ssrc: int, at: datetime, timestamp: int, n_packets: int, n_bytes: int) -> bytes:
    """An RTCP sender report with the source's name (RFC 3550, 6.4.1 and 6.5).

    Args:
        ssrc: Of the stream.
        at: UTC.
        timestamp: RTP time of a picture taken at that moment, any size.
        n_packets: Sent so far.
        n_bytes: Payload sent so far.
    """
    since = at - _NTP_EPOCH
    seconds = since.days * 86400 + since.seconds
    fraction = since.microseconds * 2**32 // 10**6
    report = pack(
        ">BBHIIIIII", 0x80, 200, 6, ssrc, seconds & 0xFFFFFFFF, fraction,
        timestamp & 0xFFFFFFFF, n_packets & 0xFFFFFFFF, n_bytes & 0xFFFFFFFF,
    )  # fmt: skip
    name = b"edge"
    item = pack(">BB", 1, len(name)) + name + bytes(2)  # CNAME, an end mark, padding to 32 bits
    return report + pack(">BBHI", 0x81, 202, (4 + len(item)) // 4, ssrc) + item


def framed(channel: int, packet: bytes) -> bytes:
    """A packet inside an RTSP connection."""
    return pack(">cBH", b"$", channel, len(packet)) + packet


def _set_up(avcc: bytes) -> tuple[int, tuple[bytes, ...]]:
    """Size of the length fields, SPS and PPS of an `avcC` record (ISO/IEC 14496-15, 5.3.3)."""
    sets, at = [], 5
    for mask in (0x1F, 0xFF):
        count, at = avcc[at] & mask, at + 1
        for _ in range(count):
            (size,) = unpack_from(">H", avcc, at)
            sets.append(avcc[at + 2 : at + 2 + size])
            at += 2 + size
    return (avcc[4] & 3) + 1, tuple(sets)


def _unit(packet: Packet, length_size: int, sets: tuple[bytes, ...]) -> Unit:
    # Cameras repeat their parameter sets with every keyframe.
    nals = [*(sets if packet.is_keyframe else ()), *nal_units(packet.data, length_size)]
    payloads = [payload for nal in nals for payload in _payloads(nal)]
    framed_packets, starts, size = [], [], 0
    for number, payload in enumerate(payloads, 1):
        marker = _MARKER if number == len(payloads) else 0
        header = pack(">BBHII", 0x80, marker | PAYLOAD_TYPE, 0, 0, 0)
        framed_packets.append(framed(0, header + payload))
        starts.append(size + FRAMING)
        size += len(framed_packets[-1])
    return Unit(packet.pts, packet.dts, packet.is_keyframe, b"".join(framed_packets), tuple(starts))


def nal_units(data: bytes, length_size: int) -> Iterator[bytes]:
    """The NAL units of a picture as MP4 holds it: each after its length."""
    at = 0
    while at + length_size <= len(data):
        size = int.from_bytes(data[at : at + length_size], "big")
        yield data[at + length_size : at + length_size + size]
        at += length_size + size


def _payloads(nal: bytes) -> Iterator[bytes]:
    """A NAL unit as it is, or in fragments where it is too long for one packet."""
    if len(nal) <= MAX_PAYLOAD:
        yield nal
        return
    indicator, kind = nal[0] & 0xE0 | _FU_A, nal[0] & 0x1F
    step = MAX_PAYLOAD - 2
    for at in range(1, len(nal), step):
        flags = (_FU_START if at == 1 else 0) | (_FU_END if at + step >= len(nal) else 0)
        yield bytes((indicator, flags | kind)) + nal[at : at + step]
