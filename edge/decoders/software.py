"""`software`: FFmpeg's own decoders through PyAV, on the CPU."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from edge.decoders import DecoderOptions, Picture
from edge.decoders._colour import colour_of
from edge.decoders._continuity import Continuity, key
from edge.errors import SourceUnsupported
from edge.frame import Plane
from edge.packet import Packet, Stream

_PLANAR_420 = {"yuv420p": False, "yuvj420p": True}
"""Pixel formats used as they come, and whether the format alone means full range."""

_FULL_RANGE = 2  # AVCOL_RANGE_JPEG
_MATRICES = {1: "bt709", 5: "bt601", 6: "bt601"}  # AVCOL_SPC_BT709, _BT470BG, _SMPTE170M

STRICT = {"err_detect": "explode"}
"""Damage is an error. Without it FFmpeg says nothing of 29 H.265 pictures in 29 whose packet was
cut short, with it of 3; in H.264 it marks nearly all either way."""

REFUSED_KEYFRAMES = 3
"""So many keyframes in a row that fail are no damage but a camera that bends the standard, by a
malformed SEI for instance; from then on FFmpeg is as lenient as it is by default."""


class Options(DecoderOptions):
    """On the CPU."""

    kind: Literal["software"] = "software"

    def open(self, stream: Stream) -> SoftwareDecoder:
        """A decoder on the CPU; see `DecoderOptions.open`."""
        return SoftwareDecoder(stream)


class SoftwareDecoder:
    """One stream's codec state.

    One thread. With several cameras the cores are busy anyway; slice threads find nothing to share
    in pictures of one slice, which is what cameras send; frame threads delay each picture by a
    frame, and hung for ever on damaged pictures in a test. docs/adr/0011 has the figures.

    Args:
        stream: What it will be fed.

    Raises:
        SourceUnsupported: FFmpeg has no decoder of this name.
    """

    def __init__(self, stream: Stream) -> None:
        import av.codec  # here, as who only reads the options decodes nothing
        import av.error

        self._av: Any = av
        self._stream = stream
        self._continuity = Continuity(stream)
        self._n_refused = 0  # keyframes in a row
        self._codec: Any = self._built()

    @property
    def n_corrupt(self) -> int:
        """Packets found damaged, and pictures found missing, since the start."""
        return self._continuity.n_corrupt

    @property
    def n_withheld(self) -> int:
        """Packets that show nothing because of what they are predicted from."""
        return self._continuity.n_withheld

    def decode(self, packet: Packet) -> list[Picture]:
        """Feed one packet; see `Decoder.decode`."""
        continuity = self._continuity
        found = self._break_off() if continuity.is_loss_before(packet) else []
        if not continuity.admits(packet):
            return found
        coded = self._av.Packet(packet.data)
        coded.pts = key(packet)
        coded.dts = round(packet.dts * 1e6)
        try:
            found += self._whole(self._codec.decode(coded))
        except self._av.error.FFmpegError:
            continuity.damaged(packet)
            self._n_refused += packet.is_keyframe
        else:
            if packet.is_keyframe and self._is_strict:
                self._n_refused = 0
        if continuity.is_damaged:
            found += self._break_off()
        return found

    def flush(self) -> list[Picture]:
        """Give what is still inside."""
        pictures = self._drained()
        self._continuity.break_off()
        self.reset()
        return pictures

    def reset(self) -> None:
        """Forget references and what waited for them."""
        self._continuity.reset()
        if self._codec.is_open:
            self._codec.flush_buffers()

    def close(self) -> None:
        """Release the codec by dropping the only reference to it."""
        self._continuity.reset()
        self._codec = None

    def _built(self) -> Any:
        try:
            codec = self._av.codec.CodecContext.create(self._stream.codec, "r")
        except (ValueError, self._av.error.FFmpegError) as exc:
            raise SourceUnsupported(
                f"no software decoder for codec {self._stream.codec}; set the camera to H.264"
            ) from exc
        if self._stream.extradata:
            codec.extradata = self._stream.extradata
        codec.thread_count = 1
        if self._is_strict:
            codec.options = STRICT
        return codec

    @property
    def _is_strict(self) -> bool:
        return self._n_refused < REFUSED_KEYFRAMES

    def _break_off(self) -> list[Picture]:
        """Give what was decoded before the damage; then nothing until a keyframe.

        A new codec, for 0.02 ms: after an error `flush_buffers` leaves something behind that spoils
        the next keyframe and all that follows it (6 of 20 H.264 pictures cut short).
        """
        pictures = self._drained()
        self._codec = self._built()
        self._continuity.break_off()
        return pictures

    def _drained(self) -> list[Picture]:
        """The whole pictures still inside."""
        if not self._codec.is_open:
            return []
        try:
            return self._whole(self._codec.decode(None))
        except self._av.error.FFmpegError:
            return []  # what fails only here was inside, and is counted with the rest of it

    def _whole(self, frames: list[Any]) -> list[Picture]:
        """The pictures among FFmpeg's frames that are not broken."""
        taken = (
            (frame, self._continuity.take(frame.pts, is_corrupt=frame.is_corrupt))
            for frame in frames
        )
        return [_picture(frame, packet) for frame, packet in taken if packet is not None]


def _picture(frame: Any, packet: Packet) -> Picture:
    """Wrap an FFmpeg frame's planes without copying; the arrays keep the frame alive."""
    if frame.format.name not in _PLANAR_420:
        frame = frame.reformat(format="yuv420p")
    is_full = _PLANAR_420[frame.format.name] or frame.color_range == _FULL_RANGE
    matrix = _MATRICES.get(int(frame.colorspace))
    y, u, v = (_plane(plane) for plane in frame.planes[:3])
    return Picture(packet, y, u, v, colour_of(matrix, frame.height, is_full_range=is_full))


def _plane(plane: Any) -> Plane:
    """(H, W) view of one plane, row padding cut off."""
    rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width]
