"""Masked: the clip of a camera with privacy masks, decoded, masked and coded again.

Boundary: FFmpeg's encoder. What lies under a mask is black in the planes before the encoder sees
them, so nothing of it is in the file; the sidecar says `reencoded`, for it is not the camera's own
bit stream any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import av
import av.error
import numpy as np

from edge.decoders import Picture
from edge.decoders.software import SoftwareDecoder
from edge.errors import EvidenceUnmade
from edge.evidence._mp4 import LAYOUT, TICKS, Out
from edge.frame import Frame
from edge.masks import Masks
from edge.packet import Packet, Stream

CODEC = "h264"

_CODING = {"preset": "ultrafast", "crf": "23", "threads": "1", "g": "50", "bf": "0"}
"""Fastest: at 1080p it costs less than the decoding before it."""


class MaskedMp4:
    """Writes one clip; as `Mp4` is used.

    Args:
        out: Takes the file.
        stream: What the packets are.
        first: The first one, a keyframe.
        masks: What is hidden.

    Raises:
        EvidenceUnmade: There is no encoder here.
        SourceUnsupported: Nothing here decodes this codec.
    """

    def __init__(self, out: Out, stream: Stream, first: Packet, masks: Masks) -> None:
        self._masks = masks
        self._base_s = first.pts
        self._last_pts = -1
        self._decoder = SoftwareDecoder(stream)
        self._container: Any = av.open(out, "w", format="mp4", options=LAYOUT)
        try:
            self._stream: Any = self._container.add_stream("libx264", rate=25, options=_CODING)
        except (ValueError, av.error.FFmpegError) as exc:
            raise EvidenceUnmade("FFmpeg has no libx264 here to code a masked clip with") from exc
        self._stream.time_base = self._stream.codec_context.time_base = Fraction(1, TICKS)
        self._stream.pix_fmt = "yuv420p"
        self._is_begun = False

    def write(self, packet: Packet) -> None:
        """Append one packet, in decoding order.

        Raises:
            OSError: What takes the file failed.
            EvidenceUnmade: The encoder failed.
        """
        self._add(self._decoder.decode(packet))

    def close(self) -> None:
        """Write what is still held and the index.

        Raises:
            OSError: What takes the file failed.
            EvidenceUnmade: No picture could be decoded.
        """
        self._add(self._decoder.flush())
        self._decoder.close()
        if not self._is_begun:
            raise EvidenceUnmade("no picture of the clip could be decoded")
        self._container.mux(self._stream.encode(None))
        self._container.close()

    def _add(self, pictures: Iterable[Picture]) -> None:
        for picture in pictures:
            frame = self._masks.apply(picture.frame("", 0))
            height, width = (side - side % 2 for side in frame.y.shape)
            if not self._is_begun:
                self._begin(frame, width, height)
            coded = av.VideoFrame.from_ndarray(_packed(frame, width, height), "yuv420p")
            pts = max(round((picture.packet.pts - self._base_s) * TICKS), self._last_pts + 1)
            coded.pts, coded.time_base = pts, Fraction(1, TICKS)
            self._last_pts = pts
            try:
                self._container.mux(self._stream.encode(coded))
            except (av.error.FFmpegError, ValueError) as exc:
                raise EvidenceUnmade(f"a masked picture cannot be coded: {exc}") from exc

    def _begin(self, frame: Frame, width: int, height: int) -> None:
        self._is_begun = True
        self._stream.width, self._stream.height = width, height
        self._stream.codec_context.color_range = 2 if frame.colour.is_full_range else 1


def _packed(frame: Frame, width: int, height: int) -> Any:
    """(H * 3 / 2, W) uint8, planes one after the other, sides even."""
    planes = (
        frame.y[:height, :width],
        frame.u[: height // 2, : width // 2],
        frame.v[: height // 2, : width // 2],
    )
    packed = np.concatenate([plane.reshape(-1) for plane in planes])
    return packed.reshape(height * 3 // 2, width)
