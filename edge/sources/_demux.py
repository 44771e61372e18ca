"""Read packets with PyAV: the one place that opens a container or a connection.

PyAV's errors carry the address they failed on, password included. They are translated here, and
their text is taken from the error number alone.
"""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from struct import unpack_from
from typing import Any

import av
import av.error
import av.logging

from edge.errors import SourceError, SourceLost, SourceRefused, SourceUnsupported
from edge.packet import Stream
from edge.sources._leading import Demuxed
from edge.sources._wrap import MPEG_TS_S, Unwrapper

# libav writes to stderr on its own, addresses included; what matters reaches us as errors.
av.logging.set_level(None)

DECODABLE = frozenset({"h264", "hevc", "mjpeg", "mpeg4", "vp8", "vp9", "av1"})
"""Codecs the software decoder is tried with; others are refused at the door."""

REPORT_S = 1.0
"""How often a packet is asked for its UTC, which in between runs as stream time does: cameras
report every five seconds, and asking each packet cost 35 us of the 460 it takes (measured)."""

HIGHEST_FPS = 240
"""No camera here sends more. Where an SDP says nothing, FFmpeg takes RTP's 90 kHz for the rate."""

_ENCRYPTED = ("rtsps://", "https://")

_REFUSED = (
    av.error.HTTPUnauthorizedError,
    av.error.HTTPForbiddenError,
    av.error.HTTPNotFoundError,
    av.error.HTTPBadRequestError,
    av.error.HTTPOtherClientError,
    PermissionError,
)
_UNSUPPORTED: Any = (
    av.error.classes[errno.EINVAL],  # a format that was not allowed, such as a playlist
    av.error.InvalidDataError,
    av.error.DemuxerNotFoundError,
    av.error.ProtocolNotFoundError,
    av.error.DecoderNotFoundError,
)


@contextmanager
def translated(address: str, doing: str) -> Iterator[None]:
    """Turn PyAV's and the system's errors into ours.

    Args:
        address: The source, fit for a log.
        doing: What was tried, such as `open`.
    """
    try:
        yield
    except SourceError:
        raise
    except _REFUSED as exc:
        # `from None`: the original text holds the address with its password.
        raise SourceRefused(
            f"{address}: cannot {doing}: the camera refused ({reason(exc)}); check user name, "
            "password and stream path"
        ) from None
    except FileNotFoundError:
        raise SourceLost(f"{address}: no such file; check the path") from None
    except _UNSUPPORTED as exc:
        raise SourceUnsupported(
            f"{address}: cannot {doing}: {reason(exc)}; expected a video stream or file that "
            "FFmpeg reads"
        ) from None
    except (OSError, av.error.FFmpegError) as exc:  # resets, and what has no name
        remedy = "check that the camera is on, its address and the network"
        if address.startswith(_ENCRYPTED):
            remedy += (
                "; where there is a ca_file: that it vouches for the certificate, and that the "
                "certificate names this host"
            )
        raise SourceLost(f"{address}: cannot {doing}: {reason(exc)}; {remedy}") from None


def reason(exc: BaseException) -> str:
    """The error in words, without the address PyAV appends."""
    if isinstance(exc, av.error.ExitError):  # how a time-out of ours comes back
        return "nothing came in time"
    text = getattr(exc, "strerror", None) or type(exc).__name__
    return str(text)[:1].lower() + str(text)[1:]


def verification(address: str, scheme: str, ca_file: Path | None) -> dict[str, str]:
    """FFmpeg's options that have the other side's certificate and its name checked.

    Args:
        address: The source, fit for a log.
        scheme: Of its address.
        ca_file: Who may vouch for it; None leaves it unchecked.

    Raises:
        SourceLost: There is no such file.
    """
    if ca_file is None or f"{scheme}://" not in _ENCRYPTED:
        return {}
    if not ca_file.is_file():
        raise SourceLost(f"{address}: ca_file {ca_file}: no such file; check the path")
    return {"tls_verify": "1", "verify": "1", "ca_file": str(ca_file)}


def _opened(url: str, address: str, options: Mapping[str, str], timeout_s: float) -> Any:
    began = time.monotonic()
    try:
        with translated(address, "open"):
            return av.open(url, options=dict(options), timeout=(timeout_s, timeout_s))
    except SourceUnsupported:
        # FFmpeg says "invalid data" also of an RTSP server that accepts and never answers.
        if time.monotonic() - began < timeout_s:
            raise
        raise SourceLost(
            f"{address}: cannot open: no answer within {timeout_s:g} s; check that the camera is "
            "on, its address and the network"
        ) from None


class Demuxer:
    """An opened container with one video stream of interest."""

    def __init__(
        self, url: str, address: str, options: Mapping[str, str], timeout_s: float
    ) -> None:
        self.address = address
        self._timeout_s = timeout_s
        self._closed = threading.Event()
        self._container: Any = _opened(url, address, options, timeout_s)
        videos = self._container.streams.video
        if not videos:
            self._container.close()
            raise SourceUnsupported(f"{address}: no video stream in it; expected one")
        self._video: Any = videos[0]
        self._format = str(self._container.format.name)
        context: Any = self._video.codec_context
        if context is None or context.name not in DECODABLE:
            codec = "unknown to FFmpeg" if context is None else context.name
            self._container.close()
            raise SourceUnsupported(
                f"{address}: video codec {codec} cannot be decoded here; expected one of "
                f"{', '.join(sorted(DECODABLE))}; set the camera to H.264"
            )
        # Unprobed, FFmpeg's guess counts the fields of H.264: twice the rate. Its parameter sets
        # do not.
        rate = self._video.average_rate or context.framerate or self._video.guessed_rate or 0
        self.stream = Stream(
            context.name,
            bytes(context.extradata or b""),
            (int(context.width), int(context.height)),
            float(rate) if rate <= HIGHEST_FPS else 0.0,
        )

    @property
    def metadata(self) -> dict[str, str]:
        """The container's own notes, such as `creation_time`."""
        return dict(self._container.metadata)

    @property
    def has_times(self) -> bool:
        """Whether packets carry the stream's own times. Multipart MJPEG has none."""
        return self._format != "mpjpeg"  # FFmpeg makes some up, 25 pictures a second

    def packets(self) -> Iterator[Demuxed]:
        """Yield packets in decoding order, until the end or `close`.

        Raises:
            SourceLost: The connection broke, or nothing came within the time-out.
            SourceUnsupported: The container is damaged beyond reading on.
        """
        is_closed = self._closed.is_set
        seconds = self._seconds()
        told_s = _SenderReports().told_s
        with translated(self.address, "read"):
            try:
                asked = time.monotonic()
                for packet in self._container.demux(self._video):
                    if is_closed() or packet.size == 0:  # empty: PyAV's own flush at the end
                        return
                    # When its time is up FFmpeg first hands out the picture it held back, as if it
                    # had just come, and fails after a second time-out: a stall of 9 s went unsaid.
                    if time.monotonic() - asked >= self._timeout_s:
                        raise TimeoutError(errno.ETIMEDOUT, "nothing came in time")
                    pts, dts = packet.pts, packet.dts
                    shown = None if pts is None else seconds(pts)
                    yield Demuxed(
                        bytes(packet),
                        shown,
                        None if dts is None else seconds(dts),
                        bool(packet.is_keyframe),
                        told_s(packet, shown),
                        not packet.is_discard,
                    )
                    asked = time.monotonic()
            except av.error.EOFError:
                return

    def _seconds(self) -> Callable[[int], float | None]:
        """From the stream's ticks to seconds."""
        if not self.has_times:
            return lambda _ticks: None
        tick = float(self._video.time_base)
        if self._format != "mpegts":
            return tick.__mul__
        unwrap = Unwrapper(MPEG_TS_S).unwrap
        return lambda ticks: unwrap(ticks * tick)

    def close(self) -> None:
        """Stop the iteration at its next packet; the reading thread then closes the container.

        libav containers must not be closed while another thread reads from them.
        """
        self._closed.set()

    def release(self) -> None:
        """Close the container; call from the thread that reads."""
        self._closed.set()
        if self._container is not None:
            self._container.close()
            self._container = None


class _SenderReports:
    """UTC of capture from RTCP sender reports, by which FFmpeg times every packet."""

    def __init__(self) -> None:
        self._ahead_s: float | None = None
        self._read_at = float("-inf")

    def told_s(self, packet: Any, seconds: float | None) -> float | None:
        """UTC of one packet, seconds since 1970; None before the first report.

        Args:
            packet: PyAV's.
            seconds: Its presentation time.
        """
        if seconds is None:
            return None
        if not self._read_at <= seconds < self._read_at + REPORT_S:
            had_none = self._ahead_s is None
            told_s = _read_prft(packet)
            self._ahead_s = None if told_s is None else told_s - seconds
            # FFmpeg gives the very first one to the picture before the one it belongs to.
            self._read_at = float("-inf") if had_none else seconds
        return None if self._ahead_s is None else seconds + self._ahead_s


def _read_prft(packet: Any) -> float | None:
    """FFmpeg's `AVProducerReferenceTime`: int64 microseconds and an int, in native byte order."""
    if not packet.has_sidedata("prft"):
        return None
    (microseconds,) = unpack_from("=q", bytes(packet.get_sidedata("prft")))
    return float(microseconds) / 1e6
