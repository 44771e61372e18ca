"""`motion`: look while something moves or is followed, and now and then all the same.

Movement is read from the luma at a small size. The gate errs on the side of looking: the detector
decides what is there, this only decides whether asking is worth it.
"""

from __future__ import annotations

from collections import deque
from typing import Annotated, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from edge.frame import Frame
from edge.gates import GateOptions
from edge.packet import Packet

WIDTH = 160
"""Luma width in pixels; a person 2 % of the picture wide is still 3 pixels."""

STEP = 12
"""Least levels of luma by which a pixel must differ from the background to count as changed."""

NOISE_SIGMAS = 5.0
"""And at least this many deviations of the picture's own noise, estimated from the median: one
still pixel in two million then counts as changed, whatever the light."""

LEARN_S = 4.0
"""Time constant of the background: long against a passer-by, short against the sun."""

SIZE_RATIO, SIZE_OVER = 2.5, 256
"""A packet stirs when it is this many times the usual size and this many bytes more. A camera that
spends bits only on what changes sends 20 bytes a frame of a still room and 1700 of somebody who
comes in; one with a constant bit rate tells nothing, and then keyframes have to do."""

SIZE_RISE, SIZE_FALL = 0.01, 0.125
"""The usual size follows smaller packets fast and larger ones slowly: it is that of a still scene,
also right after a movement."""


class Options(GateOptions):
    """Look where something moves."""

    kind: Literal["motion"] = "motion"
    changed: Annotated[
        float,
        Field(
            gt=0,
            le=0.5,
            description="Share of the picture that must change. Lower opens for smaller objects.",
            examples=[0.0008],
        ),
    ] = 0.0008
    look_seconds: Annotated[
        float,
        Field(
            gt=0,
            le=60,
            description="Look at least this often, moving or not.",
            examples=[1.0],
        ),
    ] = 1.0
    linger_seconds: Annotated[
        float,
        Field(ge=0, le=60, description="Keep looking this long after the last movement."),
    ] = 2.0

    def build(self) -> Motion:
        """A gate that knows no background yet: open until it does."""
        return Motion(self)


class Motion:
    """Running-average background on small luma."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._background: NDArray[np.float32] | None = None
        self._last_pts = 0.0
        self._moved_at = float("-inf")
        self._looked_at = float("-inf")
        self._usual_size: float | None = None
        self._were_large: deque[bool] = deque(maxlen=3)

    @property
    def is_idle(self) -> bool:
        """Nothing moved within `linger_seconds`, and a background is known."""
        has_rested = self._last_pts - self._moved_at > self._options.linger_seconds
        return has_rested and self._background is not None

    def stirs(self, frame: Frame) -> bool:
        """Whether the picture differs from the background."""
        return self._is_moving(frame)

    def stirs_packet(self, packet: Packet) -> bool:
        """Whether two of the last three packets are far larger than usual."""
        size = len(packet.data)
        if self._usual_size is None:
            self._usual_size = float(size)
        is_large = size > SIZE_RATIO * self._usual_size + SIZE_OVER
        if not is_large:
            weight = SIZE_FALL if size < self._usual_size else SIZE_RISE
            self._usual_size += weight * (size - self._usual_size)
        self._were_large.append(is_large)
        return sum(self._were_large) >= 2

    def wake(self, pts: float) -> None:
        """Something moved at `pts`, which may lie ahead of the frames that come next."""
        self._moved_at = max(self._moved_at, pts)
        self._were_large.clear()

    def is_open(self, frame: Frame, *, is_following: bool) -> bool:
        """Whether something moves, moved just now, is followed, or a look is due."""
        pts = frame.stamp.pts
        if self._is_moving(frame):
            self._moved_at = max(self._moved_at, pts)
        is_open = (
            is_following
            or pts - self._moved_at <= self._options.linger_seconds
            or pts - self._looked_at >= self._options.look_seconds
        )
        if is_open:
            self._looked_at = pts
        return is_open

    def _is_moving(self, frame: Frame) -> bool:
        width, height = frame.size_wh
        size = (WIDTH, max(1, round(WIDTH * height / width)))
        # Two steps: a cheap stride to about twice the size, then an area average against noise.
        stride = max(1, width // (2 * WIDTH))
        luma = cv2.resize(
            np.ascontiguousarray(frame.y[::stride, ::stride]), size, interpolation=cv2.INTER_AREA
        ).astype(np.float32)
        if self._background is None or self._background.shape != luma.shape:
            self._background = luma
            self._last_pts = frame.stamp.pts
            return True
        difference = np.abs(luma - self._background)
        noise = float(np.median(difference)) / 0.6745  # of a normal distribution
        changed = float(np.mean(difference > max(STEP, NOISE_SIGMAS * noise)))
        weight = min(1.0, (frame.stamp.pts - self._last_pts) / LEARN_S)
        self._last_pts = frame.stamp.pts
        cv2.accumulateWeighted(luma, self._background, max(0.0, weight))
        return changed >= self._options.changed
