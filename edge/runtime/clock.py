"""The box's own clock: whether the UTC it tells can be believed.

Durations never depend on it. Every event's `at` does, so when it cannot be trusted the control room
is told (`clock_unsure`).
"""

from __future__ import annotations

import ctypes
import struct
import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone

OLDEST = datetime(2026, 1, 1, tzinfo=timezone.utc)
"""A clock before this stands: the box has no battery and no time server."""

STEP_S = 1.0
"""A time server steers the clock by at most 0.5 ms a second; what moves more at once is a step."""

STEPPED_S = 60.0
"""How long a step is told: events of the minutes around it may be in the wrong order."""

GRACE_S = 120.0
"""A box that starts without network may take this long to find its time server."""

ASK_S = 1.0
"""How often the kernel is asked whether its clock is disciplined."""

_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
_STA_NANO = 0x2000
_TIMEX_BYTES = 512  # struct timex has 208 on 64 bit Linux


def clock_errors_ms() -> tuple[float, float] | None:
    """What the kernel knows of its own clock.

    Returns:
        The offset it is still working off, and how far it may be wrong at most, in milliseconds;
        None where the kernel does not tell, or no time server disciplines it.
    """
    adjtimex = getattr(ctypes.CDLL(None), "adjtimex", None)
    room = ctypes.create_string_buffer(_TIMEX_BYTES)
    if adjtimex is None or (state := adjtimex(room)) < 0 or state == _TIME_ERROR:
        return None
    # struct timex: int modes; long offset, freq, maxerror, esterror; int status.
    _, offset, _, most, _, status = struct.unpack_from("@iqqqqi", room.raw)
    return offset / (1e6 if status & _STA_NANO else 1e3), most / 1e3


def is_synchronised() -> bool | None:
    """Whether a time server disciplines the kernel's clock, as `timedatectl` reads it.

    Returns:
        None where the kernel does not tell (it is not Linux).
    """
    adjtimex = getattr(ctypes.CDLL(None), "adjtimex", None)
    if adjtimex is None:
        return None
    state = adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))  # zeroed: read, set nothing
    return None if state < 0 else state != _TIME_ERROR


def utc_now() -> datetime:
    """The box's UTC."""
    return datetime.now(timezone.utc)


class BoxClock:
    """Watches the wall clock against the monotonic one; for all cameras of the box.

    Args:
        monotonic: Seconds; never steps.
        utc: What the box believes the time is.
        synchronised: See `is_synchronised`.
        stepped: Called with the seconds of a step, by whoever looked first.
    """

    def __init__(
        self,
        monotonic: Callable[[], float] = time.monotonic,
        utc: Callable[[], datetime] = utc_now,
        synchronised: Callable[[], bool | None] = is_synchronised,
        stepped: Callable[[float], None] = lambda _: None,
    ) -> None:
        self._stepped = stepped
        self._monotonic, self._utc, self._synchronised = monotonic, utc, synchronised
        self._lock = threading.Lock()
        self._looked_at = monotonic()
        self._asked_at = self._good_at = self._looked_at  # when it was last synchronised
        self._believed_s = utc().timestamp()
        self._stepped_at = float("-inf")
        self._step_s = 0.0
        self._doubt = ""

    @property
    def doubt(self) -> str:
        """Why the box's UTC is in doubt, in words; empty where it is not.

        A step is seen at once, before a camera is blamed for differing from the box: 1 us a look.
        """
        with self._lock:
            self._look(self._monotonic())
            return self._doubt

    def _look(self, now: float) -> None:
        utc = self._utc()
        step_s = utc.timestamp() - self._believed_s - (now - self._looked_at)
        if abs(step_s) >= STEP_S:
            self._stepped_at, self._step_s = now, step_s
            self._stepped(step_s)
        self._believed_s, self._looked_at = utc.timestamp(), now
        if now - self._asked_at >= ASK_S:
            self._asked_at = now
            if self._synchronised() is not False:
                self._good_at = now
        if utc < OLDEST:
            self._doubt = f"the box's clock says {utc:%Y-%m-%d}, before this software was written"
        elif now - self._stepped_at < STEPPED_S:
            self._doubt = f"the box's clock was stepped by {self._step_s:+.1f} s"
        elif now - self._good_at > GRACE_S:
            self._doubt = "the box's clock is not synchronised with a time server"
        else:
            self._doubt = ""
