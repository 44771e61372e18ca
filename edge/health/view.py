"""View: what one camera usually shows, learnt slowly, and how much of it there is now.

Pure. Covered and moved both ask it about the same picture; it looks once. Figures are from
tests/bench/health.py: unaltered and benignly disturbed clips against altered ones.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from edge.frame import Frame, Plane, Stamp
from edge.health._structure import (
    HEIGHT_PX,
    WIDTH_PX,
    Field,
    Match,
    anywhere,
    correlation,
    energy,
    in_place,
    small,
    structure,
    turned_or_zoomed,
)
from edge.health.frozen import Frozen

WINDOW = 5
"""Looks averaged into the present picture: noise, rain and what drives by average out."""

GAP_S = 20.0
"""After a gap this long the window begins anew: before and after are not one picture."""

WARM_LOOKS = 30
"""Looks from which the view is first learnt, all alike; nothing is judged by it before."""

LEARN_S = 600.0
"""Time constant of the learnt view after that: long against a bus that stands or paint that leaves
a little too much to see, short against the sun."""

CELL_PX = 10
"""Side of the cells that are recognised one by one."""

RECOGNISED = 0.43
"""Least share of the usual recognition. Unaltered clips keep 0.92, a night 0.58, a bus over half of
the picture 0.47; glare leaves 0.39, a lens out of focus 0.36, paint over 75 % 0.31 at most."""

CONTRAST = 0.17
"""Least share of the usual contrast. 12 % of the light keep 0.24 of it, 3 % keep 0.12."""

DOUBT = 0.65
"""Below this share of the usual recognition other poses of the camera are tried."""

BETTER = 1.25
"""The view is elsewhere where it matches this much better than in place. Exactly 1.00 for every
unaltered or benignly disturbed picture; 1.3 and more for moves by 3 % of the width."""

FOUND = 0.28
"""And where this share of it is found there. Moved views: 0.55 to 1.1, zoomed ones from 0.28;
blotches of paint are found to 0.25 somewhere."""

BLANK = 0.15
"""A cell has lost its detail when less than this share of its structure's energy is left."""

LEAST_DETAIL = 0.005
"""Mean energy of structure below which a picture shows nothing: 0.074 for an empty car park, 0.011
for it in the dark, 0.003 for it in near black."""


@dataclass(frozen=True, slots=True)
class Sight:
    """How much of the usual view one picture shows.

    Attributes:
        has_detail: There is something to see at all.
        recognised: Share of what is usually recognised in place, whatever the contrast.
        contrast: Share of the usual contrast of that.
        blank: Share of the view that lost its detail.
        elsewhere: Where else the view is found, clearly better than in place; None if nowhere.
    """

    has_detail: bool = True
    recognised: float = 1.0
    contrast: float = 1.0
    blank: float = 0.0
    elsewhere: Match | None = None

    @property
    def is_usual(self) -> bool:
        """It is the usual view, possibly in other light or with something before it."""
        return (
            self.has_detail
            and self.elsewhere is None
            and self.recognised >= RECOGNISED
            and self.contrast >= CONTRAST
        )


class View:
    """What one camera usually shows. 130 KB a camera; 0.5 ms a look at 1080p, 4 ms in doubt.

    Args:
        frozen: Asked about each picture before this: one that stands still is not learnt. It is
            recognised too well, and the live one would then seem hidden.
    """

    def __init__(self, frozen: Frozen) -> None:
        self._frozen = frozen
        self._window: deque[Plane] = deque(maxlen=WINDOW)
        self._reference: Field = np.zeros((HEIGHT_PX, WIDTH_PX), np.float32)
        self._usual = (1.0, 1.0)  # recognition and contrast
        self._n_learnt = 0
        self._stamp: Stamp | None = None
        self._sight = Sight()

    def look(self, frame: Frame) -> Sight:
        """Compare a picture with the usual view, and learn from it where it is that.

        Args:
            frame: Masks applied. The same picture again gets the same answer.
        """
        stamp, before = frame.stamp, self._stamp
        if before is stamp:
            return self._sight
        elapsed_s = 0.0 if before is None else stamp.pts - before.pts
        if not 0.0 <= elapsed_s <= GAP_S:
            self._window.clear()
        self._stamp = stamp
        self._window.append(small(frame.y))
        luma = np.asarray(np.mean(self._window, axis=0), np.float32)
        now = structure(luma)
        self._sight = self._judge(luma, now, min(elapsed_s, GAP_S))
        return self._sight

    def _judge(self, luma: Field, now: Field, elapsed_s: float) -> Sight:
        if energy(now) < LEAST_DETAIL * now.size:
            return Sight(has_detail=False, recognised=0.0, contrast=0.0, blank=1.0)
        if not self._n_learnt:
            self._learn(now, 1.0, 1.0, elapsed_s)
            return Sight()
        found = correlation(self._reference, now)
        here = in_place(found)
        aligned = np.roll(now, (-here.dy_px, -here.dx_px), (0, 1))
        recognised, contrast, blank = _compare(self._reference, aligned)
        sight = Sight()
        if self._n_learnt >= WARM_LOOKS:
            usual = (recognised / self._usual[0], contrast / self._usual[1])
            best = anywhere(found)
            if usual[0] < DOUBT:
                poses = turned_or_zoomed(self._reference, luma)
                best = max(best, *poses, key=lambda match: match.share)
            is_elsewhere = best.share >= max(FOUND, BETTER * here.share)
            sight = Sight(True, *usual, blank, best if is_elsewhere else None)
        if sight.is_usual and not self._frozen.is_suspect:
            self._learn(now, recognised, contrast, elapsed_s)
        return sight

    def _learn(self, now: Field, recognised: float, contrast: float, elapsed_s: float) -> None:
        """Take a picture into the averages."""
        self._n_learnt += 1
        is_warm = self._n_learnt > WARM_LOOKS
        weight = elapsed_s / LEARN_S if is_warm else 1 / self._n_learnt
        self._reference += np.float32(weight) * (now - self._reference)
        self._usual = (
            self._usual[0] + weight * (recognised - self._usual[0]),
            self._usual[1] + weight * (contrast - self._usual[1]),
        )


def _compare(reference: Field, now: Field) -> tuple[float, float, float]:
    """How much of a reference is recognised, at what contrast, and how much of it is blank.

    Cell by cell, each counting by its structure: a car in an empty yard has more structure than
    the yard, and must not outweigh it.

    Returns:
        Recognised, contrast and blank, each in 0..1.
    """
    was, common, there = _cells(reference**2), _cells(reference * now), _cells(now**2)
    whole = max(float(was.sum()), 1e-6)
    alike = np.clip(common / np.sqrt(was * there + 1e-6), 0, 1)
    recognised = float((was * alike).sum()) / whole
    contrast = float(np.clip(common, 0, was).sum()) / whole
    blank = float(was[there < BLANK * was].sum()) / whole
    return recognised, contrast, blank


def _cells(field: Field) -> Field:
    """Sums over cells, (9, 16)."""
    rows, columns = HEIGHT_PX // CELL_PX, WIDTH_PX // CELL_PX
    cells = field.reshape(rows, CELL_PX, columns, CELL_PX)
    return np.asarray(cells.sum(axis=(1, 3)), np.float32)
