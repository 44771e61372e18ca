"""Annotations in COCO's format are read, matched by name and scored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.detections import Detections, ModelRef
from edge.errors import InputError
from edge.workbench.annotations import Annotations
from tests.unit.detectors.tiny_model import stamp

pytest.importorskip("pycocotools", reason="not installed: pip install '.[workbench]'")

LABELS = ("person", "car", "boat")
NUMBERS = {"car": 3, "person": 1, "kite": 38}
"""As COCO's: with gaps, and in another order than the labels."""

BOX = [10.0, 10.0, 40.0, 40.0]


def write(folder: Path, *objects: tuple[str, str, list[float]]) -> Path:
    """An `instances.json` of pictures a.jpg and b.jpg, 100 x 80, with (picture, class, xywh)."""
    content: dict[str, Any] = {
        "images": [
            {"id": 7, "file_name": "a.jpg", "width": 100, "height": 80},
            {"id": 9, "file_name": "b.jpg", "width": 100, "height": 80},
        ],
        "categories": [{"id": number, "name": name} for name, number in NUMBERS.items()],
        "annotations": [
            {
                "id": n,
                "image_id": {"a.jpg": 7, "b.jpg": 9}[picture],
                "category_id": NUMBERS[label],
                "bbox": box,
                "area": box[2] * box[3],
                "iscrowd": 0,
            }
            for n, (picture, label, box) in enumerate(objects, start=1)
        ],
    }
    path = folder / "instances.json"
    path.write_text(json.dumps(content))
    return path


def found(
    *rows: tuple[str, float, list[float]], size_wh: tuple[int, int] = (100, 80)
) -> Detections:
    """Detections by (label, confidence, xywh)."""
    xywh = np.array([row[2] for row in rows], np.float32).reshape(-1, 4)
    xywh[:, 2:] += xywh[:, :2]
    return Detections(
        stamp(),
        size_wh,
        ModelRef("m", "0" * 64, LABELS),
        xywh,
        np.array([row[1] for row in rows], np.float32),
        np.array([LABELS.index(row[0]) for row in rows], np.int32),
    )


def test_categories_are_matched_by_name(tmp_path: Path) -> None:
    """Whatever their numbers: each class scores by its own objects."""
    annotations = Annotations(
        write(tmp_path, ("a.jpg", "person", BOX), ("b.jpg", "car", BOX), ("b.jpg", "kite", BOX))
    )
    score = annotations.score(
        {
            tmp_path / "a.jpg": found(("person", 0.9, BOX)),
            tmp_path / "b.jpg": found(("person", 0.1, BOX), ("boat", 0.9, BOX)),
        }
    )
    assert score.by_class == {"person": (100.0, 1), "car": (0.0, 1)}
    assert (score.map, score.map50, score.n_objects) == (50.0, 50.0, 2)
    assert score.not_scored == ("kite",)
    assert score.by_size == {"small": None, "medium": 50.0, "large": None}


def test_a_picture_without_detections_counts(tmp_path: Path) -> None:
    """Nothing found anywhere is a score of 0, not a failure."""
    annotations = Annotations(write(tmp_path, ("a.jpg", "person", BOX)))
    score = annotations.score({tmp_path / "a.jpg": found(), tmp_path / "b.jpg": found()})
    assert (score.map, score.n_pictures) == (0.0, 2)


def test_a_picture_of_another_size_is_refused(tmp_path: Path) -> None:
    """Boxes of a scaled copy would all be wrong."""
    annotations = Annotations(write(tmp_path, ("a.jpg", "person", BOX)))
    with pytest.raises(InputError, match=r"a\.jpg: annotated at 100 x 80, the picture has 50 x 40"):
        annotations.score({tmp_path / "a.jpg": found(size_wh=(50, 40))})


def test_a_missing_picture_is_refused(tmp_path: Path) -> None:
    """A score over fewer pictures is another score."""
    annotations = Annotations(write(tmp_path))
    (tmp_path / "a.jpg").touch()
    with pytest.raises(InputError, match=r"names 2 pictures, 1 are not there \(first: b.jpg\)"):
        annotations.pictures(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"images": 3, "annotations": []}'])
def test_what_is_not_coco_s_format_is_refused(tmp_path: Path, text: str) -> None:
    """An error about the file, never a trace."""
    path = tmp_path / "instances.json"
    path.write_text(text)
    with pytest.raises(InputError, match=f"{path}: expected annotations in COCO's format"):
        Annotations(path)


def test_no_class_in_common_is_refused(tmp_path: Path) -> None:
    """The message shows both lists."""
    path = write(tmp_path)
    path.write_text(path.read_text().replace('"car"', '"auto"').replace('"person"', '"mensch"'))
    with pytest.raises(InputError, match=r"expected one of person, car, boat.*got auto, mensch"):
        Annotations(path).score({tmp_path / "a.jpg": found()})
