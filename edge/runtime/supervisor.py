"""Tell systemd how we are: ready, alive, stopping. Does nothing where there is no systemd.

The protocol is one datagram to the socket in `$NOTIFY_SOCKET` (sd_notify(3)); a library for it
would be longer than this file.
"""

from __future__ import annotations

import os
import socket


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


def watchdog_s() -> float | None:
    """How often systemd wants to hear from us, halved; None where it does not."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    return int(microseconds) / 2e6 if microseconds.isdigit() else None
