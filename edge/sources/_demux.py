"""Read packets with PyAV: the one place that opens a container or a connection.

PyAV's errors carry the address they failed on, password included. They are translated here, and
their text is taken from the error number alone.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import av
import av.error
import av.logging

from edge.errors import SourceError, SourceLost, SourceRefused, SourceUnsupported
from edge.packet import Stream

# libav writes to stderr on its own, addresses included; what matters reaches us as errors.
av.logging.set_level(None)

DECODABLE = frozenset({"h264", "hevc", "mjpeg", "mpeg4", "vp8", "vp9", "av1"})
"""Codecs the software decoder is tried with; others are refused at the door."""

_REFUSED = (
    av.error.HTTPUnauthorizedError,
    av.error.HTTPForbiddenError,
    av.error.HTTPNotFoundError,
    av.error.HTTPBadRequestError,
    av.error.HTTPOtherClientError,
    PermissionError,
)
_UNSUPPORTED = (
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
    except (OSError, av.error.FFmpegError) as exc:  # time-outs, resets, and what has no name
        raise SourceLost(
            f"{address}: cannot {doing}: {reason(exc)}; check that the camera is on, its address "
            "and the network"
        ) from None


def reason(exc: BaseException) -> str:
    """The error in words, without the address PyAV appends."""
    text = getattr(exc, "strerror", None) or type(exc).__name__
    return str(text)[:1].lower() + str(text)[1:]


class Demuxer:
    """An opened container with one video stream of interest."""

    def __init__(
        self, url: str, address: str, options: Mapping[str, str], timeout_s: float
    ) -> None:
        self.address = address
        self._closed = threading.Event()
        with translated(address, "open"):
            self._container: Any = av.open(
                url, options=dict(options), timeout=(timeout_s, timeout_s)
            )
        videos = self._container.streams.video
        if not videos:
            self._container.close()
            raise SourceUnsupported(f"{address}: no video stream in it; expected one")
        self._video: Any = videos[0]
        context: Any = self._video.codec_context
        if context is None or context.name not in DECODABLE:
            codec = "unknown to FFmpeg" if context is None else context.name
            self._container.close()
            raise SourceUnsupported(
                f"{address}: video codec {codec} cannot be decoded here; expected one of "
                f"{', '.join(sorted(DECODABLE))}; set the camera to H.264"
            )
        self.stream = Stream(
            context.name,
            bytes(context.extradata or b""),
            (int(context.width), int(context.height)),
            float(self._video.average_rate or self._video.guessed_rate or 0),
        )

    @property
    def metadata(self) -> dict[str, str]:
        """The container's own notes, such as `creation_time`."""
        return dict(self._container.metadata)

    def packets(self) -> Iterator[tuple[bytes, float | None, float | None, bool]]:
        """Yield `(data, pts, dts, is_keyframe)` in decoding order, times in seconds.

        Raises:
            SourceLost: The connection broke, or nothing came within the time-out.
            SourceUnsupported: The container is damaged beyond reading on.
        """
        tick = float(self._video.time_base)
        demuxed = self._container.demux(self._video)
        while not self._closed.is_set():
            with translated(self.address, "read"):
                try:
                    packet = next(demuxed)
                except (StopIteration, av.error.EOFError):
                    return
            if packet.size == 0:  # PyAV's own flush marker at the end
                return
            yield (
                bytes(packet),
                None if packet.pts is None else packet.pts * tick,
                None if packet.dts is None else packet.dts * tick,
                bool(packet.is_keyframe),
            )

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
