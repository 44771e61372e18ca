"""A model card says what is wrong with it: file, key, remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge.detectors._card import read_card
from edge.detectors._coco import COCO80
from edge.detectors._weights import SHIPPED
from edge.errors import CardInvalid
from tests.unit.detectors.tiny_model import CARD, write_card

INPUT: dict[str, Any] = CARD["input"]
WEIGHTS: dict[str, Any] = CARD["weights"][0]

BROKEN = [
    pytest.param({"family": None}, "family: missing; add it", id="missing"),
    pytest.param(
        {"family": "ssd"},
        "family: no head for 'ssd'; there are detr, yolo, yolox, got 'ssd'; correct it",
        id="no such head",
    ),
    pytest.param(
        {"licens": "MIT"}, "licens: unknown key; did you mean 'licence'?", id="misspelt key"
    ),
    pytest.param({"zzz": 1}, "zzz: unknown key; remove it", id="unknown key"),
    pytest.param(
        {"input": {**INPUT, "size_wh": [416, 0]}},
        "input.size_wh.1: Input should be greater than 0, got 0; correct it",
        id="size",
    ),
    pytest.param(
        {"input": {**INPUT, "std": [1, 0, 1]}},
        "input.std: a standard deviation must be above 0, got [1, 0, 1]; correct it",
        id="deviation",
    ),
    pytest.param(
        {"tensors": {"image": "images", "outputs": {"boxes": "b"}}},
        "tensors.outputs: head yolox reads grid; the card names boxes; correct it",
        id="parts",
    ),
    pytest.param(
        {"weights": []}, "weights: needs at least one item, got []; correct it", id="no weights"
    ),
    pytest.param(
        {"weights": [{**WEIGHTS, "sha256": "ABC"}]},
        "weights.0.sha256: String should match pattern '^[0-9a-f]{64}$', got 'ABC'; correct it",
        id="digest",
    ),
    pytest.param(
        {"weights": [{**WEIGHTS, "url": "http://example.org/x"}]},
        "weights.0.url: String should match pattern '^https://\\S+$', "
        "got 'http://example.org/x'; correct it",
        id="plain http",
    ),
    pytest.param(
        {"weights": [{**WEIGHTS, "file": "../../etc/passwd"}]},
        "weights.0.file: String should match pattern '^[A-Za-z0-9][A-Za-z0-9._-]*$', "
        "got '../../etc/passwd'; correct it",
        id="path in a file name",
    ),
]


@pytest.mark.parametrize(("changes", "text"), BROKEN)
def test_a_broken_card_names_file_key_and_remedy(
    tmp_path: Path, changes: dict[str, Any], text: str
) -> None:
    """The whole message, as a person reads it."""
    path = write_card(tmp_path, **changes)
    with pytest.raises(CardInvalid) as caught:
        read_card(path)
    assert str(caught.value) == f"{path}: {text}"


def test_all_problems_come_at_once(tmp_path: Path) -> None:
    """A card with two faults is corrected in one go."""
    path = write_card(tmp_path, family=None, source="nowhere")
    with pytest.raises(CardInvalid, match=r"family: missing; add it; source: .*got 'nowhere'"):
        read_card(path)


@pytest.mark.parametrize("text", ["a: [", "", "- 1\n", "\x00"])
def test_what_is_no_card_at_all_is_refused(tmp_path: Path, text: str) -> None:
    """Not YAML, or YAML of something else: an error about the file, never a trace."""
    path = tmp_path / "tiny" / "card.yaml"
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(CardInvalid, match=str(path)):
        read_card(path)


def test_a_card_lies_in_the_folder_of_its_name(tmp_path: Path) -> None:
    """A copied folder whose card was not renamed is found out."""
    path = write_card(tmp_path).parent.rename(tmp_path / "copy") / "card.yaml"
    with pytest.raises(CardInvalid, match="name: the card says 'tiny', its folder is 'copy'"):
        read_card(path)


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*/card.yaml")), ids=lambda p: p.parent.name)
def test_shipped_cards_are_whole(path: Path) -> None:
    """Each card that ships can be read, is under a licence that may ship, and says its limits."""
    card = read_card(path)
    assert card.labels == COCO80
    assert len(set(COCO80)) == 80
    assert card.licence.spdx == "Apache-2.0"
    assert path.with_name("LICENSE.md").is_file()
    assert card.accuracy
    assert len(card.known_limits) > 100
