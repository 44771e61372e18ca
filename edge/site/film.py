"""Film: write drawn pictures to a video file, for replays."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from edge.annotate import Image
from edge.errors import InputError


class Film:
    """An H.264 file that grows picture by picture.

    Args:
        path: Where to; the suffix chooses the container.
        fps: Pictures a second.

    Raises:
        InputError: The suffix is of no container.
    """

    def __init__(self, path: Path, fps: float) -> None:
        try:
            self._container: Any = av.open(str(path), "w")
        except ValueError:
            raise InputError(
                f"{path}: no video can be written under this name; expected one that ends in .mp4 "
                "or .mkv"
            ) from None
        self._rate = Fraction(fps).limit_denominator(1000)
        self._stream: Any = None

    def add(self, image: Image) -> None:
        """Append a (H, W, 3) uint8 BGR picture; all must have the size of the first."""
        height, width = image.shape[:2]
        if self._stream is None:
            self._stream = self._container.add_stream("libx264", rate=self._rate)
            self._stream.width, self._stream.height = width - width % 2, height - height % 2
            self._stream.pix_fmt = "yuv420p"
        picture = image[: self._stream.height, : self._stream.width]
        self._container.mux(self._stream.encode(av.VideoFrame.from_ndarray(picture, "bgr24")))

    def close(self) -> None:
        """Finish the file."""
        if self._stream is not None:
            self._container.mux(self._stream.encode())
        self._container.close()
