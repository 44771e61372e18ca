"""Recorded detections of the rendered street give the committed events, line for line.

No network and no video: the middle of the house on its own. A change of behaviour is a readable
diff of `street-events.jsonl`. Record again with `EDGE_RECORD=1` and the models at hand; write the
events again with `EDGE_WRITE_EXPECTED=1`, and read the diff.
"""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.decoders.software import SoftwareDecoder
from edge.demo.setting import setting
from edge.demo.street import cached
from edge.detections import Detections, ModelRef
from edge.detectors import Models, unbatched
from edge.detectors._coco import COCO80
from edge.detectors.onnx import Options as OnnxOptions
from edge.event import Event
from edge.frame import Stamp
from edge.gates import Rate
from edge.message import Origin
from edge.runtime.wiring import scene_of
from edge.sinks import Outbox
from edge.sources.file import Options as FileOptions

HERE = Path(__file__).resolve().parent
DETECTIONS, EVENTS = HERE / "street-detections.jsonl", HERE / "street-events.jsonl"
START = datetime(2026, 1, 1, tzinfo=timezone.utc)
ORIGIN = Origin("golden", "box", "0" * 64)


def test_recorded_detections_give_the_committed_events(tmp_path: Path) -> None:
    """Tracker, rules and message form together, byte for byte."""
    camera = setting({"kind": "file", "path": "x"}, tmp_path, 1883, is_street=True).cameras[0]
    tracker = camera.analyse.tracker.build()
    rules = [rule.build(scene_of(camera), camera.camera) for rule in camera.rules]
    outbox = Outbox(None, randomness=bytes)
    lines: list[bytes] = []

    def write(events: list[Event]) -> None:
        lines.extend(m.payload for event in events for m in outbox.append(event, ORIGIN))

    for row in DETECTIONS.read_text(encoding="utf-8").splitlines():
        detections = recorded(json.loads(row))
        tracks = tracker.update(detections)
        write([event for rule in rules for event in rule.update(tracks)])
    write([event for rule in rules for event in rule.close(detections.stamp, "the end")])
    outbox.close()
    if "EDGE_WRITE_EXPECTED" in os.environ:
        EVENTS.write_bytes(b"\n".join(lines) + b"\n")
    assert lines == EVENTS.read_bytes().splitlines()


def recorded(row: dict[str, Any]) -> Detections:
    """One frame's detections as they were written."""
    stamp = Stamp(
        "demo-street", row["index"], row["pts"], START + timedelta(seconds=row["pts"]), 33
    )
    boxes = np.array(row["xyxy"], np.float32).reshape(-1, 4)
    return Detections(
        stamp,
        (1280, 720),
        ModelRef("yolox-nano", row["sha256"], COCO80),
        boxes,
        np.array(row["confidence"], np.float32),
        np.array(row["class_id"], np.int32),
    )


@pytest.mark.skipif("EDGE_RECORD" not in os.environ, reason="records the fixture, on request")
def test_record(tmp_path: Path, shared: Path) -> None:
    """Not a test of anything: writes what YOLOX-Nano sees on the street at 8 frames a second."""
    clip, _ = cached(tmp_path)
    options = OnnxOptions(kind="onnx", model="yolox-nano", confidence=0.35)
    engine = options.engine(Models([shared / "models"]), unbatched)
    detector, rate, index = engine.detector(), Rate(8), 0
    source = FileOptions(kind="file", path=clip, realtime=False).open()
    decoder = SoftwareDecoder(source.stream)
    with DETECTIONS.open("w", encoding="utf-8") as file:
        for packet in source.packets():
            for picture in decoder.decode(packet):
                if not rate.is_due(picture.packet.pts):
                    continue
                found = detector.detect(picture.frame("demo-street", index))
                row = {
                    "index": index,
                    "pts": round(picture.packet.pts, 4),
                    "sha256": found.model.sha256,
                    "xyxy": np.round(found.xyxy, 1).tolist(),
                    "confidence": np.round(found.confidence, 3).tolist(),
                    "class_id": found.class_id.tolist(),
                }
                file.write(json.dumps(row, separators=(",", ":")) + "\n")
                index += 1
    engine.close()
