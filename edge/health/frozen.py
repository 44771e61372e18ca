"""`camera_frozen`: packets arrive, but the picture in them has stood still for a minute.

No two pictures of a live sensor are alike, not even of a scene in which nothing moves: noise makes
them differ. Between keyframes an encoder may hide that and repeat itself to the bit; across
keyframes it cannot. What is looked for is therefore not a pair of equal pictures but a picture
that is still there, to the noise, a minute later. A clock burnt into a frozen picture may tick.
"""

from __future__ import annotations

import math
from typing import TypeAlias, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.event import Kind
from edge.frame import Frame, Plane

_Level = TypeVar("_Level", bound=np.generic)
Blocks: TypeAlias = NDArray[np.bool_]

STILL_S = 60.0
"""For so long the same picture must have come back. Longer than the keyframe interval of any
camera that can be watched."""

SUSPECT_S = 5.0
"""A picture that has come back for this long is no longer learnt from."""

PATIENCE_S = 20.0
"""If it has not come back for so long it was another one. Within a GOP the picture of a frozen
camera differs as the encoder improves it; it is alike again a GOP later."""

SAME = 0.6
"""Levels of luma by which four fifths of the blocks differ at most in the same picture. Real clips:
1.3 at least after 5 s. Still scenes with sensor noise of 0.5 levels, encoded: 0.67; of 1: 1.14."""

OTHER = 3.0
"""From here on it is another picture at once; frozen ones, badly encoded, differ by up to 1.8."""

MOST_CHANGED = 0.8
"""Share of the blocks that is heeded: a clock or a name in the picture takes less than the rest."""

BLOCK_WH = (16, 4)
"""Pixels of a block, of the rows that are looked at."""

ROW_STRIDE = 8
"""Every eighth row is: a look takes 0.4 ms at 1080p."""

EVEN = 3
"""A block whose levels span no more than this says nothing: masks, white sky, black corners."""

LEAST_BLOCKS = 0.1
"""With fewer blocks than this share that say something, nothing is said."""


class Frozen:
    """The picture stands still while the stream goes on. 250 KB at 1080p."""

    kind: Kind = "camera_frozen"
    begin_s = 0.0  # `STILL_S` is waited for here
    end_s = 2.0

    def __init__(self) -> None:
        self._anchor: Plane | None = None
        self._speaks: Blocks | None = None  # of the anchor, once it was compared with something
        self._since = 0.0
        self._same_at = 0.0

    @property
    def is_suspect(self) -> bool:
        """The picture has stood still for long enough to doubt it, not to say so."""
        return self._same_at - self._since >= SUSPECT_S

    def look(self, frame: Frame) -> str:
        """What is wrong, in words; empty while the picture lives."""
        pts, luma = frame.stamp.pts, _sample(frame.y)
        if self._anchor is None or self._anchor.shape != luma.shape:
            return self._begin(luma, pts)
        if self._speaks is None:  # two thirds of a look's cost, and the anchor lasts for many
            self._speaks = _speaks(self._anchor)
        change = _change(self._anchor, luma, self._speaks)
        if change > OTHER or pts - self._same_at > PATIENCE_S:
            return self._begin(luma, pts)
        if change <= SAME:
            self._same_at = pts
        if self._same_at - self._since < STILL_S:
            return ""
        return "the stream goes on, but its picture stands still"

    def _begin(self, luma: Plane, pts: float) -> str:
        self._anchor, self._speaks = luma.copy(), None
        self._since = self._same_at = pts
        return ""


def _sample(luma: Plane) -> Plane:
    """The rows that are looked at, cut to whole blocks; a view, not a copy."""
    width, height = BLOCK_WH
    rows = luma[::ROW_STRIDE]
    return rows[: len(rows) // height * height, : luma.shape[1] // width * width]


def _speaks(luma: Plane) -> Blocks:
    """Which blocks have texture; in an even one nothing could be seen to move.

    Args:
        luma: (h, w) uint8, whole blocks; may be empty.

    Returns:
        (w / 16, h / 4) bool.
    """
    if not luma.size:
        return np.zeros((0, 0), np.bool_)
    return _by_block(luma, np.maximum) - _by_block(luma, np.minimum) > EVEN


def _change(before: Plane, now: Plane, speaks: Blocks) -> float:
    """Levels by which `MOST_CHANGED` of the blocks differ at most; infinite where none says it.

    Args:
        before: (h, w) uint8, whole blocks.
        now: The same.
        speaks: Blocks that count.
    """
    if np.count_nonzero(speaks) < max(1, LEAST_BLOCKS * speaks.size):
        return math.inf
    sums = _by_block(cv2.absdiff(before, now).astype(np.uint16), np.add)[speaks]
    return float(np.quantile(sums, MOST_CHANGED)) / (BLOCK_WH[0] * BLOCK_WH[1])


def _by_block(pixels: NDArray[_Level], fold: np.ufunc) -> NDArray[_Level]:
    """Fold each block's pixels into one.

    Args:
        pixels: (h, w), whole blocks.
        fold: Such as `np.maximum`.

    Returns:
        (w / 16, h / 4).
    """
    width, height = BLOCK_WH
    n_bands = len(pixels) // height
    bands = fold.reduce(pixels.reshape(n_bands, height, -1), axis=1, dtype=pixels.dtype)
    # Turned round, so that the inner loop is long: five times faster.
    columns = np.ascontiguousarray(bands.T).reshape(-1, width, n_bands)
    return np.asarray(fold.reduce(columns, axis=1, dtype=pixels.dtype))
