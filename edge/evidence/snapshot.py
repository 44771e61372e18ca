"""Snapshot: the deciding picture, once for people and once clean. Pure.

Both are made of the planes: redaction and marks go into one copy of them, and no RGB picture is
ever made.
"""

from __future__ import annotations

import cv2
import numpy as np

from edge.detections import Boxes
from edge.frame import Frame, Plane
from edge.jpeg import as_jfif, coded
from edge.message import EventMessage
from edge.redaction import Redaction, hide

QUALITY = 85
"""160 kB at 1080p; 90 is 203 kB for nothing that can be seen."""

# Luma and both colour differences, as JPEG has them; the sky of edge/annotate.py.
SKY, BLACK, WHITE = (158, 170, 77), (0, 128, 128), 255

_FONT = cv2.FONT_HERSHEY_SIMPLEX


def pictures(
    frame: Frame, people: Boxes, how: Redaction, event: EventMessage
) -> tuple[bytes, bytes]:
    """The picture with who it is about in a box and people pixelated, and the clean one: JPEGs.

    The clean one is as it was judged, nothing drawn and nobody hidden.

    Args:
        frame: Masks applied.
        people: (N, 4) float32 xyxy in pixels of all who are hidden.
        how: What of them.
        event: What was decided.

    Raises:
        EvidenceUnmade: They cannot be coded.
    """
    ready = as_jfif(frame)
    clean = coded(ready, QUALITY)  # at once, while what it is made of is near at hand
    planes = [np.array(plane) for plane in (ready.y, ready.u, ready.v)]
    hide(planes, people, how)
    _mark(planes, event)
    luma, u, v = planes
    return coded(Frame(frame.stamp, luma, u, v, ready.colour), QUALITY), clean


def _mark(planes: list[Plane], event: EventMessage) -> None:
    """Draw boxes and words."""
    height, width = planes[0].shape
    unit = max(1, round(height / 360))
    for seen in event.objects or ():
        x, y, w, h = np.asarray(seen.box) * (width, height, width, height)
        _box(planes, (x, y, x + w, y + h), unit)
        _words(planes, f"{seen.label} {seen.confidence:.2f}", (x, y - 4 * unit), unit)
    at = f"{event.at:%Y-%m-%d %H:%M:%S} UTC +/- {event.clock_ms} ms"
    words = (event.camera, event.rule or "", event.kind, event.where or "", at)
    caption = " ".join(filter(None, words))
    _words(planes, caption, (6 * unit, height - 6 * unit), unit)


def _box(planes: list[Plane], edges: tuple[float, float, float, float], unit: int) -> None:
    for index, plane in enumerate(planes):
        left, top, right, bottom = (round(edge / (2 if index else 1)) for edge in edges)
        thickness = max(1, round(unit / (2 if index else 1)))
        cv2.rectangle(plane, (left, top), (right, bottom), (SKY[index],), thickness)


def _words(planes: list[Plane], text: str, at: tuple[float, float], unit: int) -> None:
    """Write a line in white on a black plate, moved into the picture.

    Args:
        planes: Changed.
        text: ASCII.
        at: Left end of the base line, in pixels.
        unit: Size; 1 for a picture 360 pixels high.
    """
    (width, height), below = cv2.getTextSize(text, _FONT, 0.38 * unit, unit)
    x, y = max(at[0], 2 * unit), max(at[1], height + 2 * unit)
    for index, plane in enumerate(planes):
        by = 2 if index else 1
        corner = (round((x - unit) / by), round((y - height - unit) / by))
        opposite = (round((x + width + unit) / by), round((y + below) / by))
        cv2.rectangle(plane, corner, opposite, (BLACK[index],), cv2.FILLED)
    cv2.putText(planes[0], text, (round(x), round(y)), _FONT, 0.38 * unit, (WHITE,), unit)
