"""Times of a live stream's first packets, which FFmpeg leaves out. Pure.

It gives the very first packet of an RTSP stream no time at all, and with B-frames the first few no
decoding time: as many as the decoder may reorder. Left alone, the first pictures would be shown in
the wrong order. They are held back until the first two packets that have both times tell the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

LONGEST_REORDER = 17
"""Packets after which a stream is taken to have no decoding times: H.264 and H.265 allow 16
pictures of reordering."""


class Demuxed(NamedTuple):
    """One packet as the container or connection gives it.

    Attributes:
        data: The coded bytes.
        pts: Seconds at which it is shown, on the stream's own axis; None where it has no time.
        dts: Seconds at which it must be decoded, likewise.
        is_keyframe: Decoding may start here.
        told_s: UTC of capture as the camera tells it, seconds since 1970; None where it does not.
        is_shown: See `edge.packet.Packet`.
    """

    data: bytes
    pts: float | None
    dts: float | None
    is_keyframe: bool
    told_s: float | None
    is_shown: bool = True


def with_leading_times(packets: Iterator[Demuxed]) -> Iterator[Demuxed]:
    """Give the first packets the times they lack; the rest passes as it is.

    Args:
        packets: In decoding order.

    Yields:
        The same packets. Without delay where the first one has both times.
    """
    leading: list[Demuxed] = []
    n_timed = 0
    for packet in packets:
        leading.append(packet)
        n_timed += packet.dts is not None
        if leading[0].dts is not None or n_timed == 2 or len(leading) == LONGEST_REORDER:
            break
    yield from _completed(leading) if n_timed == 2 else leading
    yield from packets


def _completed(leading: Sequence[Demuxed]) -> Iterator[Demuxed]:
    """Count back from the decoding times of the last two."""
    earlier, end = (packet.dts for packet in leading if packet.dts is not None)
    frame_s = max(0.0, end - earlier)
    shown = min(packet.pts for packet in leading if packet.pts is not None)
    for index, packet in enumerate(leading):
        if packet.dts is not None:
            yield packet
            continue
        # What comes first in decoding order is shown first: nothing it could refer to is known.
        pts = shown - frame_s if packet.pts is None else packet.pts
        before_end = len(leading) - 1 - index
        yield packet._replace(pts=pts, dts=min(pts, end - before_end * frame_s))
