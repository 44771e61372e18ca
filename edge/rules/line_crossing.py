"""Line crossing: an object's path crosses a directed line.

Pure. What counts is the path, not the side: each step from one place to the next is cut with the
finite line, crossings to the right count up and to the left count down, and the sum is judged
once the object has come clear of the line. So a wobble on the line, a detour around its end or a
frame missed on the line neither hides a crossing nor makes two.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from edge.event import Direction, Event, RuleState, sightings
from edge.frame import Stamp
from edge.geometry import crossing, distance, turn
from edge.options import Identifier, Point
from edge.rules import RuleOptions, Scene
from edge.rules._handover import Followed, Handover
from edge.tracks import Anchor, Points, Tracks

# An object is clear of the line at this distance, in sizes of its own box (each axis by its own).
# The bottom edge of a person's box as YOLOX-X sees it on three MOT17 sequences errs by 0.014 to
# 0.036 of the box's height (standard deviation), so this is about three times the wobble.
CLEAR = 0.1


class Options(RuleOptions):
    """`line_crossing` in YAML."""

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
    anchor: Annotated[
        Anchor,
        Field(description="Point of the box that counts as the object's place."),
    ] = "bottom_center"

    def build(self, scene: Scene, camera: str) -> LineCrossing:
        """The rule for one camera."""
        return LineCrossing(self, scene.lines[self.line], camera)


@dataclass(slots=True, eq=False)
class _Walker(Followed):
    """An object near or far from the line.

    Attributes:
        place: Its anchor when last seen, in fractions; None before.
        sides: For each segment of the line, whether that place was right of it.
        net: Crossings to the right less those to the left, since it was last clear of the line.
        is_clear: It was clear of the line at least once.
    """

    place: tuple[float, float] | None = None
    sides: list[bool] = field(default_factory=list)
    net: int = 0
    is_clear: bool = False


class LineCrossing:
    """Reports `line_crossed` pulses; see the module's text.

    An object first seen close to the line is judged by where it was first seen. One that ends
    (leaves through a door, say) after crossing but before it was clear of the line counts as
    having crossed, at the time it was last seen, if it had been clear of the line before.

    Args:
        options: What is watched.
        line: At least two points in fractions of the picture, first to last.
        camera: The camera's id.
    """

    def __init__(self, options: Options, line: tuple[Point, ...], camera: str) -> None:
        self._options = options
        self._camera = camera
        self._start, self._end = np.array(line[:-1], np.float64), np.array(line[1:], np.float64)
        self._walkers = Handover(_Walker)
        self._count = 0

    @property
    def name(self) -> str:
        """The name a technician gave it."""
        return self._options.name

    @property
    def state(self) -> RuleState:
        """Crossings reported so far; never active, since a crossing is a moment."""
        return RuleState(is_active=False, count=self._count)

    def update(self, tracks: Tracks) -> list[Event]:
        """Judge one frame.

        Args:
            tracks: The frame; N may be 0.

        Returns:
            One pulse an object that crossed, in the order the objects were first seen.
        """
        walkers, gone = self._walkers.update(tracks)
        places = tracks.anchors(self._options.anchor)
        is_right = turn(self._start, self._end, places[:, None]) >= 0
        undecided: list[_Walker] = []
        for walker, (x, y), sides in zip(walkers, places.tolist(), is_right.tolist(), strict=True):
            place = (x, y)
            if walker.place is not None and sides != walker.sides:
                walker.net += self._crossings(walker.place, place)
            walker.place, walker.sides = place, sides
            if walker.net or not walker.is_clear:
                undecided.append(walker)
        crossed = self._decided(undecided, tracks, places) if undecided else []
        crossed += [walker for walker in gone if walker.net and walker.is_clear]
        crossed.sort(key=lambda walker: walker.number)
        return [event for walker in crossed for event in self._report(walker)]

    def close(self, stamp: Stamp, reason: str) -> list[Event]:  # noqa: ARG002 - nothing is open
        """Forget all tracks; a pulse needs no end."""
        self._walkers.clear()
        return []

    def _crossings(self, before: tuple[float, float], after: tuple[float, float]) -> int:
        """Net crossings of one step with every segment, to the right positive."""
        return sum(
            crossing(start, end, before, after)
            for start, end in zip(self._start, self._end, strict=True)
        )

    def _decided(self, undecided: list[_Walker], tracks: Tracks, places: Points) -> list[_Walker]:
        """Those of some objects that are clear of the line and came to its other side."""
        rows = [walker.row for walker in undecided]
        boxes = tracks.xyxy[rows].astype(np.float64)
        size = np.maximum(boxes[:, 2:] - boxes[:, :2], 1.0) / tracks.size_wh
        size, place = size[:, None], places[rows][:, None]
        apart = distance(self._start / size, self._end / size, place / size).min(axis=1)
        crossed = []
        for walker, is_clear in zip(undecided, (apart > CLEAR).tolist(), strict=True):
            if is_clear:
                walker.is_clear = True
                if walker.net:
                    crossed.append(walker)
        return crossed

    def _report(self, walker: _Walker) -> list[Event]:
        """The pulse of one object that crossed, unless the options leave it out."""
        direction: Direction = "right" if walker.net > 0 else "left"
        walker.net = 0
        tracks, options = walker.seen, self._options
        if options.direction not in ("any", direction):
            return []
        if not options.applies_to(tracks.label(walker.row)):
            return []
        self._count += 1
        return [
            Event(
                self._camera,
                "line_crossed",
                "pulse",
                tracks.stamp.captured_at,
                tracks.stamp.clock_ms,
                priority=options.priority,
                rule=options.name,
                where=options.line,
                direction=direction,
                objects=sightings(tracks, [walker.row]),
                model=str(tracks.model),
            )
        ]
