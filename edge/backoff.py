"""How long to wait before trying again: one rule for cameras and broker. Pure but for chance."""

from __future__ import annotations

from collections.abc import Callable
from random import SystemRandom

_FIRST_S, _MOST_S = 1.0, 60.0
_uniform = SystemRandom().random


def back_off_s(failures: int, random: Callable[[], float] = _uniform) -> float:
    """Seconds to wait before the next attempt.

    Args:
        failures: How many have failed in a row, from 1.
        random: Uniform in [0, 1).

    Returns:
        Doubling from 1 s to 60 s, less up to half: a power cut brings every camera of a street
        and every box of a site back at once, and they must not knock in step.
    """
    doublings = min(failures - 1, 6)
    return min(_MOST_S, _FIRST_S * 2.0**doublings) * (1.0 - 0.5 * random())
