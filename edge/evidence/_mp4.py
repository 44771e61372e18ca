"""MP4: a camera's own packets in a file that plays, without a byte of theirs changed.

Boundary: the place in this room that talks to FFmpeg about containers. Fragmented, so that the file
is written from front to back: its hash can be taken on the way, and memory holds one fragment.
"""

from __future__ import annotations

from fractions import Fraction
from io import BytesIO
from typing import Any, Protocol

import av
import av.error

from edge.errors import EvidenceUnmade
from edge.evidence._nal import annex_b, parameter_sets
from edge.packet import Packet, Stream

CLIP_CODECS = frozenset({"h264", "hevc", "mjpeg"})
"""What is put into clips. Browsers play H.264; H.265 where the machine has a decoder; MJPEG in MP4
is played by ffmpeg and VLC alone."""

TICKS = 90_000
"""A second in the file's time, as in RTP."""

LAYOUT = {
    # A fragment a GOP and none shorter than a second (each picture of MJPEG is a keyframe); none
    # larger than what a fragment may hold in memory.
    "movflags": "frag_keyframe+delay_moov+default_base_moof",
    "min_frag_duration": "1000000",
    "frag_size": str(4 * 2**20),
}


class Out(Protocol):
    """Takes a file's bytes, front to back."""

    def write(self, block: bytes, /) -> int:
        """Append a block."""


class Mp4:
    """Writes one clip.

    Args:
        out: Takes the file.
        stream: What the packets are.
        first: The first one, a keyframe.

    Raises:
        EvidenceUnmade: This codec cannot be put into a clip, or the keyframe cannot be read.
    """

    def __init__(self, out: Out, stream: Stream, first: Packet) -> None:
        if stream.codec not in CLIP_CODECS:
            known = ", ".join(sorted(CLIP_CODECS))
            raise EvidenceUnmade(
                f"codec {stream.codec} cannot be kept as a clip; expected one of {known}"
            )
        self._source = stream
        self._base_s = first.dts
        self._last_dts = -1
        start = parameter_sets(stream) + annex_b(first.data, stream)
        try:
            # FFmpeg reads size and parameter sets out of the first keyframe: 1 to 5 ms a clip.
            with av.open(BytesIO(start), format=stream.codec) as template:
                self._container: Any = av.open(out, "w", format="mp4", options=LAYOUT)
                self._stream: Any = self._container.add_stream_from_template(
                    template.streams.video[0], opaque=True
                )
        except (av.error.FFmpegError, IndexError, ValueError) as exc:
            raise EvidenceUnmade(f"a keyframe cannot be read: {exc}") from exc
        self._stream.time_base = Fraction(1, TICKS)

    def write(self, packet: Packet) -> None:
        """Append one packet, in decoding order.

        Raises:
            OSError: What takes the file failed.
            EvidenceUnmade: FFmpeg refused the packet.
        """
        dts = max(self._ticks(packet.dts), self._last_dts + 1)
        self._last_dts = dts
        try:
            coded: Any = av.Packet(annex_b(packet.data, self._source))
            coded.stream = self._stream
            coded.time_base = Fraction(1, TICKS)
            coded.pts, coded.dts = max(self._ticks(packet.pts), dts), dts
            coded.is_keyframe = packet.is_keyframe
            self._container.mux_one(coded)
        except (av.error.FFmpegError, ValueError) as exc:
            raise EvidenceUnmade(f"a packet cannot be written: {exc}") from exc

    def close(self) -> None:
        """Write what is still held and the index.

        Raises:
            OSError: What takes the file failed.
        """
        self._container.close()

    def _ticks(self, seconds: float) -> int:
        return round((seconds - self._base_s) * TICKS)
