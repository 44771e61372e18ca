"""A live stream: what rtsp and http have in common once they are connected."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timezone

from edge.errors import SourceLost
from edge.packet import Packet, Stream
from edge.sources._clock import LiveClock
from edge.sources._demux import Demuxer
from edge.sources._leading import with_leading_times

COMMON_FPS = 25.0
"""For a stream that does not tell its rate: the uncertainty of its times depends on it."""

HELD_BACK = frozenset({"h264", "hevc"})
"""FFmpeg sees that a picture is whole when the next one begins, and holds it back until then.
Measured on loopback at 20 fps: 50 ms from capture to here, and 0.6 ms for MJPEG."""


class LiveSource:
    """One connection to a camera.

    Args:
        demuxer: Its packets.
        not_before: Stream time that earlier connections reached.
    """

    is_live = True

    def __init__(self, demuxer: Demuxer, not_before: float) -> None:
        self._demuxer = demuxer
        is_held_back = demuxer.stream.codec in HELD_BACK
        hold_s = 1.0 / (demuxer.stream.fps or COMMON_FPS) if is_held_back else 0.0
        self._clock = LiveClock(not_before, hold_s)

    @property
    def stream(self) -> Stream:
        """What the decoder must know."""
        return self._demuxer.stream

    @property
    def clock_doubt(self) -> str:
        """Why the times of its packets are in doubt; empty where they are not."""
        return self._clock.doubt

    def packets(self) -> Iterator[Packet]:
        """Yield packets as they arrive; a live stream that ends is lost."""
        place = self._clock.place
        demuxed = self._demuxer.packets()
        if self._demuxer.has_times:
            demuxed = with_leading_times(demuxed)
        try:
            for data, pts, dts, is_keyframe, told_s, _ in demuxed:
                now = datetime.now(timezone.utc)
                at = place(pts, dts, time.monotonic(), now, told_s)
                yield Packet(data, at.pts, at.dts, is_keyframe, at.captured_at, at.clock_ms)
        finally:
            self._demuxer.release()
        raise SourceLost(
            f"{self._demuxer.address}: the camera ended the stream; expected it to go on"
        )

    def close(self) -> None:
        """Stop at the next packet or time-out."""
        self._demuxer.close()
