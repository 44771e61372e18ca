"""Evaluate: mean average precision of a model as it runs here, on annotated pictures.

The whole path is measured: YUV frame, our preprocessing, the engine, our head with the suppression
it has in service. Authors measure with their own preprocessing, confidences down to 0.001 and a
laxer suppression, so their figure is a little higher: by 0.5 points for yolox-nano, by none for
deimv2-femto.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from edge.detections import Detections
from edge.detectors import Card, Engine
from edge.workbench.annotations import Annotations, Score
from edge.workbench.engines import software
from edge.workbench.pictures import read_frame

METRIC = "mAP 50-95"

LIBRARIES = {"onnx": "onnxruntime", "openvino": "openvino", "tensorrt": "tensorrt"}
"""What pip calls the library behind each kind."""


def detect_all(
    engine: Engine, pictures: list[Path], progress: Callable[[int, int], None] | None = None
) -> dict[Path, Detections]:
    """Look at each picture.

    Args:
        engine: What looks.
        pictures: Files.
        progress: Told how many are done, of how many.

    Raises:
        InputError: One is no picture.
        DetectorStalled: The engine failed.
    """
    detector = engine.detector()
    found = {}
    for n, path in enumerate(pictures, start=1):
        found[path] = detector.detect(read_frame(path))
        if progress:
            progress(n, len(pictures))
    return found


def evaluate(
    engine: Engine,
    annotations: Annotations,
    folder: Path,
    progress: Callable[[int, int], None] | None = None,
) -> Score:
    """Score an engine on annotated pictures; see `Annotations`."""
    return annotations.score(detect_all(engine, annotations.pictures(folder), progress))


def measured(
    card: Card, engine: Engine, score: Score, *, kind: str, precision: str | None, dataset: str
) -> dict[str, Any]:
    """The score as an entry for `measured` on the card.

    Args:
        card: The model's.
        engine: What was scored.
        score: Its score.
        kind: The kind of detector.
        precision: What that was told to compute in, if anything.
        dataset: What the pictures are, in words.
    """
    of_weights = {weights.sha256: weights.precision for weights in card.weights}
    return {
        "precision": of_weights[engine.model.sha256],
        "engine": f"{kind}, precision {precision}" if precision else kind,
        "metric": METRIC,
        "value": score.map,
        "dataset": dataset,
        "software": software(LIBRARIES.get(kind, kind)),
        "date": datetime.now(timezone.utc).date().isoformat(),
        "weights": engine.model.sha256,
    }
