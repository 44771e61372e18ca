"""Timestamps that begin again at zero, run on. Pure.

MPEG-TS counts 33 bits at 90 kHz and is through after 26.5 hours. FFmpeg runs on over the wrap only
where the stream began within a minute of it (measured), so it is done here for all. RTP's 32 bits
need nothing: FFmpeg adds up their differences.
"""

from __future__ import annotations

MPEG_TS_S = 2**33 / 90_000
"""Seconds after which MPEG-TS timestamps begin again."""


class Unwrapper:
    """Picks, of all the times a timestamp may stand for, the one nearest to the last.

    Args:
        period_s: After how long they begin again, in seconds.
    """

    def __init__(self, period_s: float) -> None:
        self._period_s = period_s
        self._last: float | None = None

    def unwrap(self, seconds: float) -> float:
        """Give the time without wraps; less than half a period from the one before."""
        if self._last is not None:
            seconds -= self._period_s * round((seconds - self._last) / self._period_s)
        self._last = seconds
        return seconds
