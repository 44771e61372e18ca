"""Knocks: every attempt to connect to a camera, with its time, as the cameras' side hears it.

A packet socket in the cameras' namespace, with a filter that leaves nothing but TCP's first packet
of a connection. It sees them before any firewall rule, so that attempts in vain count too.
"""

from __future__ import annotations

import ctypes
import socket
import threading
import time
from struct import pack

ETH_P_IP = 0x0800
SO_ATTACH_FILTER = 26

# Classic BPF of `ip and tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn`, as tcpdump -d prints it.
SYN_ONLY = (
    (0x28, 0, 0, 12),  # ldh the frame's type
    (0x15, 0, 7, ETH_P_IP),
    (0x30, 0, 0, 23),  # ldb the packet's protocol
    (0x15, 0, 5, 6),
    (0xB1, 0, 0, 14),  # ldxb the length of its header
    (0x50, 0, 0, 27),  # ldb the segment's flags
    (0x54, 0, 0, 0x12),
    (0x15, 0, 1, 0x02),
    (0x06, 0, 0, 64),  # keep 64 bytes
    (0x06, 0, 0, 0),
)


class Knocks:
    """Counts from construction until `close`; construct it inside the namespace.

    Attributes:
        attempts: Monotonic time of each, in order. One that is sent again counts again: it is
            heard again.
    """

    def __init__(self) -> None:
        self.attempts: list[float] = []
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_IP))
        code = b"".join(pack("HBBI", *line) for line in SYN_ONLY)
        kept = ctypes.create_string_buffer(code)
        program = pack("HL", len(SYN_ONLY), ctypes.addressof(kept))
        self._socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
        self._socket.settimeout(0.5)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="knocks", daemon=True)
        self._thread.start()

    def most_at_once(self, since: float, until: float, window_s: float = 0.1) -> int:
        """The largest number of attempts within `window_s`, between two monotonic times."""
        times = [t for t in list(self.attempts) if since <= t <= until]
        first = most = 0
        for last, t in enumerate(times):
            while t - times[first] > window_s:
                first += 1
            most = max(most, last - first + 1)
        return most

    def close(self) -> None:
        """Stop counting."""
        self._stopping.set()
        self._thread.join(timeout=2)
        self._socket.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._socket.recv(64)
            except TimeoutError:
                continue
            self.attempts.append(time.monotonic())
