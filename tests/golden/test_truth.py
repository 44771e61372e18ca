"""Events labelled by eye in real clips are met by the software, and how well is committed.

The truth files were written by a person looking at pictures, before any rule was tried on the
clips; nothing here was tuned to them. Tracker and rules are run on recorded detections, so a
change of either is a readable diff of `scores.txt`: write it again with `EDGE_WRITE_EXPECTED=1`,
and read the diff. Record the detections again with `EDGE_RECORD=1` and the clips at hand.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge.config import load
from edge.config.schema import Camera
from edge.detectors import Models, unbatched
from edge.detectors.onnx import Options as OnnxOptions
from edge.oversight.score import Parameters, Score, score
from edge.oversight.truth import Recording, read_alarms, read_truth
from tests import recorded

HERE = Path(__file__).resolve().parent
TRUTH = HERE.parent / "truth"
SCORES = HERE / "scores.txt"
STRICT = Parameters(strict=True)
CLIPS = sorted(path.stem for path in TRUTH.glob("*.jsonl"))


def truth(name: str) -> Recording:
    path = TRUTH / f"{name}.jsonl"
    (recording,) = read_truth(
        path.name, path.read_text("utf-8").splitlines(), early=STRICT.early, late=STRICT.late
    )
    return recording


def camera(name: str) -> Camera:
    return next(one for one in load(TRUTH).cameras if one.camera == name)


def detections(name: str) -> Path:
    return TRUTH / "detections" / f"{name}.jsonl.gz"


@pytest.mark.skipif("EDGE_RECORD" not in os.environ, reason="records the fixtures, on request")
@pytest.mark.parametrize("name", CLIPS)
def test_record(name: str, shared: Path) -> None:
    """Not a test of anything: writes what YOLOX-Nano sees in a clip."""
    recording = truth(name)
    options = OnnxOptions(kind="onnx", model="yolox-nano", confidence=0.35)
    engine = options.engine(Models([shared / "models"]), unbatched)
    fps = camera(recording.header.camera).analyse.fps
    detections(name).parent.mkdir(exist_ok=True)
    recorded.write(detections(name), shared / "clips" / recording.header.clip, engine, fps)
    engine.close()


def scored(name: str) -> Score:
    """Tracker and rules on a clip's recorded detections, held against its truth."""
    recording = truth(name)
    header = recording.header
    lines = recorded.messages(
        camera(header.camera), recorded.read(detections(name), header.camera, header.start)
    )
    alarms = read_alarms(name, (line.decode() for line in lines))
    return score([recording], alarms, STRICT)
