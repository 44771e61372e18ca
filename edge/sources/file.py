"""`kind: file`: a recording, in real time like a camera or as fast as it can be read."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from edge.packet import Packet, Stream
from edge.sources import SourceOptions

if TYPE_CHECKING:
    from edge.sources._demux import Demuxer

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Options(SourceOptions):
    """A recording on disk."""

    kind: Literal["file"]
    path: Annotated[
        Path,
        Field(
            description="The recording; relative to the configuration folder.",
            examples=["clips/street.mp4"],
        ),
    ]
    loop: Annotated[bool, Field(description="Begin again at its end, for ever.")] = False
    realtime: Annotated[
        bool, Field(description="Give pictures at the speed they were recorded, like a camera.")
    ] = True

    @property
    def address(self) -> str:
        """The path."""
        return str(self.path)

    def open(
        self, *, timeout_s: float = 5.0, not_before: float = 0.0, start: datetime | None = None
    ) -> FileSource:
        """Open the recording.

        Args:
            timeout_s: Longest wait for a slow disk.
            not_before: See `SourceOptions.open`; only a recording in real time heeds it.
            start: UTC of the first picture where that is known; otherwise the recording's own
                `creation_time`, otherwise 1970-01-01, which reads as "seconds into the clip".
        """
        return FileSource(self, timeout_s, not_before, start)


class FileSource:
    """An opened recording.

    In real time it is a camera that starts now: `captured_at` is the wall clock. Otherwise times
    are the recording's own, so the same file always gives the same packets.
    """

    def __init__(
        self, options: Options, timeout_s: float, not_before: float, start: datetime | None
    ) -> None:
        self._options = options
        self._not_before = not_before
        self._timeout_s = timeout_s
        self._closed = threading.Event()
        self._demuxer = self._opened()
        self._start = start or _creation_time(self._demuxer.metadata) or EPOCH

    @property
    def stream(self) -> Stream:
        """What the decoder must know."""
        return self._demuxer.stream

    @property
    def is_live(self) -> bool:
        """In real time nothing waits for a slow reader."""
        return self._options.realtime

    clock_doubt = ""

    def packets(self) -> Iterator[Packet]:
        """Yield packets until the recording ends; for ever where it loops."""
        began, began_at = time.monotonic(), datetime.now(timezone.utc)
        # In real time stream time is the box's monotonic clock, so that a recording that is
        # opened again goes on where it was, like a camera that reconnects.
        origin = max(began, self._not_before) if self.is_live else 0.0
        end = 0.0
        while True:
            first: float | None = None
            offset = end
            is_again = end > 0
            frame_s = 1.0 / (self.stream.fps or 25.0)
            try:
                for data, raw_pts, raw_dts, is_keyframe, _, is_shown in self._demuxer.packets():
                    dts = raw_dts if raw_dts is not None else raw_pts
                    pts = raw_pts if raw_pts is not None else dts
                    if pts is None or dts is None:  # raw streams: count pictures instead
                        pts = dts = end - offset
                    if first is None:
                        # Where its start was cut off, the times before 0 are of what was cut.
                        first = pts if is_shown else max(pts, 0.0)
                        offset += first - pts if is_again else 0.0
                    pts, dts = pts - first + offset, dts - first + offset
                    end = max(end, pts + frame_s)
                    if self.is_live and not self._wait_until(began + dts):
                        return
                    captured_at = (began_at if self.is_live else self._start) + timedelta(
                        seconds=pts
                    )
                    yield Packet(
                        data,
                        origin + pts,
                        origin + dts,
                        is_keyframe,
                        captured_at,
                        round(frame_s * 500),  # half a frame: all the timing a recording has
                        is_shown,
                    )
            finally:
                self._demuxer.release()
            if not self._options.loop or self._closed.is_set() or first is None:
                return
            self._demuxer = self._opened()

    def close(self) -> None:
        """Stop at the next packet."""
        self._closed.set()
        self._demuxer.close()

    def _opened(self) -> Demuxer:
        from edge.sources._demux import Demuxer

        return Demuxer(str(self._options.path), self._options.address, {}, self._timeout_s)

    def _wait_until(self, due: float) -> bool:
        """Wait for a monotonic moment; False when closed meanwhile."""
        return not self._closed.wait(max(0.0, due - time.monotonic()))


def _creation_time(metadata: dict[str, str]) -> datetime | None:
    """The recording's own start, where its container says so."""
    text = metadata.get("creation_time", "").replace("Z", "+00:00")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
