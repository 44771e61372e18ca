"""Films for cameras that mostly show nothing: a still yard, and now and then something walks by.

Still does not mean identical: a sensor's noise is in every picture, so that the encoder spends
bits on it as a camera's does.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

LINE_X = 0.4
ZONE_X = 0.5
"""Where the walk crosses the line, and where the zone begins; fractions of the width."""

FROM_X, TO_X = 0.05, 0.95


@dataclass(frozen=True)
class Film:
    """What to show.

    Attributes:
        size_wh: Of the picture, pixels.
        fps: Frames a second.
        loop_s: From one walk to the next.
        walk_s: How long something walks from left to right; it begins a keyframe interval in.
        gop_s: Between keyframes; divides `loop_s`.
        noise: Standard deviation of the luma, in its 256 steps.
    """

    size_wh: tuple[int, int] = (1920, 1080)
    fps: int = 15
    loop_s: int = 60
    walk_s: float = 4.0
    gop_s: int = 2
    noise: float = 1.5

    def encode(self, path: Path) -> Path:
        """Write it once; the same film each time."""
        width, height = self.size_wh
        random = np.random.default_rng(7)
        block = height // 45
        yard = random.integers(90, 140, (height // block + 1, width // block + 1), np.uint8)
        yard = yard.repeat(block, 0).repeat(block, 1)[:height, :width]
        noise = np.rint(random.normal(0, self.noise, yard.shape)).astype(np.int8)
        with av.open(str(path), "w") as container:
            stream: Any = container.add_stream("libx264", rate=self.fps)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            stream.time_base = Fraction(1, self.fps)
            gop = str(self.gop_s * self.fps)
            # Closed GOPs that begin where they should: `rotated` cuts between them.
            stream.options = {
                "g": gop,
                "keyint_min": gop,
                "sc_threshold": "0",
                "bf": "0",
                "preset": "superfast",
                "crf": "26",
            }
            for index in range(self.loop_s * self.fps):
                # One field of noise, elsewhere each time: drawing two million anew takes 40 ms.
                moved = np.roll(noise, tuple(random.integers(1, noise.shape)), (0, 1))
                luma = (yard + moved).astype(np.uint8)
                frame = av.VideoFrame.from_ndarray(self._picture(luma, index), format="yuv420p")
                frame.pts = index
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path

    def _picture(self, luma: NDArray[np.uint8], index: int) -> NDArray[np.uint8]:
        width, height = self.size_wh
        picture = np.full((height * 3 // 2, width), 128, np.uint8)
        picture[:height] = luma
        share = (index / self.fps - self.gop_s) / self.walk_s
        if 0 <= share < 1:
            left = int(width * (FROM_X + (TO_X - FROM_X) * share))
            picture[height // 3 : height * 3 // 4, left : left + width // 12] = 20
        return picture


def rotated(film: Path, path: Path, share: float) -> Path:
    """Write the same film beginning somewhere else, at a keyframe, without encoding it again.

    Args:
        film: Made by `Film.encode`.
        path: Where to.
        share: How much of it goes from its beginning to its end, 0 to 1.
    """
    with av.open(str(film)) as source, av.open(str(path), "w") as copy:
        video = source.streams.video[0]
        stream: Any = copy.add_stream_from_template(video)
        packets = [packet for packet in source.demux(video) if packet.size]
        keyframes = [n for n, packet in enumerate(packets) if packet.is_keyframe]
        first = keyframes[int(share * len(keyframes)) % len(keyframes)]
        step = packets[1].duration
        for number, packet in enumerate(packets[first:] + packets[:first]):
            packet.pts = packet.dts = number * step
            packet.stream = stream
            copy.mux(packet)
    return path
