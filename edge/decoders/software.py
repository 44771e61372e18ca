"""`software`: FFmpeg's own decoders through PyAV, on the CPU."""

from __future__ import annotations

from typing import Any

import av
import av.error
import numpy as np
from av.codec import CodecContext

from edge.decoders import Picture
from edge.errors import SourceUnsupported
from edge.frame import Colour, Plane
from edge.packet import Packet, Stream

_PLANAR_420 = {"yuv420p": False, "yuvj420p": True}
"""Pixel formats used as they come, and whether the format alone means full range."""

_FULL_RANGE = 2  # AVCOL_RANGE_JPEG
_BT601 = {5, 6}  # AVCOL_SPC_BT470BG, AVCOL_SPC_SMPTE170M
_BT709 = 1
_HD_HEIGHT = 720  # untagged streams: HD is bt709, below that bt601 (ITU-R BT.709 scope)


class SoftwareDecoder:
    """One stream's codec state.

    One thread a camera: frame threading would delay each picture by as many frames as there are
    threads, and with several cameras the cores are busy anyway.
    """

    def __init__(self, stream: Stream) -> None:
        try:
            self._codec: Any = CodecContext.create(stream.codec, "r")
        except (ValueError, av.error.FFmpegError) as exc:
            raise SourceUnsupported(
                f"no software decoder for codec {stream.codec}; set the camera to H.264"
            ) from exc
        if stream.extradata:
            self._codec.extradata = stream.extradata
        self._codec.thread_count = 1
        self._waiting: dict[int, Packet] = {}
        self._n_corrupt = 0

    @property
    def n_corrupt(self) -> int:
        """Packets that could not be decoded since the start."""
        return self._n_corrupt

    def decode(self, packet: Packet) -> list[Picture]:
        """Feed one packet; see `Decoder.decode`."""
        coded = av.Packet(packet.data)
        # Microseconds: fine enough to be unique at any frame rate, and exact to carry through.
        coded.pts = round(packet.pts * 1e6)
        coded.dts = round(packet.dts * 1e6)
        self._waiting[coded.pts] = packet
        return self._pictures(coded)

    def flush(self) -> list[Picture]:
        """Give what is still inside."""
        pictures = self._pictures(None)
        self.reset()
        return pictures

    def reset(self) -> None:
        """Forget references and what waited for them."""
        self._waiting.clear()
        if self._codec.is_open:
            self._codec.flush_buffers()

    def close(self) -> None:
        """Release the codec by dropping the only reference to it."""
        self._waiting.clear()
        self._codec = None

    def _pictures(self, coded: Any) -> list[Picture]:
        try:
            frames = self._codec.decode(coded)
        except av.error.FFmpegError:
            # Damaged data: FFmpeg resynchronises by itself; the caller reports the count.
            self._n_corrupt += 1
            return []
        found = []
        for frame in frames:
            packet = self._waiting.pop(frame.pts, None)
            if frame.is_corrupt or packet is None:
                self._n_corrupt += 1
                continue
            found.append(_picture(frame, packet))
        if len(self._waiting) > 64:  # packets that never became pictures
            for pts in sorted(self._waiting)[:32]:
                del self._waiting[pts]
        return found


def _picture(frame: Any, packet: Packet) -> Picture:
    """Wrap an FFmpeg frame's planes without copying; the arrays keep the frame alive."""
    if frame.format.name not in _PLANAR_420:
        frame = frame.reformat(format="yuv420p")
    is_full = _PLANAR_420[frame.format.name] or frame.color_range == _FULL_RANGE
    space = int(frame.colorspace)
    is_709 = space == _BT709 or (space not in _BT601 and frame.height >= _HD_HEIGHT)
    y, u, v = (_plane(plane) for plane in frame.planes[:3])
    return Picture(packet, y, u, v, Colour("bt709" if is_709 else "bt601", is_full))


def _plane(plane: Any) -> Plane:
    """(H, W) view of one plane, row padding cut off."""
    rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width]
