"""Weigh a camera's own UTC against the arrival of its pictures. Pure.

A camera's RTCP sender reports say at which UTC a picture was taken, by the camera's clock. They do
not say whether anybody ever set that clock. All there is to check it with is this box's own clock:
a picture cannot have been taken after it arrived, nor, on a network that works, long before. A
clock that nobody sets, seconds to years off, passes that test by luck only; where it passes, it is
believed, and where it does not, arrival is kept and the disagreement is told.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

CAMERA_CLOCK_MS = 50
"""What the camera's own UTC leaves open even where it agrees: NTP on a local network holds about
10 ms, and the exposure of a night picture is 40 ms."""

AGREEMENT_S = 2.0
"""Clocks that are further apart are not both right. Below it the disagreement is stated as
uncertainty: two seconds are what a mobile link delays pictures when it is busy."""

PLAUSIBLE_S = 86_400.0
"""A camera's clock that is further off was never set, and says nothing about this box's."""

OLDEST = datetime(2020, 1, 1, tzinfo=timezone.utc).timestamp()
"""Cameras that lost their time begin in 1970, 2000 or the year of their firmware."""

SLEW = 0.1
"""Seconds of correction per second: `captured_at` glides from arrival to the camera's UTC and back,
so that it never runs backwards; a second of network delay takes ten."""

RESTATE_S = 1.0
"""How far the disagreement must move before its words change: a drift is not news each second."""


class CameraUtc:
    """UTC of one connection's pictures.

    Args:
        arrival_ms: How far UTC by arrival alone may be wrong.
    """

    def __init__(self, arrival_ms: int) -> None:
        self.doubt = ""
        self._arrival_ms = arrival_ms
        self._correction_s = 0.0
        self._last: tuple[datetime, float] | None = None
        self._stated_s = 0.0

    def settle(
        self, by_arrival: datetime, told_s: float | None, dts: float
    ) -> tuple[datetime, int]:
        """Decide when a picture was taken.

        Args:
            by_arrival: UTC of its arrival, without the jitter of the network.
            told_s: What the camera says, seconds since 1970; None where it says nothing.
            dts: Stream time, seconds; never decreases.

        Returns:
            UTC, and how far it may be wrong in milliseconds.
        """
        target_s, claimed_s, clock_ms = self._judged(by_arrival, told_s)
        reach_s = SLEW * self._passed_s(by_arrival, dts)
        left_s = target_s - self._correction_s
        self._correction_s += max(-reach_s, min(reach_s, left_s))
        # While it glides it is neither the one nor the other: both must lie within.
        off_ms = max(_ms(side_s - self._correction_s) for side_s in (target_s, claimed_s))
        return by_arrival + timedelta(seconds=self._correction_s), max(clock_ms, off_ms)

    def _passed_s(self, by_arrival: datetime, dts: float) -> float:
        """Time since the packet before, by the clock that saw less of it: a burst takes none."""
        before, self._last = self._last, (by_arrival, dts)
        if before is None:
            return 0.0
        return max(0.0, min((by_arrival - before[0]).total_seconds(), dts - before[1]))

    def _judged(self, by_arrival: datetime, told_s: float | None) -> tuple[float, float, int]:
        """Judge the camera's clock.

        Returns:
            How much later than `by_arrival` it is believed to be, and is said to be by a clock
            that may be right (never above 0.0 the first, in seconds both); how far the first may
            be wrong, in milliseconds.
        """
        ahead_s = 0.0 if told_s is None else told_s - by_arrival.timestamp()
        is_set = told_s is not None and told_s >= OLDEST and abs(ahead_s) <= PLAUSIBLE_S
        if is_set and abs(ahead_s) > AGREEMENT_S:
            self._doubt(ahead_s)
            return 0.0, 0.0, self._arrival_ms
        self.doubt = ""
        if not is_set:
            return 0.0, 0.0, self._arrival_ms
        if ahead_s * 1000 > CAMERA_CLOCK_MS:  # taken after it arrived: one clock is wrong
            return 0.0, ahead_s, max(self._arrival_ms, _ms(ahead_s))
        # Either the pictures take this long, or the camera's clock is slow: both lie within.
        return min(0.0, ahead_s), ahead_s, max(CAMERA_CLOCK_MS, _ms(ahead_s))

    def _doubt(self, ahead_s: float) -> None:
        if self.doubt and abs(ahead_s - self._stated_s) < RESTATE_S:
            return
        self._stated_s = ahead_s
        if ahead_s > 0:
            self.doubt = f"the camera's clock is {ahead_s:.1f} s ahead of this box's"
        else:
            self.doubt = (
                f"the camera's clock is {-ahead_s:.1f} s behind this box's, or its pictures "
                "arrive that late"
            )


def _ms(seconds: float) -> int:
    return round(abs(seconds) * 1000)
