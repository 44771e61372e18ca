"""Wrong way: an object travels through a zone against the direction that is drawn there. Pure.

The direction is a line, from its first point to its last; where it bends, the part that is nearest
counts. What counts is the way made along it, in sizes of the object's own box, so that neither a
wobbling box nor somebody who walks across is going the wrong way.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from edge.event import Kind
from edge.geometry import distance
from edge.options import Identifier
from edge.rules import Scene
from edge.rules._judge import Qualify, Ruling
from edge.rules._objects import Seen
from edge.rules._zone import ZoneJudge, ZoneOptions
from edge.tracks import Points

MOSTLY = 0.5
"""Share of its displacement that is against the direction: within 60 degrees of straight against
it, so that who crosses the lane does not count."""


class Options(ZoneOptions):
    """`wrong_way` in YAML."""

    reports: ClassVar[Kind] = "wrong_way"
    kind: Literal["wrong_way"] = "wrong_way"
    line: Annotated[
        Identifier,
        Field(
            description="Name of a line that shows the allowed direction, from its first point to "
            "its last.",
            examples=["lane"],
        ),
    ]
    lengths: Annotated[
        float,
        Field(
            ge=0.3,
            le=20.0,
            description="How far it travels against the direction before it counts, in sizes of "
            "its own box; as far back ends it.",
        ),
    ] = 1.0

    def judge(self, scene: Scene) -> WrongWay:
        """The kind at work."""
        return WrongWay(self, scene)


class WrongWay(ZoneJudge):
    """Says who travels against a direction in a zone.

    Args:
        options: What is watched.
        scene: Holds the zone and the line.
    """

    def __init__(self, options: Options, scene: Scene) -> None:
        # `made` is the way made along the line, in box sizes, since it came in; `turned` where
        # that was greatest, or least once it holds, and `spot` the place there.
        super().__init__(
            options,
            scene,
            [
                ("is_in", "?"), ("holds", "?"), ("made", "f8"), ("turned", "f8"),
                ("place", "f8", 2), ("spot", "f8", 2),
            ],
        )  # fmt: skip
        line = np.array(scene.lines[options.line], np.float64)
        self._start, self._end = line[:-1], line[1:]
        self._lengths = options.lengths

    def update(self, seen: Seen, qualify: Qualify) -> Ruling:  # noqa: ARG002 - each for itself
        """Who has travelled against the direction, and has not turned or left."""
        notes, is_inside = self.notes(seen), self.inside(seen)
        left = seen.slots[~is_inside]
        notes["is_in"][left] = notes["holds"][left] = False
        rows = is_inside.nonzero()[0]
        if len(rows):
            self._travel(notes, seen.slots[rows], seen.places(self._anchor)[rows], seen.boxes[rows])
        return Ruling(notes["holds"][seen.slots])

    def _travel(self, notes: np.ndarray, slots: np.ndarray, place: Points, boxes: Points) -> None:
        """Add up the way of those inside, and judge it."""
        size = np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-6)
        ahead = self._ahead(place, size)
        is_new = ~notes["is_in"][slots]
        step = np.where(is_new[:, None], 0.0, place - notes["place"][slots]) / size
        made = np.where(is_new, 0.0, notes["made"][slots] + (step * ahead).sum(axis=1))
        turned = np.where(is_new, 0.0, notes["turned"][slots])
        spot = np.where(is_new[:, None], place, notes["spot"][slots])
        holds = notes["holds"][slots] & ~is_new

        back = np.where(holds, made - turned, turned - made)
        away = (place - spot) / size
        against = -(away * ahead).sum(axis=1)
        # The sum drifts while a box wobbles for hours; the displacement does not.
        least = MOSTLY * np.maximum(np.hypot(*away.T), self._lengths)
        is_turn = (back >= self._lengths) & (holds | (against >= least))
        holds ^= is_turn
        is_turn |= back < 0  # further on in the direction it is taken to go
        notes["turned"][slots] = np.where(is_turn, made, turned)
        notes["spot"][slots] = np.where(is_turn[:, None], place, spot)
        notes["is_in"][slots] = True
        notes["place"][slots], notes["made"][slots], notes["holds"][slots] = place, made, holds

    def _ahead(self, place: Points, size: Points) -> Points:
        """(N, 2) the allowed direction at each place, of length 1 in box sizes."""
        unit = size[:, None]
        apart = distance(self._start / unit, self._end / unit, place[:, None] / unit)
        nearest = apart.argmin(axis=1)
        ahead = (self._end - self._start)[nearest] / size
        unit_ahead: Points = ahead / np.hypot(*ahead.T)[:, None]
        return unit_ahead
