"""How long to wait before trying again. Pure but for the random numbers it is given."""

from __future__ import annotations

import random
from collections.abc import Callable


class Backoff:
    """Jittered exponential back-off.

    A power cut brings every camera of a street back at once; the jitter keeps them apart.

    Args:
        first_s: Longest first wait.
        most_s: Longest wait of all.
        uniform: Gives a number between its two arguments.
    """

    def __init__(
        self,
        *,
        first_s: float = 1.0,
        most_s: float = 60.0,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._first_s = first_s
        self._most_s = most_s
        self._uniform = uniform
        self._ceiling_s = first_s

    def next_s(self) -> float:
        """Seconds to wait now: between half the ceiling and the ceiling, which then doubles."""
        ceiling = self._ceiling_s
        self._ceiling_s = min(ceiling * 2, self._most_s)
        return self._uniform(ceiling / 2, ceiling)

    def reset(self) -> None:
        """It worked: begin small next time."""
        self._ceiling_s = self._first_s
