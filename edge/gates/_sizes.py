"""What the sizes of packets tell before any of them is decoded.

They tell of large movement before a still background at constant quality: packets of a still room
are 20 bytes, of a car that comes in 2000. At constant bit rate they tell how the encoder spreads
its bits: after each keyframe they are small and grow. So a stir that no picture bore out makes
the next one harder to raise; the figures are in docs/gates.md.
"""

from __future__ import annotations

from collections import deque

RATIO, OVER = 2.0, 256
"""A packet is large when it is this many times the usual size and this many bytes more."""

MOST_RATIO = 32.0
"""After four wrong stirs in a row sizes are as good as not asked; two right ones bring them back
to 8."""

WEIGHT = 0.02
"""Of each packet in the usual size. The large count like the others, or a camera whose noise rose
at dusk would stir for ever."""

LEAST = 30
"""Packets from which the usual size is known: an encoder that has just begun spends its bits
unevenly for a GOP or two."""


class Sizes:
    """The usual size of the packets between keyframes while nothing moves."""

    def __init__(self) -> None:
        self._usual = 0.0
        self._n_seen = 0
        self._ratio = RATIO
        self._were_large: deque[bool] = deque(maxlen=3)

    def stir(self, n_bytes: int) -> bool:
        """Whether two of the last three packets are far larger than usual."""
        self._n_seen += 1
        self._were_large.append(n_bytes > self._ratio * self._usual + OVER)
        # The first ones count equally.
        self._usual += max(1 / self._n_seen, WEIGHT) * (n_bytes - self._usual)
        return self._n_seen > LEAST and sum(self._were_large) >= 2

    def was_right(self) -> None:
        """Something moved in the pictures of the packets that stirred."""
        self._ratio = max(RATIO, self._ratio / 2)

    def was_wrong(self) -> None:
        """Nothing moved in them."""
        self._ratio = min(MOST_RATIO, self._ratio * 2)

    def forget(self) -> None:
        """Start counting large ones anew; the usual size stays."""
        self._were_large.clear()
