"""Draw what the appliance saw and decided onto a picture, for replays and documents. Pure.

Never used for evidence: evidence keeps the camera's own picture, with marks beside it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.event import Event
from edge.frame import Frame
from edge.jpeg import as_jfif
from edge.options import Point
from edge.pipeline import Step
from edge.rules import Scene

Image = NDArray[np.uint8]

# BGR; the Okabe-Ito palette, which people with colour blindness can tell apart.
ORANGE, SKY, YELLOW, VERMILION, WHITE = (
    (0, 159, 230),
    (233, 180, 86),
    (66, 228, 240),
    (0, 94, 213),
    (255, 255, 255),
)
CAPTION_S = 3.0
FLASH_S = 1.0
"""How long a line or zone, and who fired it, stand out."""
TAIL = 40

_REPEATED = cv2.INTER_NEAREST


class Annotator:
    """Draws one camera's steps in order.

    Args:
        scene: Zones and lines to show.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._captions: deque[tuple[float, str]] = deque(maxlen=6)
        self._tails: dict[int, deque[tuple[int, int]]] = {}
        self._fired: dict[str, float] = {}  # when, by name of line or zone
        self._fired_by: dict[int, float] = {}  # when, by track
        self._n_open: dict[str, int] = {}  # incidents by name of zone

    def draw(self, step: Step) -> Image:
        """A BGR picture of one step with shapes, boxes, ids, tails and recent events.

        A line or zone that has just fired is drawn in another colour, and so is who fired it; a
        zone is tinted while an incident in it is open.
        """
        image = bgr(step.frame)
        width, height = step.frame.size_wh
        unit = max(1, round(height / 360))
        pts = step.frame.stamp.pts
        self._note(step.events, pts)
        for name, zone in self._scene.zones.items():
            colour = YELLOW if self._is_fresh(self._fired.get(name), pts) else ORANGE
            if self._n_open.get(name):
                _tint(image, _pixels(image, zone), colour)
            _polygon(image, name, zone, unit, colour)
        for name, line in self._scene.lines.items():
            colour = YELLOW if self._is_fresh(self._fired.get(name), pts) else VERMILION
            _line(image, name, line, unit, colour)
        if step.tracks is not None:
            for row in range(len(step.tracks)):
                track = int(step.tracks.track_id[row])
                left, top, right, bottom = (round(float(v)) for v in step.tracks.xyxy[row])
                is_fresh = self._is_fresh(self._fired_by.get(track), pts)
                colour, thickness = (YELLOW, 2 * unit) if is_fresh else (SKY, unit)
                cv2.rectangle(image, (left, top), (right, bottom), colour, thickness)
                text = f"{step.tracks.label(row)} {track} {step.tracks.confidence[row]:.2f}"
                write(image, text, (left, top - 4 * unit), unit, colour)
                tail = self._tails.setdefault(track, deque(maxlen=TAIL))
                tail.append(((left + right) // 2, bottom))
                cv2.polylines(image, [np.asarray(tail, np.int32)], False, colour, unit)
            for track in step.tracks.removed.tolist():
                self._tails.pop(track, None)
                self._fired_by.pop(track, None)
        recent = [text for at, text in self._captions if pts - at <= CAPTION_S]
        for index, text in enumerate(recent):
            write(image, text, (6 * unit, (16 + 14 * index) * unit), unit, YELLOW)
        clock = f"{step.frame.stamp.camera}  {pts:8.2f} s  frame {step.frame.stamp.index}"
        write(image, clock, (6 * unit, height - 6 * unit), unit, WHITE)
        if step.detections is None:
            write(image, "gate closed", (width - 90 * unit, height - 6 * unit), unit, ORANGE)
        return image

    def _note(self, events: Sequence[Event], pts: float) -> None:
        """Remember what fired, where and by whom."""
        for event in events:
            self._captions.append((pts, caption(event)))
            self._n_open[event.where] = self._n_open.get(event.where, 0) + (
                {"begin": 1, "end": -1}.get(event.phase, 0)
            )
            if event.phase != "end":
                self._fired[event.where] = pts
                self._fired_by.update((one.track, pts) for one in event.objects)

    @staticmethod
    def _is_fresh(at: float | None, pts: float) -> bool:
        return at is not None and pts - at <= FLASH_S


def caption(event: Event) -> str:
    """One event in one line, for people."""
    who = ", ".join(f"{o.label} {o.track}" for o in event.objects)
    parts = [event.kind, event.phase, event.where, event.direction or "", who]
    said = " ".join(part for part in parts if part)
    return f"{said}: {event.reason}" if event.reason else said


def bgr(frame: Frame) -> Image:
    """The whole frame as (H, W, 3) uint8 BGR; odd sizes lose their last row or column."""
    ready = as_jfif(frame)  # whatever the camera's matrix and range are
    height, width = (side - side % 2 for side in ready.y.shape)
    red, blue = (
        cv2.resize(plane[: height // 2, : width // 2], (width, height), interpolation=_REPEATED)
        for plane in (ready.v, ready.u)
    )
    planes = cv2.merge((ready.y[:height, :width], red, blue))
    return np.asarray(cv2.cvtColor(planes, cv2.COLOR_YCrCb2BGR), np.uint8)


def outline(
    image: Image,
    zones: Mapping[str, Sequence[Point]],
    lines: Mapping[str, Sequence[Point]],
    masks: Mapping[str, Sequence[Point]],
) -> None:
    """Draw what a camera watches, and what it must not see, with their names.

    Args:
        image: (H, W, 3) uint8 BGR, changed; masks are black in it already.
        zones: Polygons by name, in fractions of the picture.
        lines: Directed lines by name, likewise.
        masks: Polygons by name, likewise.
    """
    unit = max(1, round(image.shape[0] / 360))
    for name, mask in masks.items():
        _polygon(image, f"mask {name}", mask, unit, WHITE)
    for name, zone in zones.items():
        _polygon(image, name, zone, unit, ORANGE)
    for name, line in lines.items():
        _line(image, name, line, unit, VERMILION)


def _polygon(
    image: Image, name: str, zone: Sequence[Point], unit: int, colour: tuple[int, int, int]
) -> None:
    corners = _pixels(image, zone)
    cv2.polylines(image, [corners], True, colour, unit)
    write(image, name, (int(corners[0][0]) + 3, int(corners[0][1]) + 12 * unit), unit, colour)


def _line(
    image: Image, name: str, line: Sequence[Point], unit: int, colour: tuple[int, int, int]
) -> None:
    """A line with its way, and at its middle a short arrow to its right."""
    corners = _pixels(image, line)
    for start, end in pairwise(corners.tolist()):
        cv2.arrowedLine(image, start, end, colour, 2 * unit, tipLength=0.04)
    start, end = corners[(len(corners) - 2) // 2 : (len(corners) + 2) // 2].astype(float)
    ahead = (end - start) / max(float(np.hypot(*(end - start))), 1.0)
    middle = (start + end) / 2
    tip = middle + 18 * unit * np.array([-ahead[1], ahead[0]])  # y runs down
    cv2.arrowedLine(
        image, np.rint(middle).astype(int).tolist(), np.rint(tip).astype(int).tolist(),
        colour, unit, tipLength=0.3,
    )  # fmt: skip
    write(image, "right", (int(tip[0]) + 3 * unit, int(tip[1]) + 4 * unit), unit, colour)
    write(image, name, (int(corners[0][0]), int(corners[0][1]) - 4 * unit), unit, colour)


def _pixels(image: Image, points: Sequence[Point]) -> NDArray[np.int32]:
    height, width = image.shape[:2]
    corners: NDArray[np.int32] = np.rint(np.asarray(points) * (width, height)).astype(np.int32)
    return corners


def _tint(image: Image, corners: NDArray[np.int32], colour: tuple[int, int, int]) -> None:
    """Mix a quarter of a colour into a polygon."""
    left, top, width, height = cv2.boundingRect(corners)
    part = image[max(top, 0) : top + height, max(left, 0) : left + width]
    tinted = part.copy()
    cv2.fillPoly(tinted, [corners - (max(left, 0), max(top, 0))], colour)
    cv2.addWeighted(tinted, 0.25, part, 0.75, 0, dst=part)


def write(
    image: Image, text: str, at: tuple[int, int], unit: int, colour: tuple[int, int, int]
) -> None:
    """Write a line that can be read on any ground.

    Args:
        image: (H, W, 3) uint8 BGR, changed.
        text: ASCII.
        at: Left end of the base line, in pixels; moved into the picture.
        unit: Size; 1 for a picture 360 pixels high.
        colour: BGR.
    """
    x, y = max(at[0], 2), max(at[1], 10 * unit)
    # The edge is the same text moved: a thicker one has wider letters in newer OpenCV.
    edge = [(dx, dy, (0, 0, 0)) for dx in (-unit, 0, unit) for dy in (-unit, 0, unit)]
    for dx, dy, ink in [*edge, (0, 0, colour)]:
        place = (x + dx, y + dy)
        cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.38 * unit, ink, unit)
