"""Crossings counted by eye on real clips are met by the software, within one.

The truth files were written by a person looking at frames, before the rules were tried on the
clips; nothing here was tuned to them.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge.config.schema import Camera
from edge.detectors import Models, unbatched
from edge.detectors.onnx import Options as OnnxOptions
from edge.event import Event
from edge.pipeline import Step
from edge.runtime.replay import steps

TRUTHS = sorted((Path(__file__).resolve().parent.parent / "truth").glob("*.yaml"))


def camera(truth: dict[str, Any], fps: float) -> Camera:
    seen = {crossing["class"] for crossing in truth["crossings"]}
    return Camera.model_validate(
        {
            "version": 1,
            "camera": "truth",
            "source": {"kind": "file", "path": Path(truth["clip"])},
            "analyse": {"detector": "street", "fps": fps, "gate": "always"},
            "lines": {"line": tuple(tuple(point) for point in truth["line"])},
            "rules": (
                {
                    "name": "crossing",
                    "kind": "line_crossing",
                    "line": "line",
                    "classes": tuple(truth.get("rule_classes", seen)),
                },
            ),
        }
    )


def crossings(shared: Path, truth: dict[str, Any], model: str, fps: float) -> list[Event]:
    options = OnnxOptions(kind="onnx", model=model, confidence=0.35)
    engine = options.engine(Models([shared / "models"]), unbatched)
    found: list[Event] = []
    for step in steps(shared / "clips" / truth["clip"], camera(truth, fps), engine):
        found += step.events if isinstance(step, Step) else step
    engine.close()
    return found


@pytest.mark.slow
@pytest.mark.parametrize("path", TRUTHS, ids=lambda path: path.stem)
def test_crossings_counted_by_eye_are_met_within_one(path: Path, shared: Path) -> None:
    """YOLOX-Nano at 8 fps counts what a person counted, each way, within one."""
    truth = yaml.safe_load(path.read_text(encoding="utf-8"))
    clip = shared / "clips" / truth["clip"]
    assert hashlib.sha256(clip.read_bytes()).hexdigest() == truth["sha256"]
    found = crossings(shared, truth, "yolox-nano", 8)
    counted = Counter(crossing["direction"] for crossing in truth["crossings"])
    seen = Counter(event.direction for event in found)
    for event in found:
        print(
            f"{event.at:%M:%S} {event.direction} {event.objects[0].label} {event.objects[0].track}"
        )
    for direction in ("left", "right"):
        assert abs(seen[direction] - counted[direction]) <= 1, (direction, seen, counted)
