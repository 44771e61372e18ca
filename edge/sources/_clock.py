"""Place a stream's own timestamps on the two axes the rest of the box uses. Pure.

Stream time (`pts`) is the box's monotonic clock at the first picture plus the stream's own
differences, so it runs on through reconnections and never goes back. UTC is the moment of arrival
less how much later than the quickest packet of the last minute this one came: network and encoder
jitter disappear from it, what stays unknown is the quickest packet's own delay. Where the camera
tells UTC itself, `_camera_utc` weighs that against arrival.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta

from edge.sources._camera_utc import CameraUtc

CAMERA_DELAY_MS = 250
"""Assumed bound of exposure, encoding and network of the quickest packet. Without the camera's
own clock this part cannot be measured, so it is stated, not corrected."""

LONGEST_STEP_S = 10.0
"""A stream whose timestamps and arrivals disagree by more has restarted its clock."""

WINDOW_S = 60.0
"""How long the quickest packet counts; at 100 ppm the clocks drift 6 ms apart meanwhile."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Times of one packet on both axes; see `edge.packet.Packet` for their meaning."""

    pts: float
    dts: float
    captured_at: datetime
    clock_ms: int


class LiveClock:
    """Times of one connection to a camera.

    Args:
        not_before: Stream time that earlier connections reached.
        hold_s: How long even the quickest packet is held back before it can be seen to arrive.
    """

    def __init__(self, not_before: float = 0.0, hold_s: float = 0.0) -> None:
        self._utc = CameraUtc(CAMERA_DELAY_MS + round(hold_s * 1000))
        self._offset: float | None = None
        self._is_guessed = False  # the offset stands on arrival alone
        self._last_dts = not_before
        self._delays: deque[tuple[float, float]] = deque()

    @property
    def doubt(self) -> str:
        """Why its UTC is in doubt; empty where it is not."""
        return self._utc.doubt

    def place(
        self,
        pts: float | None,
        dts: float | None,
        arrived: float,
        arrived_at: datetime,
        told_s: float | None = None,
    ) -> Placed:
        """Place one packet, in decoding order.

        Args:
            pts: The stream's presentation time in seconds, None where it has none.
            dts: The stream's decoding time in seconds, None where it has none.
            arrived: Monotonic time of arrival, seconds.
            arrived_at: UTC of arrival.
            told_s: UTC of capture as the camera tells it, seconds since 1970; None where it
                does not.

        Returns:
            Its times; `dts` never decreases, `pts` is never before `dts`.
        """
        if pts is None:
            pts = dts
        if pts is not None and self._is_guessed:
            self._offset = None  # the stream's own clock after all: begin with that
        self._is_guessed = pts is None
        if pts is None:  # a stream without timestamps
            pts = arrived if self._offset is None else arrived - self._offset
        if dts is None:
            dts = pts
        has_jumped = (
            self._offset is not None
            and abs(arrived - pts - self._offset) > LONGEST_STEP_S
            and abs(dts + self._offset - self._last_dts) > LONGEST_STEP_S
        )
        if self._offset is None or has_jumped:
            # A camera that sends a burst at the start runs ahead of the clock by its length.
            self._offset = max(arrived, self._last_dts) - dts
            self._delays.clear()
        on_axis = max(dts + self._offset, self._last_dts)
        self._last_dts = on_axis

        delay = arrived - pts
        while self._delays and self._delays[0][0] < arrived - WINDOW_S:
            self._delays.popleft()
        # A monotonic queue: only delays that may yet be the smallest of the window are kept.
        while self._delays and self._delays[-1][1] >= delay:
            self._delays.pop()
        self._delays.append((arrived, delay))
        lateness = delay - self._delays[0][1]
        captured_at, clock_ms = self._utc.settle(
            arrived_at - timedelta(seconds=lateness), told_s, on_axis
        )
        return Placed(max(pts + self._offset, on_axis), on_axis, captured_at, clock_ms)
