"""Tell systemd how we are: ready, alive, stopping. Does nothing where there is no systemd.

The protocol is one datagram to the socket in `$NOTIFY_SOCKET` (sd_notify(3)); a library for it
would be longer than this file.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping


def notify(state: str) -> None:
    """Send one state, such as `READY=1`.

    Args:
        state: Newline-separated assignments as in sd_notify(3).
    """
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):  # an abstract socket
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        channel.sendto(state.encode(), address)


class Watchdog:
    """Feeds systemd's watchdog, and only for what got on since it was fed last.

    A process whose main loop turns while a camera's thread is stuck, or an engine hangs, is not
    fed: systemd restarts it after `WatchdogSec`. Does nothing where no watchdog is set.
    """

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}
        microseconds = os.environ.get("WATCHDOG_USEC", "")
        self._is_set = microseconds.isdigit()
        self.tick_s = int(microseconds) / 4e6 if self._is_set else float("inf")
        """How often to come by: twice in the half interval sd_watchdog_enabled(3) advises, as the
        first time may be a moment too early."""

    def feed(self, steps: Mapping[str, int], are_engines_able: bool, status: str) -> None:
        """Tell systemd that we live, if we do.

        Args:
            steps: How far each camera got, by its name.
            are_engines_able: No engine is broken or hangs.
            status: What `systemctl status` shows.
        """
        if not self._is_set or not are_engines_able:
            return
        if all(n_steps != self._seen.get(camera, 0) for camera, n_steps in steps.items()):
            self._seen = dict(steps)
            notify(f"WATCHDOG=1\nSTATUS={status}")
