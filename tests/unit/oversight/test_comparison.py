"""Miss rates are compared by condition and group, and only by what was annotated."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.commands import VERBS
from edge.config.schema import Appliance, Camera
from edge.contract import NAMES, command_schema, schema
from edge.detections import Detections, ModelRef
from edge.detectors import Card
from edge.errors import InputError
from edge.oversight.comparison import Looked, compare
from edge.workbench.conditions import looked
from tests.unit.detectors.tiny_model import stamp


def people(level: str, n: int, n_missed: int, *, boxes: int = 1) -> list[Looked]:
    """Objects of one group, so many boxes a track, all of a track alike."""
    return [
        Looked(i < n_missed, f"{level} {i}", {}, {"age": level})
        for i in range(n)
        for _ in range(boxes)
    ]


def test_a_difference_is_shown() -> None:
    """Children are missed more, surely and by more than the margin."""
    (age,) = compare([*people("adult", 400, 40), *people("child", 300, 90)])
    (one,) = age.compared
    assert (one.first, one.second) == ("child", "adult")
    assert one.difference == pytest.approx(0.2)
    assert one.verdict.answer == "difference shown"


def test_boxes_are_not_people() -> None:
    """Twelve people a group, a hundred boxes each, say no more than twelve people."""
    (age,) = compare([*people("adult", 12, 1, boxes=100), *people("child", 12, 4, boxes=100)])
    (one,) = age.compared
    assert one.verdict.answer == "not enough data"
    assert one.verdict.more is not None
    assert min(one.verdict.more) > 1000  # boxes of such tracks


def test_more_comparisons_ask_for_more() -> None:
    """What is shown of one comparison is not shown of the same among many (Holm)."""
    pair = [*people("adult", 200, 16), *people("child", 200, 30)]
    (alone,) = compare(pair)
    assert alone.compared[0].verdict.answer == "difference shown"
    many = pair + [
        Looked(i % 10 == 0, f"x {i}", {}, {"attribute": f"level {i % 12}"}) for i in range(1200)
    ]
    age, _ = compare(many)
    assert age.compared[0].verdict.answer == "not enough data"


def test_nothing_annotated_is_nothing_compared() -> None:
    """No table is made up."""
    assert compare([]) == ()
    assert compare([Looked(False, "a", {}, {})]) == ()


def annotated(folder: Path, *objects: dict[str, Any], image: dict[str, Any] | None = None) -> Path:
    """An `instances.json` of one picture."""
    content = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 400, "height": 400, **(image or {})}],
        "categories": [{"id": 1, "name": "person"}],
        "annotations": [
            {"id": i, "image_id": 1, "category_id": 1, **one} for i, one in enumerate(objects, 1)
        ],
    }
    path = folder / "instances.json"
    path.write_text(json.dumps(content))
    return path


def seen(*xyxy: tuple[float, float, float, float]) -> dict[Path, Detections]:
    """People found in that picture."""
    return {
        Path("a.jpg"): Detections(
            stamp(),
            (400, 400),
            ModelRef("m", "0" * 64, ("person",)),
            np.array(xyxy, np.float32).reshape(-1, 4),
            np.full(len(xyxy), 0.8, np.float32),
            np.zeros(len(xyxy), np.int32),
        )
    }


def test_conditions_come_from_the_file(tmp_path: Path) -> None:
    """Numbers fall into bins, an object's own word goes before its picture's, size is measured."""
    path = annotated(
        tmp_path,
        {"bbox": [0, 0, 20, 50], "conditions": {"occlusion": 0.5, "light": "dusk"}, "track": 4},
        {"bbox": [100, 0, 80, 200], "groups": {"age": "child"}},
        {"bbox": [0, 0, 400, 400], "iscrowd": 1},
        image={"conditions": {"light": "day", "camera_height_m": 4.5}},
    )
    first, second = looked(path, seen((0, 0, 20, 50)), 0.35)
    assert not first.is_missed
    assert second.is_missed
    assert first.cluster == "track 4"
    assert first.conditions == {
        "size_px": "40 to 80 px",
        "light": "dusk",
        "occlusion": "above 35 %",
        "camera_height_m": "3 to 6 m",
    }
    assert (second.conditions["light"], dict(second.groups)) == ("day", {"age": "child"})


def test_one_detection_finds_one_object(tmp_path: Path) -> None:
    """Two people in one box are one found and one missed; below the confidence both are missed."""
    path = annotated(tmp_path, {"bbox": [0, 0, 40, 90]}, {"bbox": [2, 0, 40, 90]})
    found = seen((0, 0, 40, 90))
    assert [one.is_missed for one in looked(path, found, 0.35)] == [False, True]
    assert [one.is_missed for one in looked(path, found, 0.9)] == [True, True]


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        pytest.param({"groups": ["child"]}, "groups of 1: expected names with a text", id="list"),
        pytest.param(
            {"conditions": {"occlusion": -1}}, "occlusion: expected a number of", id="low"
        ),
    ],
)
def test_a_wrong_label_is_named(tmp_path: Path, labels: dict[str, Any], text: str) -> None:
    """Which annotation, what was expected and what was got."""
    path = annotated(tmp_path, {"bbox": [0, 0, 40, 90], **labels})
    with pytest.raises(InputError, match=text):
        looked(path, seen(), 0.35)


PERSONAL = (
    "age", "sex", "gender", "ethnicity", "race", "skin", "skin_tone", "religion", "disability",
    "face", "identity", "emotion", "name_of_person", "groups",
)  # fmt: skip


def names_in(part: Any) -> set[str]:
    """Every property a schema allows."""
    if isinstance(part, list):
        return set().union(*map(names_in, part))
    if not isinstance(part, dict):
        return set()
    own = set(part["properties"]) if isinstance(part.get("properties"), dict) else set()
    return own.union(*map(names_in, part.values()))


def test_the_appliance_has_no_word_for_a_personal_attribute() -> None:
    """No message, command, configuration or card has a field one could be put in."""
    schemas = [schema(name) for name in NAMES]
    schemas += [command_schema(verb) for verb in VERBS]
    schemas += [model.model_json_schema() for model in (Appliance, Camera, Card)]
    assert not set().union(*map(names_in, schemas)) & set(PERSONAL)


def test_groups_are_read_on_the_workbench_only() -> None:
    """Nothing the daemon runs imports the comparison of groups, or the file that reads them."""
    root = Path(__file__).parents[3] / "edge"
    readers = {
        path.relative_to(root).parts[0]
        for path in root.rglob("*.py")
        if "oversight.comparison" in path.read_text() or "workbench.conditions" in path.read_text()
    }
    assert readers == {"cli", "workbench"}
