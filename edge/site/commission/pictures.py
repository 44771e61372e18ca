"""Pictures: what each camera sees, masks black, people hidden, zones and lines drawn.

Boundary: one short connection of its own to each camera, beside the daemon's.
"""

from __future__ import annotations

import logging

import cv2
import numpy as np

from edge.annotate import bgr, outline
from edge.config import Config
from edge.config.ground import detail
from edge.config.schema import Camera
from edge.decoders.software import Options as Software
from edge.detections import Boxes
from edge.detectors import DetectorOptions, Models, open_engine
from edge.detectors.motion import Options as Motion
from edge.errors import EdgeError, EvidenceUnmade, SourceLost
from edge.evidence.policy import Policy
from edge.frame import Frame
from edge.masks import Masks
from edge.redaction import NOBODY, people, redacted
from edge.site.commission.report import Shape, Sheet

OPEN_S = 8.0
MOST_WIDE = 1280
"""Of a picture on paper: 17 cm at 190 dots an inch."""

QUALITY = 80
MOTION_FRAMES = 24
"""So many does the motion detector look at before it is believed: 3 s at 8 fps."""

MOST_PACKETS = 400


def sheets(config: Config, models: Models) -> list[Sheet]:
    """One for each enabled camera."""
    cameras = [camera for camera in config.cameras if camera.enabled]
    return [_sheet(config, camera, models) for camera in cameras]


def shown(config: Config, options: Camera, models: Models) -> tuple[Frame, str]:
    """What a camera sees now, as far as its policy lets it be shown.

    Returns:
        The picture, masks black and people pixelated; and in words what was done about people.

    Raises:
        EvidenceUnmade: Its policy is `metadata_only`.
        SourceError: It cannot be opened, breaks off, or shows none.
        EdgeError: Nothing here can look for people in it.
    """
    policy: Policy = (config.appliance.storage.evidence or Policy()).changed(options.evidence)
    if policy.metadata_only:
        raise EvidenceUnmade("its policy is metadata_only")
    if policy.redaction == "none":
        return _frames(options, 1)[-1], "nothing hidden, as its policy says"
    detector = config.appliance.detectors[options.analyse.detector]
    frames, boxes, is_sure = _people(_frames(options, MOTION_FRAMES), detector, models)
    hidden = f"{policy.redaction} of people pixelated, as far as its detector finds them"
    if not is_sure:
        hidden += "; it is the motion detector, which finds nobody who stands still"
    return redacted(frames[-1], boxes, policy.redaction), hidden


def _sheet(config: Config, options: Camera, models: Models) -> Sheet:
    shapes = tuple(Shape(*one) for one in detail(options))
    said = (options.camera, options.name)
    rest = (shapes, tuple(options.masks))
    try:
        frame, hidden = shown(config, options, models)
    except EdgeError as exc:
        return Sheet(*said, f"no picture: {exc}", b"", "", *rest)
    width, height = frame.size_wh
    found = f"{options.source.address}, {width}x{height}"
    return Sheet(*said, found, _drawn(frame, options), hidden, *rest)


def _people(
    frames: list[Frame], options: DetectorOptions, models: Models
) -> tuple[list[Frame], Boxes, bool]:
    """The picture to be shown last, where people are in it, and whether a network looked."""
    silent = logging.getLogger("edge.detectors")
    was, silent.disabled = silent.disabled, True  # doctor says what is wrong with an engine
    try:
        engine, why = open_engine(options, models)
    finally:
        silent.disabled = was
    is_sure = why is None and not isinstance(options, Motion)
    try:
        detector = engine.detector()
        looked = frames[-1:] if is_sure else frames
        boxes = NOBODY
        for frame in looked:
            boxes = people(detector.detect(frame))
    finally:
        engine.close()
    return looked, boxes, is_sure


def _frames(options: Camera, n_frames: int) -> list[Frame]:
    """The first pictures, masks applied.

    Raises:
        SourceError: It cannot be opened, breaks off, or shows none.
    """
    masks = Masks(options.masks.values())
    source = options.source.open(timeout_s=OPEN_S)
    try:
        decoder = Software().open(source.stream)
        frames: list[Frame] = []
        try:
            for number, packet in enumerate(source.packets()):
                for picture in decoder.decode(packet):
                    frames.append(masks.apply(picture.frame(options.camera, len(frames))))
                if len(frames) >= n_frames or number > MOST_PACKETS:
                    break
        finally:
            decoder.close()
    finally:
        source.close()
    if not frames:
        raise SourceLost(f"{options.source.address}: no picture could be decoded")
    return frames


def _drawn(frame: Frame, options: Camera) -> bytes:
    image = bgr(frame)
    height, width = image.shape[:2]
    if width > MOST_WIDE:
        size_wh = (MOST_WIDE, round(height * MOST_WIDE / width))
        image = np.asarray(cv2.resize(image, size_wh, interpolation=cv2.INTER_AREA), np.uint8)
    outline(image, options.zones, options.lines, options.masks)
    _, coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return coded.tobytes()
