"""Line crossing: an object's path crosses a directed line.

Pure. What counts is the path, not the side: each step from one place to the next is cut with the
finite line, crossings to the right count up and to the left count down, and the sum is judged
once the object has come clear of the line. So a wobble on the line, a detour around its end or a
frame missed on the line neither hides a crossing nor makes two.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from edge.event import Kind
from edge.geometry import crossing, distance, turn
from edge.options import Identifier, Point
from edge.rules import RuleOptions, Scene
from edge.rules._judge import Judge, Pulse, Qualify, Rows, Ruling
from edge.rules._objects import Seen
from edge.tracks import Points

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
        # line; `sides` says for each segment of the line whether its place was right of it.
        super().__init__(
            [
                ("is_known", "?"), ("was_clear", "?"), ("net", "i8"),
                ("place", "f8", 2), ("sides", "?", len(line) - 1),
            ]
        )  # fmt: skip
        self._options = options
        self._start, self._end = np.array(line[:-1], np.float64), np.array(line[1:], np.float64)

    def update(self, seen: Seen, qualify: Qualify) -> Ruling:  # noqa: ARG002 - each for itself
        """Who has crossed and come clear of the line, or ended."""
        notes, slots = self.notes(seen), seen.slots
        pulses = [self._pulse(notes, slot) for slot in seen.gone if notes["was_clear"][slot]]
        places = seen.places(self._options.anchor)
        sides = turn(self._start, self._end, places[:, None]) >= 0
        is_other = np.bitwise_or.reduce(sides != notes["sides"][slots], axis=1)
        if np.count_nonzero(is_other):
            for row in is_other.nonzero()[0].tolist():
                one = notes[slots[row]]
                if one["is_known"]:
                    one["net"] += self._crossings(one["place"], places[row])
            notes["sides"][slots] = sides
        notes["is_known"][slots] = True
        notes["place"][slots] = places
        rows = ((notes["net"][slots] != 0) | ~notes["was_clear"][slots]).nonzero()[0]
        if len(rows):
            clear = slots[rows[self._is_clear(seen, rows, places)]]
            notes["was_clear"][clear] = True
            pulses += [self._pulse(notes, slot) for slot in clear.tolist()]
        return Ruling(pulses=[pulse for pulse in pulses if pulse is not None])

    def _crossings(self, before: Points, after: Points) -> int:
        """Net crossings of one step with every segment, to the right positive."""
        return sum(
            crossing(start, end, before, after)
            for start, end in zip(self._start, self._end, strict=True)
        )

    def _is_clear(self, seen: Seen, rows: Rows, places: Points) -> NDArray[np.bool_]:
        """Which of some rows are clear of the line."""
        boxes = seen.boxes[rows]
        size = np.maximum(boxes[:, 2:] - boxes[:, :2], 1.0 / np.array(seen.tracks.size_wh))
        size, place = size[:, None], places[rows][:, None]
        apart = distance(self._start / size, self._end / size, place / size).min(axis=1)
        is_clear: NDArray[np.bool_] = apart > CLEAR
        return is_clear

    def _pulse(self, notes: NDArray[np.void], slot: int) -> Pulse | None:
        """What an object that is judged now has done; None where not what is asked for."""
        net, notes["net"][slot] = int(notes["net"][slot]), 0
        side: Literal["left", "right"] = "right" if net > 0 else "left"
        if net == 0 or self._options.direction not in ("any", side):
            return None
        return Pulse(slot, side)
