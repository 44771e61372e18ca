"""Draw what the appliance saw and decided onto a picture, for replays and documents. Pure.

Never used for evidence: evidence keeps the camera's own picture, with marks beside it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.event import Event
from edge.frame import Frame
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
TAIL = 40


class Annotator:
    """Draws one camera's steps in order.

    Args:
        scene: Zones and lines to show.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._captions: deque[tuple[float, str]] = deque(maxlen=6)
        self._tails: dict[int, deque[tuple[int, int]]] = {}

    def draw(self, step: Step) -> Image:
        """A BGR picture of one step with shapes, boxes, ids, tails and recent events."""
        image = bgr(step.frame)
        width, height = step.frame.size_wh
        unit = max(1, round(height / 360))
        for name, zone in self._scene.zones.items():
            self._polygon(image, name, zone, unit)
        for name, line in self._scene.lines.items():
            self._line(image, name, line, unit)
        if step.tracks is not None:
            for row in range(len(step.tracks)):
                track = int(step.tracks.track_id[row])
                left, top, right, bottom = (round(float(v)) for v in step.tracks.xyxy[row])
                cv2.rectangle(image, (left, top), (right, bottom), SKY, unit)
                text = f"{step.tracks.label(row)} {track} {step.tracks.confidence[row]:.2f}"
                _write(image, text, (left, top - 4 * unit), unit, SKY)
                tail = self._tails.setdefault(track, deque(maxlen=TAIL))
                tail.append(((left + right) // 2, bottom))
                cv2.polylines(image, [np.asarray(tail, np.int32)], False, SKY, unit)
            for track in step.tracks.removed:
                self._tails.pop(int(track), None)
        pts = step.frame.stamp.pts
        self._captions.extend((pts, caption(event)) for event in step.events)
        recent = [text for at, text in self._captions if pts - at <= CAPTION_S]
        for index, text in enumerate(recent):
            _write(image, text, (6 * unit, (16 + 14 * index) * unit), unit, YELLOW)
        clock = f"{step.frame.stamp.camera}  {pts:8.2f} s  frame {step.frame.stamp.index}"
        _write(image, clock, (6 * unit, height - 6 * unit), unit, WHITE)
        if step.detections is None:
            _write(image, "gate closed", (width - 90 * unit, height - 6 * unit), unit, ORANGE)
        return image

    @staticmethod
    def _polygon(image: Image, name: str, zone: Sequence[Point], unit: int) -> None:
        corners = _pixels(image, zone)
        cv2.polylines(image, [corners], True, ORANGE, unit)
        _write(image, name, (int(corners[0][0]) + 3, int(corners[0][1]) + 12 * unit), unit, ORANGE)

    @staticmethod
    def _line(image: Image, name: str, line: Sequence[Point], unit: int) -> None:
        corners = _pixels(image, line)
        for start, end in pairwise(corners):
            cv2.arrowedLine(
                image,
                (int(start[0]), int(start[1])),
                (int(end[0]), int(end[1])),
                VERMILION,
                2 * unit,
                tipLength=0.04,
            )
        _write(image, name, (int(corners[0][0]), int(corners[0][1]) - 4 * unit), unit, VERMILION)


def caption(event: Event) -> str:
    """One event in one line, for people."""
    who = ", ".join(f"{o.label} {o.track}" for o in event.objects)
    parts = [event.kind, event.phase, event.where, event.direction or "", who, event.reason]
    return " ".join(part for part in parts if part)


def bgr(frame: Frame) -> Image:
    """The whole frame as (H, W, 3) uint8 BGR; odd sizes lose their last row or column."""
    height, width = (side - side % 2 for side in frame.y.shape)
    planes = np.empty((height * 3 // 2, width), np.uint8)
    planes[:height] = frame.y[:height, :width]
    half = height // 2 * (width // 2)
    chroma = planes[height:].reshape(-1)
    chroma[:half] = frame.u[: height // 2, : width // 2].reshape(-1)
    chroma[half:] = frame.v[: height // 2, : width // 2].reshape(-1)
    return np.asarray(cv2.cvtColor(planes, cv2.COLOR_YUV2BGR_I420), np.uint8)


def _pixels(image: Image, points: Sequence[Point]) -> NDArray[np.int32]:
    height, width = image.shape[:2]
    corners: NDArray[np.int32] = np.rint(np.asarray(points) * (width, height)).astype(np.int32)
    return corners


def _write(
    image: Image, text: str, at: tuple[int, int], unit: int, colour: tuple[int, int, int]
) -> None:
    at = (max(at[0], 2), max(at[1], 10 * unit))
    for ink, thickness in (((0, 0, 0), 3 * unit), (colour, unit)):
        cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.38 * unit, ink, thickness)
