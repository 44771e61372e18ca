"""What a fixed camera shows when nothing moves, and how restless each place of it is.

Chosen by measurement against one noise figure for the whole picture (tests/bench/gates.py): that
one was open all the time in rain and before a tree, and blind in the dark and while the light
changed. A tenth of a millisecond a picture at 1080p, the shrinking included.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.frame import Plane

Levels: TypeAlias = NDArray[np.float32]

STEP = 12.0
"""Least levels of luma by which a place must differ from the background to count as changed."""

UNREST = 3.5
"""And at least this many times its usual difference, 2.8 deviations of normal noise. With 4
somebody in the dark was seen 3.8 s late, with 3 a shaking mast opened half again as often."""

UNREST_S = 30.0
"""Time constant of the usual difference: rain and wind last longer, passers-by do not."""

LEARN_S = 4.0
"""Time constant of the background: long against a passer-by, short against the sun."""

LIGHT_STEP = 24.0
"""Most levels of luma a change of light is taken off at once. Clouds and a camera's exposure stay
below; more may be a bus before the lens, and is looked at."""

LIGHT_STRIDE = 3
"""The change of light is the median of every ninth place; of all it costs half the budget."""


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """How a picture differs from the background.

    Attributes:
        luma: The picture, (h, w) float32.
        levels: By how much each place differs, the change of light taken off.
        threshold: From which difference a place counts as changed.
        share: Part of the picture that changed, 0..1, single places left out.
    """

    luma: Levels
    levels: Levels
    threshold: Levels
    share: float


class Background:
    """Two running averages for each place: its luma, and how far it usually is from that.

    Args:
        luma: The first picture, (h, w) uint8.
        pts: Its stream time in seconds.
    """

    def __init__(self, luma: Plane, pts: float) -> None:
        self.shape = luma.shape
        self._luma = luma.astype(np.float32)
        self._unrest = np.zeros_like(self._luma)
        self._pts = pts
        self._n_learnt = 1

    def change(self, luma: Plane) -> Change:
        """Compare a picture; nothing is learnt.

        Args:
            luma: (h, w) uint8, of the background's shape.
        """
        new = luma.astype(np.float32)
        difference = new - self._luma
        light = np.median(difference[::LIGHT_STRIDE, ::LIGHT_STRIDE])
        if abs(light) > LIGHT_STEP:
            light = np.float32(0)
        # What stayed as it was has not changed, whatever the light did: masks, a white sky.
        levels = np.minimum(np.abs(difference), np.abs(difference - light))
        threshold = np.maximum(UNREST * self._unrest, np.float32(STEP))
        changed = cv2.compare(levels, threshold, cv2.CMP_GT)
        # A streak of rain is one place wide: the median of 3 by 3 leaves none of it, and of
        # somebody 3 places wide all but the corners.
        share = cv2.countNonZero(cv2.medianBlur(changed, 3)) / changed.size
        return Change(new, levels, threshold, share)

    def learn(self, change: Change, pts: float, *, is_empty: bool) -> None:
        """Take a picture into the averages; one that is not later than the last is left out.

        Args:
            change: What `change` said about it.
            pts: Its stream time in seconds.
            is_empty: Nothing is followed in it: what differs is unrest, not an object.
        """
        elapsed_s = pts - self._pts
        if elapsed_s <= 0:
            return
        self._pts = pts
        self._n_learnt += 1
        # The first pictures count equally.
        least = 1 / self._n_learnt
        cv2.accumulateWeighted(change.luma, self._luma, max(least, min(1.0, elapsed_s / LEARN_S)))
        if is_empty:
            # Above its threshold a place counts as at it: a beam of light in passing teaches
            # little, and what goes on for half a minute is learnt all the same.
            usual = np.minimum(change.levels, change.threshold)
            weight = max(least, min(1.0, elapsed_s / UNREST_S))
            cv2.accumulateWeighted(usual, self._unrest, weight)
