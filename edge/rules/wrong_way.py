"""Wrong way: an object travels through a zone against the direction that is drawn there. Pure.

The direction is a line, from its first point to its last; where it bends, the part that is nearest
counts. What counts is the way made along it, in sizes of the object's own box, so that neither a
wobbling box nor somebody who walks across is going the wrong way.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from edge.detections import Mask
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
        # `way`: the way made along the line, in box sizes, since it came in; the same where that
        # was greatest, or least once it holds; the place now, and the place then.
        super().__init__(options, scene, [("is_in", "?"), ("holds", "?"), ("way", "f8", 6)])
        line = np.array(scene.lines[options.line], np.float64)
        self._start, self._end = line[:-1], line[1:]
        self._lengths = options.lengths

    def update(self, seen: Seen, qualify: Qualify) -> Ruling:  # noqa: ARG002 - each for itself
        """Who has travelled against the direction, and has not turned or left."""
        notes, slots, is_inside = self.notes(seen), seen.slots, self.inside(seen)
        place = seen.places(self._anchor)
        way, holds = notes["way"][slots], notes["holds"][slots]
        came = (is_inside & ~notes["is_in"][slots]).nonzero()[0]
        if len(came):
            way[came], holds[came] = 0.0, False
            way[came, 2:4] = way[came, 4:] = place[came]
        # Of those outside too, which costs less than to leave them out: they begin anew inside.
        self._travel(way, holds, place, np.maximum(seen.sizes(), 1e-6))
        holds &= is_inside
        notes["way"][slots], notes["holds"][slots], notes["is_in"][slots] = way, holds, is_inside
        return Ruling(holds)

    def _travel(self, way: Points, holds: Mask, place: Points, size: Points) -> None:
        """Add up the way of all, and judge it.

        Args:
            way: (N, 6) as in the notes; brought up to this frame.
            holds: (N,) who is going the wrong way; likewise.
            place: (N, 2) where they are now, in fractions of the picture.
            size: (N, 2) of their boxes, above 0.
        """
        made, turned, spot = way[:, 0], way[:, 1], way[:, 4:]
        ahead = self._ahead(place, size)
        step = (place - way[:, 2:4]) / size * ahead
        way[:, 2:4] = place
        made += step[:, 0] + step[:, 1]
        back = turned - made
        np.negative(back, out=back, where=holds)
        is_turn = back >= self._lengths
        far = (is_turn & ~holds).nonzero()[0]
        if len(far):
            away = (place[far] - spot[far]) / size[far]
            against = -(away * ahead[far]).sum(axis=1)
            # The sum drifts while a box wobbles for hours; the displacement does not.
            is_turn[far] = against >= MOSTLY * np.maximum(np.hypot(*away.T), self._lengths)
        holds ^= is_turn
        is_turn |= back < 0  # further on in the direction it is taken to go
        np.copyto(turned, made, where=is_turn)
        np.copyto(spot, place, where=is_turn[:, None])

    def _ahead(self, place: Points, size: Points) -> Points:
        """(N, 2) the allowed direction at each place, of length 1 in box sizes."""
        along = self._end - self._start
        if len(along) > 1:
            unit = size[:, None]
            apart = distance(self._start / unit, self._end / unit, place[:, None] / unit)
            along = along[apart.argmin(axis=1)]
        ahead = along / size
        unit_ahead: Points = ahead / np.hypot(ahead[:, 0], ahead[:, 1])[:, None]
        return unit_ahead
