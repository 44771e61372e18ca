"""NAL units: the two ways in which H.264 and H.265 are framed, and how one becomes the other. Pure.

Cameras send Annex B: start codes between units. MP4 has the length before each unit, and the
parameter sets beside the stream. The units themselves, SEI among them, are never touched.
"""

from __future__ import annotations

from collections.abc import Iterator

from edge.packet import Stream

START = b"\0\0\0\1"

_LENGTH_AT = {"h264": 4, "hevc": 21}  # where the length's size stands in avcC and hvcC


def is_framed_by_length(stream: Stream) -> bool:
    """The packets are as MP4 has them: length before each unit, set-up data begins with a 1."""
    return stream.codec in _LENGTH_AT and stream.extradata[:1] == b"\1"


def annex_b(data: bytes, stream: Stream) -> bytes:
    """One packet with start codes; as it is where it has them already.

    Raises:
        ValueError: A length points beyond the packet.
    """
    if not is_framed_by_length(stream):
        return data
    size = (stream.extradata[_LENGTH_AT[stream.codec]] & 3) + 1
    return b"".join(START + unit for unit in _by_length(data, size))


def parameter_sets(stream: Stream) -> bytes:
    """The parameter sets beside a stream, in Annex B; empty where they come in the packets."""
    extradata = stream.extradata
    if not is_framed_by_length(stream):
        return extradata
    return b"".join(START + unit for unit in _SETS[stream.codec](extradata))


def units(data: bytes) -> list[bytes]:
    """The units of an Annex B packet, without start codes and the zeros that may follow a unit."""
    parts = data.split(b"\0\0\1")
    return [part.rstrip(b"\0") for part in parts[1:]]


def _by_length(data: bytes, size: int) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        end = at + size + int.from_bytes(data[at : at + size], "big")
        if end > len(data):
            raise ValueError(f"a NAL unit ends at byte {end} of a packet of {len(data)}")
        yield data[at + size : end]
        at = end


def _avc_sets(record: bytes) -> Iterator[bytes]:
    """Of an AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1)."""
    at = 5
    for mask in (0x1F, 0xFF):
        count, at = record[at] & mask, at + 1
        for _ in range(count):
            end = at + 2 + int.from_bytes(record[at : at + 2], "big")
            yield record[at + 2 : end]
            at = end


def _hevc_sets(record: bytes) -> Iterator[bytes]:
    """Of an HEVCDecoderConfigurationRecord (ISO/IEC 14496-15, 8.3.3.1)."""
    at = 23
    for _ in range(record[22]):
        count, at = int.from_bytes(record[at + 1 : at + 3], "big"), at + 3
        for _ in range(count):
            end = at + 2 + int.from_bytes(record[at : at + 2], "big")
            yield record[at + 2 : end]
            at = end


_SETS = {"h264": _avc_sets, "hevc": _hevc_sets}
