"""Snapshot: the deciding picture, once for people and once clean. Pure."""

from __future__ import annotations

import cv2
import numpy as np

from edge.annotate import SKY, YELLOW, bgr, write
from edge.detections import Boxes
from edge.errors import EvidenceUnmade
from edge.frame import Frame
from edge.message import EventMessage
from edge.redaction import Redaction, redacted

QUALITY = 85
"""160 kB at 1080p; 90 is 203 kB for nothing that can be seen."""


def annotated(frame: Frame, people: Boxes, how: Redaction, event: EventMessage) -> bytes:
    """The picture with who it is about in a box, people pixelated: a JPEG.

    Args:
        frame: Masks applied.
        people: (N, 4) float32 xyxy in pixels of all who are hidden.
        how: What of them.
        event: What was decided.

    Raises:
        EvidenceUnmade: It cannot be coded.
    """
    image = bgr(redacted(frame, people, how))
    height, width = image.shape[:2]
    unit = max(1, round(height / 360))
    for seen in event.objects or ():
        x, y, w, h = np.asarray(seen.box) * (width, height, width, height)
        corner, opposite = (round(x), round(y)), (round(x + w), round(y + h))
        cv2.rectangle(image, corner, opposite, SKY, unit)
        text = f"{seen.label} {seen.confidence:.2f}"
        write(image, text, (corner[0], corner[1] - 4 * unit), unit, SKY)
    at = f"{event.at:%Y-%m-%d %H:%M:%S} UTC +/- {event.clock_ms} ms"
    words = (event.camera, event.rule or "", event.kind, event.where or "", at)
    write(image, " ".join(filter(None, words)), (6 * unit, height - 6 * unit), unit, YELLOW)
    return _jpeg(image)


def clean(frame: Frame) -> bytes:
    """The picture as it was judged, nothing drawn and nobody hidden, masks applied: a JPEG.

    Raises:
        EvidenceUnmade: It cannot be coded.
    """
    return _jpeg(bgr(frame))


def _jpeg(image: cv2.typing.MatLike) -> bytes:
    is_coded, coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not is_coded:
        raise EvidenceUnmade(f"a picture of {image.shape} cannot be coded as JPEG")
    return coded.tobytes()
