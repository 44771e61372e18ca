"""Recorded detections: what a detector saw in a clip, so that all behind it is tried without it."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from edge.config.schema import Camera
from edge.decoders.software import SoftwareDecoder
from edge.detections import Detections, ModelRef
from edge.detectors import Engine
from edge.detectors._coco import COCO80
from edge.event import Event
from edge.frame import Stamp
from edge.gates import Rate
from edge.message import Origin
from edge.runtime.wiring import rules_of, tracker_of
from edge.sinks import Outbox
from edge.sources.file import Options as FileOptions

ORIGIN = Origin("golden", "box", "0" * 64)
CLOCK_MS = 33


def write(path: Path, clip: Path, engine: Engine, fps: float) -> None:
    """Record what an engine sees in a clip; boxes to a tenth of a pixel.

    Args:
        path: Where to; compressed where it ends in .gz.
        clip: The recording.
        engine: The detector; its classes are COCO's.
        fps: Pictures looked at a second.
    """
    detector, rate, index = engine.detector(), Rate(fps), 0
    source = FileOptions(kind="file", path=clip, realtime=False).open()
    decoder = SoftwareDecoder(source.stream)
    rows = []
    pictures = (p for packet in source.packets() for p in decoder.decode(packet))
    for picture in (*pictures, *decoder.flush()):
        if not rate.is_due(picture.packet.pts):
            continue
        found = detector.detect(picture.frame("recorded", index))
        row: dict[str, Any] = {"index": index, "pts": round(picture.packet.pts, 4)}
        if not index:
            row |= {"sha256": found.model.sha256, "size_wh": found.size_wh}
        row["xyxy"] = np.round(found.xyxy.astype(float), 1).tolist()
        row["confidence"] = np.round(found.confidence.astype(float), 3).tolist()
        row["class_id"] = found.class_id.tolist()
        rows.append(json.dumps(row, separators=(",", ":")) + "\n")
        index += 1
    text = "".join(rows).encode()
    path.write_bytes(gzip.compress(text, mtime=0) if path.suffix == ".gz" else text)


def read(
    path: Path, camera: str, start: datetime, model: str = "yolox-nano"
) -> Iterator[Detections]:
    """Detections as they were written, frame by frame.

    Args:
        path: The file.
        camera: Whose they shall be.
        start: UTC of the first picture.
        model: Name of the model that saw them.
    """
    raw = path.read_bytes()
    text = gzip.decompress(raw) if path.suffix == ".gz" else raw
    sha256, size_wh = "", (1280, 720)
    for line in text.splitlines():
        row = json.loads(line)
        sha256 = row.get("sha256", sha256)
        size_wh = tuple(row.get("size_wh", size_wh))
        stamp = Stamp(
            camera, row["index"], row["pts"], start + timedelta(seconds=row["pts"]), CLOCK_MS
        )
        yield Detections(
            stamp,
            size_wh,
            ModelRef(model, sha256, COCO80),
            np.array(row["xyxy"], np.float32).reshape(-1, 4),
            np.array(row["confidence"], np.float32),
            np.array(row["class_id"], np.int32),
        )


def messages(camera: Camera, seen: Iterator[Detections]) -> list[bytes]:
    """What tracker, rules and message form make of detections, line by line."""
    tracker = tracker_of(camera)
    rules = rules_of(camera)
    # Ids differ within one millisecond and between cameras, and are the same every time.
    outbox = Outbox(None, randomness=random.Random(camera.camera).randbytes)
    events: list[Event] = []
    for detections in seen:
        tracks = tracker.update(detections)
        events += [event for rule in rules for event in rule.update(tracks)]
    events += [event for rule in rules for event in rule.close(detections.stamp, "the end")]
    lines = [message.payload for event in events for message in outbox.append(event, ORIGIN)]
    outbox.close()
    return lines
