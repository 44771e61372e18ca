"""Heads and suppression, held to plain loops."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from edge.detectors._heads import (
    Candidates,
    Head,
    check_shapes,
    detr,
    families,
    head_class,
    layouts,
    yolo,
    yolox,
)
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


def test_nms_of_nothing_is_nothing_and_what_has_no_area_goes() -> None:
    """A point or a line is no object, and suppresses none."""
    nothing = np.empty((0, 4), np.float32)
    assert nms(nothing, nothing[:, 0], np.empty(0, np.int32), 0.45).shape == (0,)
    xyxy = np.array([[5, 5, 5, 9], [5, 5, 9, 9], [7, 7, 7, 7], [9, 9, 5, 5]], np.float32)
    scores = np.array([0.9, 0.5, 0.8, 0.7], np.float32)
    assert nms(xyxy, scores, np.zeros(4, np.int32), 0.45).tolist() == [1]


def test_nms_of_equals_keeps_the_earlier_of_each_class() -> None:
    """Three boxes in one place, two classes, one score."""
    xyxy = np.array([[0, 0, 9, 9]] * 3, np.float32)
    kept = nms(xyxy, np.full(3, 0.5, np.float32), np.array([1, 0, 1], np.int32), 0.45)
    assert kept.tolist() == [0, 1]


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


SCORES = st.sampled_from((0.0, 0.25, 0.34999, 0.5, 0.75, 0.9375, 1.0))
CONFIDENCES = st.sampled_from((0.1, 0.35, 0.6))
WHOLE_BOXES = hnp.arrays(np.float32, (12, 4), elements=st.integers(-8, 40).map(float))


def listed(got: Candidates) -> list[tuple[Box, float, int]]:
    """Boxes, confidences and classes as plain values."""
    return [
        ((float(x1), float(y1), float(x2), float(y2)), float(score), int(k))
        for (x1, y1, x2, y2), score, k in zip(*got, strict=True)
    ]


@given(
    WHOLE_BOXES,
    hnp.arrays(np.float32, (12, 3), elements=SCORES),
    CONFIDENCES,
)
def test_yolo_grid_is_the_plain_one(
    box: NDArray[np.float32], scores: NDArray[np.float32], confidence: float
) -> None:
    """Column by column: the best class, a box from its centre, then plain suppression."""
    got = yolo.Grid((32, 32), 3).decode(
        {"grid": np.concatenate([box, scores], axis=1).T[None]}, confidence
    )
    rows: list[tuple[Box, float, int]] = []
    for (x, y, w, h), own in zip(box.tolist(), scores.tolist(), strict=True):
        best = max(range(3), key=lambda k: own[k])
        if own[best] >= confidence and w > 0 and h > 0:
            rows.append(((x - w / 2, y - h / 2, x + w / 2, y + h / 2), own[best], best))
    kept = plain_nms([r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows], yolo.NMS_IOU)
    assert listed(got) == [rows[row] for row in kept]


@given(
    WHOLE_BOXES,
    hnp.arrays(np.float32, 12, elements=SCORES),
    hnp.arrays(np.float32, 12, elements=st.integers(0, 2).map(float)),
    CONFIDENCES,
)
def test_yolo_end_to_end_is_the_plain_one(
    box: NDArray[np.float32],
    scores: NDArray[np.float32],
    classes: NDArray[np.float32],
    confidence: float,
) -> None:
    """Rows that are sure enough, surest first; nothing is suppressed."""
    objects = np.concatenate([box, scores[:, None], classes[:, None]], axis=1)[None]
    got = yolo.EndToEnd((32, 32), 3).decode({"objects": objects}, confidence)
    rows = [
        (tuple(b), s, int(k))
        for b, s, k in zip(box.tolist(), scores.tolist(), classes.tolist(), strict=True)
        if s >= confidence
    ]
    assert listed(got) == sorted(rows, key=lambda row: -row[1])


@given(
    WHOLE_BOXES,
    hnp.arrays(np.float32, 12, elements=SCORES),
    hnp.arrays(np.int64, 12, elements=st.integers(0, 2)),
    CONFIDENCES,
)
def test_detr_deployed_is_the_plain_one(
    box: NDArray[np.float32],
    scores: NDArray[np.float32],
    classes: NDArray[np.int64],
    confidence: float,
) -> None:
    """The same, with boxes, scores and classes apart."""
    outputs: dict[str, NDArray[Any]] = {
        "boxes": box[None],
        "scores": scores[None],
        "labels": classes[None],
    }
    got = detr.Deployed((32, 32), 3).decode(outputs, confidence)
    rows = [
        (tuple(b), s, k)
        for b, s, k in zip(box.tolist(), scores.tolist(), classes.tolist(), strict=True)
        if s >= confidence
    ]
    assert listed(got) == sorted(rows, key=lambda row: -row[1])


@given(
    hnp.arrays(np.float32, (5, 4), elements=st.integers(0, 64).map(lambda n: n / 64)),
    hnp.arrays(np.float32, (5, 3), elements=st.integers(-12, 12).map(lambda n: n / 4)),
    CONFIDENCES,
)
def test_detr_raw_is_the_plain_one(
    box: NDArray[np.float32], logits: NDArray[np.float32], confidence: float
) -> None:
    """A sigmoid for each class of each query, at most as many answers as queries."""
    got = detr.Raw((64, 32), 3).decode({"boxes": box[None], "logits": logits[None]}, confidence)
    rows: list[tuple[Box, float, int]] = []
    for (x, y, w, h), own in zip(box.tolist(), logits.tolist(), strict=True):
        for k, logit in enumerate(own):
            score = 1 / (1 + math.exp(-logit))
            if score >= confidence:
                corners = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
                rows.append(
                    ((corners[0] * 64, corners[1] * 32, corners[2] * 64, corners[3] * 32), score, k)
                )
    wanted = sorted(rows, key=lambda row: -row[1])[:5]
    assert [(b, k) for b, _, k in listed(got)] == [(b, k) for b, _, k in wanted]
    np.testing.assert_allclose(got.confidence, [s for _, s, _ in wanted], rtol=1e-6)


def nothing_of(head: Head) -> dict[str, NDArray[np.generic]]:
    """What a network answers that sees nothing; 7 where a size is free."""
    return {
        role: np.full([axis if isinstance(axis, int) else 7 for axis in shape], -20.0, np.float32)
        if role == "logits"
        else np.zeros([axis if isinstance(axis, int) else 7 for axis in shape], np.float32)
        for role, shape in head.shapes.items()
    }


LAYOUTS = [layout for family in families() for layout in layouts(family)]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda c: f"{c.__module__[-5:]}.{c.__name__}")
@pytest.mark.parametrize("n_labels", [1, 2, 80])
def test_nothing_seen_is_no_boxes_of_the_right_shapes(layout: type[Head], n_labels: int) -> None:
    """Also with one class, and the shapes it names are those it reads."""
    head = layout((32, 32), n_labels)
    outputs = nothing_of(head)
    check_shapes(head.shapes, {role: value.shape for role, value in outputs.items()})
    got = head.decode(outputs, 0.35)
    assert [a.shape for a in got] == [(0, 4), (0,), (0,)]
    assert [a.dtype.name for a in got] == ["float32", "float32", "int32"]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda c: f"{c.__module__[-5:]}.{c.__name__}")
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nonsense_anywhere_that_counts_is_broken_not_empty(
    layout: type[Head], value: float
) -> None:
    """All of one tensor, whichever it is: NaN and infinity never pass for an empty scene."""
    for role, good in nothing_of(layout((32, 32), 2)).items():
        outputs = nothing_of(layout((32, 32), 2))
        for other in outputs:  # or a box would never be looked at
            outputs[other] = np.full_like(outputs[other], 0.9)
        if "labels" in outputs or "objects" in outputs:
            outputs = {k: np.ones_like(v) for k, v in outputs.items()}
        outputs[role] = np.full_like(good, value)
        if role == "labels":
            continue
        with pytest.raises(DetectorStalled, match="the network answered with"):
            layout((32, 32), 2).decode(outputs, 0.35)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("part", range(6))
def test_one_value_that_is_no_number_is_enough(part: int, value: float) -> None:
    """Among good ones: a box edge, or the score of any class."""
    grid = np.array([[[8, 20], [8, 20], [4, 4], [4, 4], [0.75, 0.1], [0.5, 0.1]]], np.float32)
    assert len(yolo.Grid((32, 32), 2).decode({"grid": grid}, 0.35).confidence) == 1
    grid[0, part, 0] = value
    with pytest.raises(DetectorStalled, match="the network answered with"):
        yolo.Grid((32, 32), 2).decode({"grid": grid}, 0.35)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_half_precision_is_read_as_well(dtype: type[np.floating]) -> None:
    """A float16 network's answer becomes float32 columns."""
    objects = np.array([[[1, 2, 3, 4, 0.5, 1]]], dtype)
    columns = np.array([[[8], [8], [4], [4], [0.25], [0.5]]], dtype)
    for got in (
        yolo.EndToEnd((32, 32), 2).decode({"objects": objects}, 0.35),
        yolo.Grid((32, 32), 2).decode({"grid": columns}, 0.35),
    ):
        assert [a.dtype.name for a in got] == ["float32", "float32", "int32"]
        assert got.confidence.tolist() == [0.5]
        assert got.class_id.tolist() == [1]


@pytest.mark.parametrize(
    ("family", "names", "expected"),
    [
        ("yolox", ["grid"], yolox.Head),
        ("yolo", ["grid"], yolo.Grid),
        ("yolo", ["objects"], yolo.EndToEnd),
        ("detr", ["boxes", "scores", "labels"], detr.Deployed),
        ("detr", ["logits", "boxes"], detr.Raw),
    ],
)
def test_a_layout_is_chosen_by_the_parts_the_tensors_play(
    family: str, names: list[str], expected: type[Head]
) -> None:
    """By the card's words, never by a model's name; in any order."""
    assert head_class(family, names) is expected


def test_parts_no_layout_has_are_named() -> None:
    """With those there are."""
    with pytest.raises(ModelMismatch) as caught:
        head_class("detr", ["boxes", "masks"])
    assert str(caught.value) == (
        "head detr reads labels, boxes, scores or boxes, logits; the card names boxes, masks"
    )


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
    got = detr.Deployed((32, 32), 2).decode(outputs, 0.35)
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


@pytest.mark.parametrize("label", [-1, 2, 1e20])
def test_yolo_end_to_end_with_a_class_nobody_named_is_broken(label: float) -> None:
    """There is no label for it, so it is nothing that can be reported."""
    objects = np.array([[[1, 1, 5, 5, 0.9, label]]], np.float32)
    with pytest.raises(DetectorStalled, match="the network answered with class"):
        yolo.EndToEnd((32, 32), 2).decode({"objects": objects}, 0.35)


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
        detr.Deployed((32, 32), 2).decode(outputs, 0.35)


def test_shapes_that_fit_no_head_are_named() -> None:
    """The text says what was expected and what came."""
    wanted = detr.Deployed((32, 32), 2).shapes
    check_shapes(wanted, {"labels": (1, 300), "boxes": (1, 300, 4), "scores": (1, 300)})
    with pytest.raises(ModelMismatch) as caught:
        check_shapes(wanted, {"labels": (1, 300), "boxes": (1, 100, 4)})
    assert str(caught.value) == (
        "expected labels (1, queries), boxes (1, queries, 4), scores (1, queries); "
        "got labels (1, 300), boxes (1, 100, 4)"
    )


def test_every_family_has_a_head() -> None:
    """The families a card may name are the files of the folder."""
    assert families() == ("detr", "yolo", "yolox")
