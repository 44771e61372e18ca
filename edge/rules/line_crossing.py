"""Line crossing: an object's path crosses a directed line.

Pure. What counts is the path, not the side: each step from one place to the next is cut with the
finite line, crossings to the right count up and to the left count down, and the sum is judged
once the object has come clear of the line. So a wobble on the line, a detour around its end or a
frame missed on the line neither hides a crossing nor makes two.
"""

from __future__ import annotations

from itertools import pairwise
from math import hypot
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from edge.event import Kind
from edge.geometry import Place, crossing
from edge.options import Identifier, Point
from edge.rules import RuleOptions, Scene
from edge.rules._judge import Judge, Pulse, Qualify, Ruling
from edge.rules._objects import Seen

# An object is clear of the line at this distance, in sizes of its own box (each axis by its own).
# The bottom edge of a person's box as YOLOX-X sees it on three MOT17 sequences errs by 0.014 to
# 0.036 of the box's height (standard deviation), so this is about three times the wobble.
CLEAR = 0.1


class Options(RuleOptions):
    """`line_crossing` in YAML."""

    reports: ClassVar[Kind] = "line_crossed"
    kind: Literal["line_crossing"] = "line_crossing"
    line: Annotated[
        Identifier,
        Field(description="Name of the line that is watched.", examples=["gate"]),
    ]
    direction: Annotated[
        Literal["left", "right", "any"],
        Field(
            description="Side an object crosses to, for someone who walks along the line from "
            "its first point to its last; `any` reports both.",
            examples=["right"],
        ),
    ] = "any"

    @property
    def where(self) -> str:
        """The line."""
        return self.line

    def judge(self, scene: Scene) -> LineCrossing:
        """The kind at work."""
        return LineCrossing(self, scene.lines[self.line])


class LineCrossing(Judge):
    """Says who crossed a line; see the module's text.

    An object first seen close to the line is judged by where it was first seen. One that ends
    (leaves through a door, say) after crossing but before it was clear of the line counts as
    having crossed, at the time it was last seen, if it had been clear of the line before.

    Args:
        options: What is watched.
        line: At least two points in fractions of the picture, first to last.
    """

    def __init__(self, options: Options, line: tuple[Point, ...]) -> None:
        # `net` are crossings to the right less those to the left, since it was last clear of the
        # line; `is_done` where that is none and it is clear; `sides` says for each segment of the
        # line whether its place was right of it.
        super().__init__(
            [
                ("is_known", "?"), ("was_clear", "?"), ("is_done", "?"), ("net", "i8"),
                ("place", "f8", 2), ("sides", "?", len(line) - 1),
            ]
        )  # fmt: skip
        self._options = options
        start, end = np.array(line[:-1], np.float64), np.array(line[1:], np.float64)
        # (S, 1): numpy's inner loop then runs over the objects, of which there are more.
        self._ax, self._ay = start.T[:, :, None]
        self._dx, self._dy = (end - start).T[:, :, None]
        self._segments = list(pairwise(line))

    def update(self, seen: Seen, qualify: Qualify) -> Ruling:  # noqa: ARG002 - each for itself
        """Who has crossed and come clear of the line, or ended."""
        notes, slots = self.notes(seen), seen.slots
        pulses = [self._pulse(notes, slot) for slot in seen.gone if notes["was_clear"][slot]]
        places = seen.places(self._options.anchor)
        x, y = places.T
        sides = self._dx * (y - self._ay) - self._dy * (x - self._ax) >= 0  # as `turn`
        is_other = np.bitwise_or.reduce(sides != notes["sides"][slots].T, axis=0)
        if np.count_nonzero(is_other):
            for row in is_other.nonzero()[0].tolist():
                one = notes[slots[row]]
                if one["is_known"]:
                    before, after = one["place"].tolist(), places[row].tolist()
                    one["net"] += sum(crossing(*ends, before, after) for ends in self._segments)
                    one["is_done"] &= one["net"] == 0
            notes["sides"][slots] = sides.T
        notes["is_known"][slots] = True
        notes["place"][slots] = places
        rows = (~notes["is_done"][slots]).nonzero()[0]
        if len(rows):
            width, height = seen.tracks.size_wh
            smallest = (1.0 / width, 1.0 / height)
            boxes, at = seen.boxes[rows].tolist(), places[rows].tolist()
            for i, slot in enumerate(slots[rows].tolist()):
                if self._is_clear(boxes[i], at[i], smallest):
                    notes["was_clear"][slot] = notes["is_done"][slot] = True
                    pulses.append(self._pulse(notes, slot))
        return Ruling(pulses=[pulse for pulse in pulses if pulse is not None])

    def _is_clear(self, box: list[float], place: Place, smallest: tuple[float, float]) -> bool:
        """Whether an object is clear of the line.

        Few objects are near the line and undecided: one by one, they cost less than as arrays.

        Args:
            box: Its box, xyxy in fractions.
            place: Where it is.
            smallest: Width and height of a pixel, the least that a box is taken to have.
        """
        wide = max(box[2] - box[0], smallest[0])
        high = max(box[3] - box[1], smallest[1])
        for (ax, ay), (bx, by) in self._segments:
            # In sizes of its box, from the segment's first point.
            x, y = (place[0] - ax) / wide, (place[1] - ay) / high
            dx, dy = (bx - ax) / wide, (by - ay) / high
            share = min(max((x * dx + y * dy) / (dx * dx + dy * dy), 0.0), 1.0)
            if hypot(x - share * dx, y - share * dy) <= CLEAR:
                return False
        return True

    def _pulse(self, notes: NDArray[np.void], slot: int) -> Pulse | None:
        """What an object that is judged now has done; None where not what is asked for."""
        net, notes["net"][slot] = int(notes["net"][slot]), 0
        side: Literal["left", "right"] = "right" if net > 0 else "left"
        if net == 0 or self._options.direction not in ("any", side):
            return None
        return Pulse(slot, side)
