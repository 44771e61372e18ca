"""Annotated pictures in COCO's format, and the score of detections against them.

Boundary: the only user of pycocotools. Categories are matched by name, never by number: COCO's
numbers have gaps, networks' have none, and a site's own pictures have others again.
"""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge.detections import Detections
from edge.errors import InputError, MissingDependency


@dataclass(frozen=True)
class Score:
    """Mean average precision as COCO defines it, in points (0 to 100); None where nothing is.

    Attributes:
        n_pictures: Pictures that were scored.
        n_objects: Annotated objects in them, crowds left out.
        map: Over IoU 0.50 to 0.95 and all classes.
        map50: At IoU 0.50.
        map75: At IoU 0.75.
        by_size: `map` of objects below 32 x 32 pixels, up to 96 x 96, and above.
        by_class: `map` and number of objects by label; only labels that have objects.
        not_scored: Categories of the file that the model has no label for.
    """

    n_pictures: int
    n_objects: int
    map: float | None
    map50: float | None
    map75: float | None
    by_size: dict[str, float | None]
    by_class: dict[str, tuple[float | None, int]]
    not_scored: tuple[str, ...]


class Annotations:
    """What people drew into pictures.

    Args:
        path: An `instances.json`.

    Raises:
        InputError: It cannot be read, or is not in COCO's format.
        MissingDependency: pycocotools is not installed.
    """

    def __init__(self, path: Path) -> None:
        coco_class = _library()[0]
        self._path = path
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            with redirect_stdout(io.StringIO()):
                self._truth: Any = coco_class()
                self._truth.dataset = content
                self._truth.createIndex()
            self._image = {image["file_name"]: image for image in content["images"]}
            self._category = {each["name"]: each["id"] for each in content["categories"]}
        except (OSError, ValueError, KeyError, TypeError) as exc:
            raise InputError(
                f"{path}: expected annotations in COCO's format (images, annotations, "
                f"categories), got {type(exc).__name__}: {exc}; give another FILE"
            ) from exc

    def pictures(self, folder: Path, n_pictures: int | None = None) -> list[Path]:
        """The annotated pictures that lie in a folder, in the order of the file.

        Args:
            folder: Where they lie.
            n_pictures: At most so many, evenly spread; None takes all.

        Raises:
            InputError: One is not there; a score over fewer pictures is another score.
        """
        found = [folder / name for name in self._image]
        if n_pictures is not None and n_pictures < len(found):
            found = [found[i * len(found) // n_pictures] for i in range(n_pictures)]
        absent = [path for path in found if not path.is_file()]
        if absent or not found:
            raise InputError(
                f"{folder}: {self._path.name} names {len(found)} pictures, {len(absent)} are not "
                f"there{f' (first: {absent[0].name})' if absent else ''}; give their folder"
            )
        return found

    def score(self, found: dict[Path, Detections]) -> Score:
        """Score what was found.

        Args:
            found: Detections by picture; a picture that is not in it is not scored.

        Raises:
            InputError: A picture has another size than the file says, or no label is a category.
        """
        labels = next(iter(found.values())).model.labels
        known = {label: self._category[label] for label in labels if label in self._category}
        if not known:
            raise InputError(
                f"{self._path}: none of its categories is a label of the model; expected one of "
                f"{', '.join(labels[:5])}..., got {', '.join(list(self._category)[:5])}..."
            )
        rows: list[dict[str, Any]] = []
        for path, detections in found.items():
            rows += self._rows(path, detections, known)
        images = [self._image[path.name]["id"] for path in found]
        evaluation = self._evaluate(rows, images, sorted(known.values()))
        return _summarise(evaluation, known, self._truth, self._category)

    def _rows(
        self, path: Path, detections: Detections, known: dict[str, int]
    ) -> list[dict[str, Any]]:
        image = self._image[path.name]
        drawn = (image.get("width"), image.get("height"))
        if drawn != detections.size_wh:
            raise InputError(
                f"{path}: annotated at {drawn[0]} x {drawn[1]}, the picture has "
                f"{' x '.join(map(str, detections.size_wh))}; give the pictures that were annotated"
            )
        labels = detections.model.labels
        xywh = detections.xyxy.astype(np.float64)
        xywh[:, 2:] -= xywh[:, :2]
        return [
            {
                "image_id": image["id"],
                "category_id": known[labels[class_id]],
                "bbox": box.tolist(),
                "score": float(confidence),
            }
            for box, confidence, class_id in zip(
                xywh, detections.confidence, detections.class_id, strict=True
            )
            if labels[class_id] in known
        ]

    def _evaluate(self, rows: list[dict[str, Any]], images: list[int], ids: list[int]) -> Any:
        coco_class, evaluation_class = _library()
        with redirect_stdout(io.StringIO()):
            if rows:
                answer = self._truth.loadRes(rows)
            else:  # loadRes takes no empty list
                answer = coco_class()
                answer.dataset = {**self._truth.dataset, "annotations": []}
                answer.createIndex()
            evaluation = evaluation_class(self._truth, answer, "bbox")
            evaluation.params.imgIds, evaluation.params.catIds = images, ids
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
        return evaluation


def _summarise(
    evaluation: Any, known: dict[str, int], truth: Any, categories: dict[str, int]
) -> Score:
    ids: list[int] = evaluation.params.catIds
    images = evaluation.params.imgIds
    # Axes: IoU, recall, class, size of object, number of detections; -1 where there is no object.
    precision = evaluation.eval["precision"][:, :, :, 0, 2]
    by_class = {}
    for label, category in known.items():
        objects = truth.getAnnIds(imgIds=images, catIds=[category], iscrowd=False)
        if objects:
            values = precision[:, :, ids.index(category)]
            by_class[label] = (_points(values[values > -1]), len(objects))
    stats = [_points(np.array([value])) for value in evaluation.stats[:6]]
    return Score(
        n_pictures=len(images),
        n_objects=sum(n for _, n in by_class.values()),
        map=stats[0],
        map50=stats[1],
        map75=stats[2],
        by_size=dict(zip(("small", "medium", "large"), stats[3:], strict=True)),
        by_class=by_class,
        not_scored=tuple(sorted(set(categories) - set(known))),
    )


def _points(values: Any) -> float | None:
    """Mean in points, or None where there is nothing to have a mean of."""
    return round(100 * float(values.mean()), 2) if values.size and values.mean() >= 0 else None


def _library() -> tuple[Any, Any]:
    try:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    except ImportError as exc:
        raise MissingDependency(
            f"scoring needs pycocotools, which cannot be imported ({exc}); "
            "run `pip install pycocotools`"
        ) from exc
    return COCO, COCOeval
