"""Conditions: what an annotation file says of light, occlusion and people, and what is missed.

Beside COCO's own keys an annotation, or for all its objects an image, may have `track`,
`conditions` and `groups`. `groups` are attributes of people that somebody labelled on a lawful
basis for this measurement; they are read here and nowhere else, and leave only as a table.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edge.detections import Detections
from edge.errors import InputError
from edge.geometry import iou
from edge.oversight.comparison import Looked

PERSON = "person"

LEAST_IOU = 0.5
"""Overlap at which an object counts as found, as in mAP 50."""

_BINS: Mapping[str, tuple[tuple[float, str], ...]] = {
    "size_px": ((40, "below 40 px"), (80, "40 to 80 px"), (160, "80 to 160 px")),
    "occlusion": ((0.350001, "0 to 35 %"),),
    "camera_height_m": ((3, "below 3 m"), (6, "3 to 6 m")),
}
"""Upper end, exclusive, and name of each bin of a number; what is above all has the name below."""

_ABOVE = {"size_px": "160 px or more", "occlusion": "above 35 %", "camera_height_m": "6 m or more"}


def looked(
    annotations: Path,
    found: Mapping[Path, Detections],
    confidence: float,
    label: str | None = None,
) -> list[Looked]:
    """Say of each annotated object of one class whether it was found.

    Args:
        annotations: In COCO's format, with the keys above where it has them.
        found: Detections by picture.
        confidence: Detections below this are not used: the one of the deployment.
        label: The class; None is `person`, or nothing in a file without people.

    Returns:
        One a person's box, crowds left out. Without `track`, each is of its own.

    Raises:
        InputError: The file has no such category, or a key of it is not as it should be.
    """
    content = json.loads(annotations.read_text(encoding="utf-8"))
    by_name = {each["name"]: each["id"] for each in content["categories"]}
    if label is None and PERSON not in by_name:
        return []
    label = label or PERSON
    if label not in by_name:
        raise InputError(
            f"{annotations}: no category {label!r} to compare; it has {', '.join(by_name)}; "
            "give another --class"
        )
    images = {image["id"]: image for image in content["images"]}
    by_image: dict[Any, list[dict[str, Any]]] = {}
    for one in content["annotations"]:
        if one["category_id"] == by_name[label]:
            by_image.setdefault(one["image_id"], []).append(one)
    pictures = {path.name: path for path in found}
    rows: list[Looked] = []
    for number, objects in by_image.items():
        image = images.get(number)
        path = pictures.get(image["file_name"]) if image else None
        if image is None or path is None:
            continue
        missed = _missed(objects, found[path], label, confidence)
        rows += [
            _row(annotations, image, one, is_missed)
            for one, is_missed in zip(objects, missed, strict=True)
            if not one.get("iscrowd")
        ]
    return rows


def _missed(
    objects: list[dict[str, Any]], found: Detections, label: str, confidence: float
) -> list[bool]:
    """Whether each is missed: the surest detection first takes the free object it fits best."""
    truth = np.array([one["bbox"] for one in objects], float).reshape(-1, 4)
    truth[:, 2:] += truth[:, :2]
    labels = np.array(found.model.labels)[found.class_id]
    used = (labels == label) & (found.confidence >= confidence)
    overlap = iou(found.xyxy[used].astype(float), truth)
    is_missed = np.ones(len(objects), bool)
    for row in overlap[np.argsort(-found.confidence[used], kind="stable")]:
        free = np.where(is_missed, row, 0.0)
        best = int(free.argmax())
        if free[best] >= LEAST_IOU:
            is_missed[best] = False
    return [bool(one) for one in is_missed]


def _row(file: Path, image: dict[str, Any], one: dict[str, Any], is_missed: bool) -> Looked:
    place = f"{file}: annotation {one['id']}"
    conditions = {"size_px": _level(place, "size_px", one["bbox"][3])}
    for name, value in {
        **_labels(file, image, "conditions"),
        **_labels(file, one, "conditions"),
    }.items():
        conditions[name] = _level(place, name, value)
    groups = {name: str(value) for name, value in _labels(file, one, "groups").items()}
    track = one.get("track")
    cluster = f"one {one['id']}" if track is None else f"track {track}"
    return Looked(is_missed, cluster, conditions, groups)


def _labels(file: Path, part: dict[str, Any], key: str) -> dict[str, Any]:
    value = part.get(key, {})
    if not isinstance(value, dict) or not all(
        isinstance(level, str | int | float) for level in value.values()
    ):
        raise InputError(
            f"{file}: {key} of {part.get('file_name') or part.get('id')}: expected names with a "
            f"text or number each, got {value!r}; correct it"
        )
    return value


def _level(place: str, name: str, value: str | float) -> str:
    """A condition's level: the bin of a number that has bins, a text as it stands."""
    bins = _BINS.get(name)
    if bins is None or isinstance(value, str):
        return str(value)
    if not value >= 0:
        raise InputError(f"{place}: {name}: expected a number of at least 0, got {value}")
    return next((word for end, word in bins if value < end), _ABOVE[name])
