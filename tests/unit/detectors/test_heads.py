"""Heads and suppression, held to plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from edge.detectors._heads import Candidates, check_shapes, detr, families, yolox
from edge.detectors._nms import nms
from edge.errors import DetectorStalled, ModelMismatch
from tests.unit.detectors.tiny_model import grid

Box = tuple[float, float, float, float]


def iou(a: Box, b: Box) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0.0) * max(height, 0.0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def plain_nms(boxes: list[Box], scores: list[float], classes: list[int], limit: float) -> list[int]:
    kept: list[int] = []
    for row in sorted(range(len(boxes)), key=lambda row: -scores[row]):
        if all(classes[k] != classes[row] or iou(boxes[k], boxes[row]) <= limit for k in kept):
            kept.append(row)
    return kept


# Whole pixels, and a limit no quotient of such areas comes near by rounding alone.
boxes = st.tuples(
    st.integers(-30, 60), st.integers(-30, 60), st.integers(1, 40), st.integers(1, 40)
).map(lambda b: (float(b[0]), float(b[1]), float(b[0] + b[2]), float(b[1] + b[3])))
found = st.lists(
    st.tuples(boxes, st.integers(1, 20).map(lambda n: n / 32), st.integers(0, 3)), max_size=40
)


@given(found, st.sampled_from((0.30001, 0.45003, 0.65001)))
def test_nms_is_the_plain_one(rows: list[tuple[Box, float, int]], limit: float) -> None:
    """Same boxes kept, in the same order, ties and negative coordinates included."""
    xyxy, scores, classes = ([row[part] for row in rows] for part in range(3))
    kept = nms(
        np.array(xyxy, np.float32).reshape(-1, 4),
        np.array(scores, np.float32),
        np.array(classes, np.int32),
        limit,
    )
    assert kept.tolist() == plain_nms(xyxy, scores, classes, limit)  # type: ignore[arg-type]


def plain_yolox(rows: NDArray[np.float32], confidence: float) -> list[tuple[Box, float, int]]:
    """Decode the 32 x 32 network cell by cell, without suppression."""
    result = []
    row = 0
    for stride in (8, 16, 32):
        for cell_y in range(32 // stride):
            for cell_x in range(32 // stride):
                dx, dy, log_w, log_h, objectness, *scores = (float(v) for v in rows[row])
                best = max(range(len(scores)), key=lambda k: scores[k])
                if objectness * scores[best] >= confidence:
                    x, y = (cell_x + dx) * stride, (cell_y + dy) * stride
                    w, h = math.exp(log_w) * stride / 2, math.exp(log_h) * stride / 2
                    result.append(((x - w, y - h, x + w, y + h), objectness * scores[best], best))
                row += 1
    return result


@given(
    hnp.arrays(np.float32, (21, 4), elements=st.floats(-2, 2, width=32)),
    hnp.arrays(np.float32, (21, 3), elements=st.sampled_from((0.0, 0.25, 0.5, 0.75, 0.9375))),
    st.sampled_from((0.1, 0.35, 0.6)),
)
def test_yolox_is_the_plain_one(
    box: NDArray[np.float32], scores: NDArray[np.float32], confidence: float
) -> None:
    """Every kept box is one the plain decoder gives, and each it gives is kept or suppressed."""
    rows = np.concatenate([box, scores], axis=1)
    got = yolox.Head((32, 32), 2).decode({"grid": rows[None]}, confidence)
    plain = plain_yolox(rows, confidence)
    for xyxy, score, class_id in zip(*got, strict=True):
        assert any(
            class_id == k and abs(score - s) < 1e-5 and np.allclose(xyxy, b, atol=1e-3)
            for b, s, k in plain
        )
    kept = [
        ((float(x1), float(y1), float(x2), float(y2)), int(k))
        for (x1, y1, x2, y2), k in zip(got.xyxy, got.class_id, strict=True)
    ]
    for b, _, k in plain:
        overlaps = [iou(b, other) for other, class_id in kept if class_id == k]
        assert max(overlaps, default=0) > yolox.NMS_IOU - 1e-3
    assert (np.diff(got.confidence) <= 0).all()


def test_yolox_sees_nothing_in_zeros() -> None:
    """An empty answer is no boxes, of the right shapes."""
    got = yolox.Head((32, 32), 2).decode({"grid": grid()}, 0.35)
    assert [a.shape for a in got] == [(0, 4), (0,), (0,)]
    assert [a.dtype.name for a in got] == ["float32", "float32", "int32"]


def detr_outputs(
    labels: list[int], xyxy: list[Box], scores: list[float]
) -> dict[str, NDArray[np.generic]]:
    return {
        "labels": np.array([labels], np.int64),
        "boxes": np.array([xyxy], np.float32).reshape(1, -1, 4),
        "scores": np.array([scores], np.float32),
    }


def test_detr_keeps_overlapping_boxes_and_sorts_them() -> None:
    """Queries above the confidence, surest first; doubles are the network's own business."""
    outputs = detr_outputs([1, 0, 0], [(0, 0, 9, 9), (1, 1, 9, 9), (0, 0, 9, 9)], [0.4, 0.9, 0.2])
    got = detr.Head((32, 32), 2).decode(outputs, 0.35)
    assert isinstance(got, Candidates)
    assert got.class_id.tolist() == [0, 1]
    np.testing.assert_allclose(got.confidence, [0.9, 0.4])
    np.testing.assert_array_equal(got.xyxy, [[1, 1, 9, 9], [0, 0, 9, 9]])


@pytest.mark.parametrize(
    ("cell", "values"),
    [
        pytest.param(3, [0, 0, 0, 0, np.nan, 0, 0], id="objectness"),
        pytest.param(3, [0, 0, 0, 0, 0.9, np.nan, 0], id="class score"),
        pytest.param(3, [np.nan, 0, 0, 0, 0.9, 0.9, 0], id="box"),
        pytest.param(3, [0, 0, 1000, 0, 0.9, 0.9, 0], id="size"),
    ],
)
def test_yolox_that_answers_nonsense_is_broken_not_empty(cell: int, values: list[float]) -> None:
    """NaN never passes for an empty scene."""
    with pytest.raises(DetectorStalled, match="the network answered with"):
        yolox.Head((32, 32), 2).decode({"grid": grid((cell, values))}, 0.35)


@pytest.mark.parametrize(
    ("label", "score", "edge"),
    [(0, np.nan, 1.0), (0, 0.9, np.nan), (2, 0.9, 1.0), (-1, 0.9, 1.0)],
)
def test_detr_that_answers_nonsense_is_broken_not_empty(
    label: int, score: float, edge: float
) -> None:
    """NaN, and classes no label exists for, are the engine's failure."""
    outputs = detr_outputs([label], [(0, 0, 1, edge)], [score])
    with pytest.raises(DetectorStalled, match="the network answered with"):
        detr.Head((32, 32), 2).decode(outputs, 0.35)


def test_shapes_that_fit_no_head_are_named() -> None:
    """The text says what was expected and what came."""
    wanted = detr.Head((32, 32), 2).shapes
    check_shapes(wanted, {"labels": (1, 300), "boxes": (1, 300, 4), "scores": (1, 300)})
    with pytest.raises(ModelMismatch) as caught:
        check_shapes(wanted, {"labels": (1, 300), "boxes": (1, 100, 4)})
    assert str(caught.value) == (
        "expected labels (1, queries), boxes (1, queries, 4), scores (1, queries); "
        "got labels (1, 300), boxes (1, 100, 4)"
    )


def test_every_family_has_a_head() -> None:
    """The families a card may name are the files of the folder."""
    assert families() == ("detr", "yolox")
