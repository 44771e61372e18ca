"""The truth about a clip: every object's class and boxes, and what follows from them.

Fractions are of the picture's width and height: x right, y down, origin at the top-left corner.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Literal, cast

Point = tuple[float, float]
Box = tuple[float, float, float, float]
ClassName = Literal["person", "car"]
Direction = Literal["left", "right"]


@dataclass(frozen=True, slots=True)
class Track:
    """One passage of one object.

    Attributes:
        name: Class.
        first: Frame in which it appears.
        boxes: Box in each frame from `first` on, (left, top, right, bottom) in fractions, cut to
            the picture; the object's own pixels whether hidden by others or not, without shadow.
    """

    name: ClassName
    first: int
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Crossing:
    """An object's bottom-centre crossing a line.

    Attributes:
        seconds: Time into the clip.
        name: Class.
        direction: Side it crosses to, for somebody walking the line from first to last point.
    """

    seconds: float
    name: ClassName
    direction: Direction


@dataclass(frozen=True, slots=True)
class Truth:
    """Everything that moves in a clip.

    Attributes:
        width: Picture width, pixels.
        height: Picture height, pixels.
        fps: Frames per second.
        count: Frames in the clip.
        tracks: Every passage, in order of appearance.
    """

    width: int
    height: int
    fps: int
    count: int
    tracks: tuple[Track, ...]

    def boxes(self, frame: int) -> list[tuple[ClassName, Box]]:
        """Classes and boxes of all objects in a frame."""
        return [
            (track.name, track.boxes[frame - track.first])
            for track in self.tracks
            if 0 <= frame - track.first < len(track.boxes)
        ]

    def crossings(self, line: tuple[Point, ...]) -> list[Crossing]:
        """Crossings of a polyline by the objects' bottom-centres, by time.

        Args:
            line: Two or more points in fractions.

        Returns:
            One entry per crossing. Walking the line from first to last point, an object crosses
            to the walker's left or right: on a line walked towards the picture's right, an object
            that moves down crosses to the right.
        """
        found = []
        for track in self.tracks:
            feet = [((left + right) / 2, bottom) for left, _, right, bottom in track.boxes]
            for step, (was, now) in enumerate(pairwise(feet)):
                for first, last in pairwise(line):
                    share = _meets(was, now, first, last)
                    if share is None:
                        continue
                    seconds = (track.first + step + share) / self.fps
                    side: Direction = "right" if _side(first, last, now) > 0 else "left"
                    found.append(Crossing(seconds, track.name, side))
        return sorted(found, key=lambda crossing: crossing.seconds)

    def to_json(self) -> str:
        """The truth as JSON; boxes to 1e-5 of the picture, a hundredth of a pixel."""
        plain = asdict(self)
        for track in plain["tracks"]:
            track["boxes"] = [[round(edge, 5) for edge in box] for box in track["boxes"]]
        return json.dumps(plain)

    @staticmethod
    def from_json(text: str) -> Truth:
        """Reads what `to_json` wrote.

        Raises:
            ValueError: The text is not a truth.
        """
        try:
            plain = json.loads(text)
            tracks = tuple(
                Track(
                    track["name"],
                    track["first"],
                    tuple(cast("Box", tuple(map(float, box))) for box in track["boxes"]),
                )
                for track in plain.pop("tracks")
            )
            return Truth(**plain, tracks=tracks)
        except (KeyError, TypeError, AttributeError) as error:
            message = f"not a street's truth: {error!r}"
            raise ValueError(message) from error


def _side(first: Point, last: Point, point: Point) -> float:
    """Positive on the right of the way from first to last, y down."""
    return (last[0] - first[0]) * (point[1] - first[1]) - (last[1] - first[1]) * (
        point[0] - first[0]
    )


def _meets(was: Point, now: Point, first: Point, last: Point) -> float | None:
    """Share of the step from `was` to `now` at which it crosses the segment, if it does."""
    before, after = _side(first, last, was), _side(first, last, now)
    if (before > 0) == (after > 0):
        return None
    if (_side(was, now, first) > 0) == (_side(was, now, last) > 0):
        return None
    return before / (before - after)
