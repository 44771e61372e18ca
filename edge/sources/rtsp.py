"""`kind: rtsp`: a network camera's stream over TCP."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from edge.errors import SourceLost
from edge.packet import Packet, Stream
from edge.sources import SourceOptions
from edge.sources._clock import ArrivalClock
from edge.sources._demux import Demuxer


class Options(SourceOptions):
    """A network camera."""

    kind: Literal["rtsp"]
    url: Annotated[
        SecretStr,
        Field(
            description="Address of the stream. Write user and password as ${NAME} or !secret; "
            "characters such as @ : / in them must be percent-encoded.",
            examples=["rtsp://${CAM_USER}:${CAM_PASSWORD}@10.0.0.21:554/stream1"],
        ),
    ]
    transport: Annotated[
        Literal["tcp"],
        Field(description="How RTP travels; tcp loses nothing to the network.", examples=["tcp"]),
    ] = "tcp"

    @field_validator("url")
    @classmethod
    def _is_rtsp(cls, url: SecretStr) -> SecretStr:
        try:
            parts = urlsplit(url.get_secret_value())
            is_usable = parts.scheme in {"rtsp", "rtsps"} and parts.hostname and parts.port != 0
        except ValueError:  # its text quotes what it took for the port: part of a password, maybe
            is_usable = False
        if not is_usable:
            raise ValueError(
                "expected rtsp://host/path or rtsps://host/path; in user name and password write "
                "@ as %40, : as %3A, / as %2F, # as %23, ? as %3F, % as %25"
            )
        return url

    @property
    def address(self) -> str:
        """The address without user, password and query (some cameras put passwords there)."""
        return redacted(self.url.get_secret_value())

    def open(self, *, timeout_s: float = 5.0, not_before: float = 0.0) -> RtspSource:
        """Connect. See `SourceOptions.open`."""
        return RtspSource(self, timeout_s, ArrivalClock(not_before))


def redacted(url: str) -> str:
    """An address fit for a log: `scheme://host:port/path`, nothing else."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{host}{port}{parts.path}"


class RtspSource:
    """One connection to a network camera."""

    is_live = True

    def __init__(self, options: Options, timeout_s: float, clock: ArrivalClock) -> None:
        self._address = options.address
        self._demuxer = Demuxer(
            options.url.get_secret_value(),
            options.address,
            {
                "rtsp_transport": options.transport,
                "allowed_media_types": "video",
                # The SDP names the codec and its parameters; without a bound FFmpeg may listen
                # for five seconds to learn a frame rate nobody needs.
                "analyzeduration": "1000000",
                # Not `fflags=nobuffer`: it throws away what was read while probing, the first
                # keyframe with it, and the picture comes a whole GOP later.
            },
            timeout_s,
        )
        self._clock = clock

    @property
    def stream(self) -> Stream:
        """What the decoder must know."""
        return self._demuxer.stream

    def packets(self) -> Iterator[Packet]:
        """Yield packets as they arrive; a live stream that ends is lost."""
        try:
            for data, pts, dts, is_keyframe in self._demuxer.packets():
                placed = self._clock.place(pts, dts, time.monotonic(), datetime.now(timezone.utc))
                yield Packet(
                    data, placed.pts, placed.dts, is_keyframe, placed.captured_at, placed.clock_ms
                )
        finally:
            self._demuxer.release()
        raise SourceLost(f"{self._address}: the camera ended the stream; expected it to go on")

    def close(self) -> None:
        """Stop at the next packet or time-out."""
        self._demuxer.close()
