"""Diagnosis: what is wrong with one camera's pictures, from what its watcher and reader note.

The watcher tells what it meets; how long something lasted is judged here. What that adds up to for
a control room is for `standing`.
"""

from __future__ import annotations

import logging
import time

from edge.runtime.reader import Reader
from edge.runtime.standing import Recurring

log = logging.getLogger("edge.camera")

LOST_S = 5.0
"""Without a packet for this long a camera is lost: longer than a hiccup of the network, shorter
than a control room's patience."""

LATE_S = 2.0
"""Pictures that arrive this late make stale alerts too: a network that is too narrow."""

HUSH_S = 1.0
"""Without a packet for this long nothing tells that what was wrong with them is over, nor that the
camera is watched."""

BLIND_S = 15.0
"""Packets that show no picture for this long are no watching either: longer than the keyframe
interval of any camera but those that save bits at the price of their start."""


class Diagnosis:
    """One camera's; from its watcher's thread only.

    Args:
        camera: The camera's id, for the log.
        reader: Its packets.
        degraded: Why it watches with less than was asked for; empty if it does not.

    Attributes:
        failure: Why nothing of the newest connection can be analysed; empty while it can.
        heat: Why fewer pictures are analysed; empty while all are. From any thread.
    """

    def __init__(self, camera: str, reader: Reader, degraded: str = "") -> None:
        self.failure = ""
        self.heat = ""
        self._camera = camera
        self._reader = reader
        self._degraded = degraded
        self._pictured_at = time.monotonic()
        self._awaits_picture = True  # of the newest connection
        self._is_read_out = False  # the newest connection ended, and all of it was analysed
        self._skips = Recurring()
        self._delays = Recurring()
        self._damage = Recurring()
        self._damage_logged_at = float("-inf")

    def connected(self) -> None:
        """The watcher goes on with the newest connection."""
        if self._is_read_out:  # else it is the same one again, after a fault of ours
            self._awaits_picture = True
            self._pictured_at = time.monotonic()
        self._is_read_out = False

    def read_out(self) -> None:
        """The newest connection ended, and all of it was analysed."""
        self._is_read_out = True

    def pictured(self) -> None:
        """It shows something."""
        self._pictured_at = time.monotonic()
        self._awaits_picture = False

    def skipped(self) -> None:
        """Packets were passed over because the watcher fell behind."""
        self._skips.note(time.monotonic())

    def damaged(self, n_corrupt: int, n_withheld: int) -> None:
        """Packets came damaged or not at all; what there is of them so far."""
        now = time.monotonic()
        self._damage.note(now)
        if now - self._damage_logged_at >= 1.0:  # a bad line damages hundreds a second
            self._damage_logged_at = now
            log.warning(
                "camera %s: %d packets damaged or missing so far, %d withheld until a keyframe",
                self._camera,
                n_corrupt,
                n_withheld,
            )

    @property
    def is_hushed(self) -> bool:
        """Nothing comes now; what is still analysed tells how it was."""
        reader = self._reader
        is_over = not reader.is_live or reader.has_ended
        return not is_over and (reader.trouble != "" or reader.silent_s > HUSH_S)

    def lost(self, now: float, *, is_said: bool) -> str:
        """Why there are no pictures; empty while there are.

        Args:
            now: Monotonic seconds.
            is_said: The camera was called lost, and that was not taken back.
        """
        if self._reader.has_ended:
            # The reader is ahead: a recording is over when its last picture was judged.
            return self._reader.trouble if self._is_read_out else ""
        if self._reader.silent_s > LOST_S:
            return self._reader.trouble or f"no data for {LOST_S:.0f} s, connection open"
        if now - self._pictured_at > BLIND_S:
            return f"data arrives and no picture could be decoded for {BLIND_S:.0f} s"
        if is_said and self._awaits_picture:
            return self._no_picture()
        if is_said and self.is_hushed:
            return self._reader.trouble or "it came back and fell silent again"
        return ""

    def waiting(self) -> str:
        """Why there is no picture yet, or none any more, short of being lost."""
        if self._awaits_picture or (self._reader.trouble and self._is_read_out):
            return self._no_picture()
        return ""

    def _no_picture(self) -> str:
        """Why the newest connection has shown none yet, or shows none any more."""
        return self._reader.trouble or self.failure or "packets come, and no picture yet"

    def less(self, now: float) -> str | None:
        """Why it watches with less than was asked for; empty while it does not, None if unknown."""
        if less := self.failure or self._degraded or self.heat:
            return less
        if self.is_hushed:
            return None
        if self._skips.lasts(now):
            return "analysis cannot keep up and skips to the newest picture"
        if self._reader.late_s > LATE_S and not self._reader.has_ended:
            self._delays.note(now)
        if self._delays.lasts(now):
            return "pictures arrive seconds late; the network to the camera is too narrow for it"
        if self._damage.lasts(now):
            return "pictures arrive damaged and are not analysed; check the network to the camera"
        return ""
