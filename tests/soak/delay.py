"""Delay in user space, where the kernel has no `tc netem`: a detour through two tun devices.

What goes from a namespace to an address is read from a device there, held back for a random time,
and put into a device here. As with netem, what is held back for less overtakes.
"""

from __future__ import annotations

import fcntl
import heapq
import os
import random
import struct
import threading
import time
from pathlib import Path
from select import select

TUN = Path("/dev/net/tun")
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
LONGEST_PACKET = 65536


def open_tun(name: str) -> int:
    """Make a tun device in the namespace of the calling thread; it goes when it is closed.

    Raises:
        OSError: There are none on this machine, or no rights to make one.
    """
    descriptor = os.open(TUN, os.O_RDWR | os.O_NONBLOCK)
    try:
        fcntl.ioctl(
            descriptor, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI)
        )
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


class Delay:
    """Carries packets from one device to the other, each a while later, until it is closed.

    Args:
        source: Descriptor packets are read from; closed with this.
        sink: Descriptor they are written to; likewise.
        delay_s: How much later.
        jitter_s: At most so much more or less, evenly spread.
    """

    def __init__(self, source: int, sink: int, delay_s: float, jitter_s: float) -> None:
        self.n_carried = 0
        self._source, self._sink = source, sink
        self._delay_s, self._jitter_s = delay_s, jitter_s
        self._held: list[tuple[float, int, bytes]] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="delay", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop; what is held back is lost, as in a cable that is unplugged."""
        self._stopping.set()
        self._thread.join()
        os.close(self._source)
        os.close(self._sink)

    def _run(self) -> None:
        n_read = 0
        while not self._stopping.is_set():
            now = time.monotonic()
            while self._held and self._held[0][0] <= now:
                os.write(self._sink, heapq.heappop(self._held)[2])
                self.n_carried += 1
            wait_s = self._held[0][0] - now if self._held else 0.1
            if select([self._source], [], [], min(wait_s, 0.1))[0]:
                packet = os.read(self._source, LONGEST_PACKET)
                late_s = self._delay_s + random.uniform(-self._jitter_s, self._jitter_s)
                n_read += 1  # breaks ties: packets are not compared
                heapq.heappush(self._held, (time.monotonic() + late_s, n_read, packet))
