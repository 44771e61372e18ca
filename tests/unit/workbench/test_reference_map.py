"""mAP through our path against the models' own published preprocessing, done plainly with OpenCV.

The plain implementation shares nothing with `edge`: pictures stay RGB, one is looked at after the
other, suppression is a loop. Limit and figures are those of docs/performance.md: 0.3 points on all
200 pictures. With `-m bench` all are used; otherwise every fifth, whose score moves more.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.detections import Detections
from edge.detectors import Models
from edge.workbench.annotations import Annotations
from edge.workbench.engines import CONFIDENCE, opened
from edge.workbench.evaluate import detect_all

pytest.importorskip("pycocotools", reason="not installed: pip install '.[workbench]'")

NMS_IOU = 0.45
"""Of head `yolox` in service."""

Array = NDArray[Any]


class Plain(NamedTuple):
    """Boxes in pixels of the picture, confidences, classes."""

    xyxy: Array
    confidence: Array
    class_id: Array


def yolox(session: Any, picture: Array) -> Plain:
    """As in demo/ONNXRuntime of YOLOX: BGR, top left, padded with 114."""
    ratio = min(416 / picture.shape[0], 416 / picture.shape[1])
    small = cv2.resize(picture, (int(picture.shape[1] * ratio), int(picture.shape[0] * ratio)))
    padded = np.full((416, 416, 3), 114, np.uint8)
    padded[: small.shape[0], : small.shape[1]] = small
    tensor = padded.transpose(2, 0, 1)[None].astype(np.float32)
    rows = session.run(None, {"images": tensor})[0][0]
    cells, strides = [], []
    for stride in (8, 16, 32):
        for y in range(416 // stride):
            for x in range(416 // stride):
                cells.append((x, y))
                strides.append((stride,))
    scale = np.array(strides)
    centre = (rows[:, :2] + np.array(cells)) * scale
    half = np.exp(rows[:, 2:4]) * scale / 2
    scores = rows[:, 5:] * rows[:, 4:5]
    found = Plain(
        np.concatenate([centre - half, centre + half], 1) / ratio, scores.max(1), scores.argmax(1)
    )
    sure = np.flatnonzero(found.confidence >= CONFIDENCE)
    keep: list[int] = []
    for row in sure[np.argsort(-found.confidence[sure], kind="stable")]:
        rivals = [k for k in keep if found.class_id[k] == found.class_id[row]]
        if all(overlap(found.xyxy[row], found.xyxy[k]) <= NMS_IOU for k in rivals):
            keep.append(int(row))
    return Plain(*(column[keep] for column in found))


def overlap(a: Array, b: Array) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    inside = width * height
    return float(inside / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - inside))


def deim(session: Any, picture: Array) -> Plain:
    """As in tools/inference/onnx_inf.py of DEIM: RGB of 0 to 1, stretched to the network."""
    small = cv2.resize(picture, (416, 416))[:, :, ::-1].transpose(2, 0, 1)
    size = np.array([[picture.shape[1], picture.shape[0]]], np.int64)
    labels, boxes, scores = session.run(
        ["labels", "boxes", "scores"],
        {"images": small[None].astype(np.float32) / 255, "orig_target_sizes": size},
    )
    sure = scores[0] >= CONFIDENCE
    return Plain(boxes[0][sure], scores[0][sure], labels[0][sure])


@pytest.mark.parametrize(
    ("model", "plainly", "every", "limit"),
    [
        pytest.param("yolox-nano", yolox, 5, 0.6, id="yolox-nano"),
        pytest.param("deimv2-femto", deim, 5, 0.6, id="deimv2-femto"),
        pytest.param("yolox-nano", yolox, 1, 0.3, id="yolox-nano-all", marks=pytest.mark.bench),
        pytest.param("deimv2-femto", deim, 1, 0.3, id="deimv2-femto-all", marks=pytest.mark.bench),
    ],
)
def test_our_path_scores_as_the_plain_one(
    shared: Path, model: str, plainly: Callable[[Any, Array], Plain], every: int, limit: float
) -> None:
    """Nothing is lost between the picture and the boxes."""
    got, expected = scores(shared, model, plainly, every)
    assert got == pytest.approx(expected, abs=limit)


def scores(
    shared: Path, model: str, plainly: Callable[[Any, Array], Plain], every: int
) -> tuple[float, float]:
    """Score (mAP 50-95) our path and the plain one on every so manieth picture of coco-dev."""
    import onnxruntime

    folder = shared / "images" / "coco-dev"
    models = Models([shared / "models"])
    annotations = Annotations(folder / "instances.json")
    paths = annotations.pictures(folder)[::every]
    with opened("onnx", model, models) as engine:
        ours = detect_all(engine, paths)
    session = onnxruntime.InferenceSession(
        str(models.find(model)), providers=["CPUExecutionProvider"]
    )
    theirs = {}
    for path in paths:
        bgr = cv2.imread(str(path))
        assert bgr is not None
        plain = plainly(session, bgr)
        ref = ours[path]
        theirs[path] = Detections(
            ref.stamp,
            ref.size_wh,
            ref.model,
            plain.xyxy.astype(np.float32).reshape(-1, 4),
            plain.confidence.astype(np.float32),
            plain.class_id.astype(np.int32),
        )
    got, expected = annotations.score(ours).map, annotations.score(theirs).map
    assert got is not None
    assert expected is not None
    return got, expected
