"""Cooling: analysis slows before the kernel throttles, in a declared order, and says so. Pure.

First half of the pictures are analysed, then a quarter. That the camera is watched at all, and
every check of the scene's health, goes on: they take a hundredth of what a detector takes. Without
a zone that tells where the kernel begins to throttle nothing is slowed; the kernel does it then,
and skipped pictures say so.
"""

from __future__ import annotations

STEPS = ((5.0, 0.5), (2.0, 0.25))
"""Headroom in degrees below which a step begins, and the share of pictures that is left."""

COOL_CELSIUS = 8.0
"""With more headroom than this, for `CALM_S`, one step is taken back."""

CALM_S = 60.0
"""A cabinet in the sun cools within minutes; a step to and fro every few seconds helps nobody."""


class Cooling:
    """How much is analysed.

    Attributes:
        rate: Share of the configured rates, 1 while cool.
    """

    def __init__(self) -> None:
        self.rate = 1.0
        self._step = 0
        self._cool_since: float | None = None

    def update(self, now: float, headroom: float | None) -> bool:
        """Take in how hot it is.

        Args:
            now: Monotonic seconds.
            headroom: Degrees Celsius until the kernel throttles; None where nothing tells.

        Returns:
            Whether `rate` changed.
        """
        if headroom is None:
            headroom = float("inf")
        before = self._step
        hot = sum(headroom < below for below, _ in STEPS)
        if hot >= self._step:
            self._step, self._cool_since = hot, None
        elif headroom <= COOL_CELSIUS:
            self._cool_since = None
        elif self._cool_since is None:
            self._cool_since = now
        elif now - self._cool_since >= CALM_S:
            self._step, self._cool_since = self._step - 1, now
        self.rate = STEPS[self._step - 1][1] if self._step else 1.0
        return self._step != before
