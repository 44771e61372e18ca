"""No age, sex, ethnicity, emotion, gait or face match: in no field, label, option or output."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.cli.schema import schema
from edge.contract import NAMES
from edge.detectors import Models
from edge.evidence.sidecar import Sidecar
from edge.options import kinds

REPOSITORY = Path(__file__).resolve().parent.parent

INFERRED = frozenset(
    {
        *("age", "aged", "adult", "child", "children", "infant", "teenager", "elderly", "senior"),
        *("gender", "sex", "male", "female", "man", "woman", "men", "women", "boy", "girl"),
        *("ethnicity", "ethnic", "race", "racial", "skin", "nationality", "religion", "minor"),
        *("emotion", "mood", "sentiment", "expression", "gait", "gaze", "disability", "pregnant"),
        *("face", "faces", "facial", "biometric", "biometrics", "identity", "reid", "embedding"),
        *("embeddings", "watchlist", "attractiveness"),
    }
)
"""Words that such a field would have in its name."""


def words(name: str) -> set[str]:
    """The words of `snake_case`, `kebab-case`, `CamelCase` or plain English."""
    return {word.lower() for word in re.findall(r"[A-Za-z][a-z]*", name)}


def names(part: Any, at: str = "") -> Iterator[tuple[str, str]]:
    """Every property, definition and allowed value of a JSON Schema, with its place."""
    if isinstance(part, dict):
        for key in ("properties", "$defs", "patternProperties"):
            named = part.get(key, {})
            yield from ((f"{at}/{name}", name) for name in named if isinstance(named, dict))
        for value in [*part.get("enum", []), part.get("const")]:
            if isinstance(value, str):
                yield f"{at}={value}", value
        for key, inner in part.items():
            yield from names(inner, f"{at}/{key}")
    elif isinstance(part, list):
        for inner in part:
            yield from names(inner, at)


def assert_none(found: Iterator[tuple[str, str]] | list[tuple[str, str]]) -> int:
    looked = list(found)
    guilty = [place for place, name in looked if words(name) & INFERRED]
    assert not guilty
    return len(looked)


@pytest.mark.parametrize("of", ["appliance", "camera", *NAMES, "asyncapi"])
def test_no_message_and_no_option_can_carry_one(of: str) -> None:
    """Fields and allowed values of everything that is written, sent or heard."""
    assert assert_none(names(schema(of))) > 3


@pytest.mark.parametrize("room", ["detectors", "trackers", "rules", "gates", "sinks", "sources"])
def test_no_kind_is_one_and_no_kind_has_an_option_for_one(room: str) -> None:
    """Also for a kind that no published schema shows yet."""
    for kind, options in kinds(f"edge.{room}").items():
        assert_none([(kind, kind), *((f"{kind}.{name}", name) for name in options.model_fields)])


def test_no_model_gives_one() -> None:
    """Classes and outputs of every model card."""
    cards = [card.parent.name for card in sorted((REPOSITORY / "models").glob("*/card.yaml"))]
    assert cards
    models = Models((REPOSITORY / "models",))
    for name in cards:
        card = models.card(name)
        outputs = json.loads(card.model_dump_json())["tensors"]["outputs"]
        assert_none([(f"{name}: {label}", label) for label in (*card.labels, *outputs)])


def test_no_sidecar_and_no_view_has_one() -> None:
    """What lies beside the evidence, and what other systems are told."""
    assert_none([(field.name, field.name) for field in dataclasses.fields(Sidecar)])
    for view in sorted((REPOSITORY / "tests/golden/views").glob("*.jsonl")):
        found = re.findall(r'"([A-Za-z_@]+)":', view.read_text())
        assert_none([(f"{view.name}: {key}", key) for key in found])


def test_the_test_can_fail() -> None:
    """A field of this kind is found, however it is written and wherever it is."""
    for name in ("gender", "estimated_age", "faceId", "PersonSex", "skin-tone", "GaitHash"):
        guilty = {"$defs": {"Seen": {"properties": {name: {"type": "string"}}}}}
        with pytest.raises(AssertionError):
            assert_none(names(guilty))
    with pytest.raises(AssertionError):
        assert_none(names({"properties": {"label": {"enum": ["person", "woman"]}}}))
    assert words("stage") & INFERRED == set()
