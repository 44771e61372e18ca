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
        {"weights": []},
        "weights: needs at least one item, or `obtain` that says how to get one; correct it",
        id="no weights",
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


def test_a_card_without_weights_says_how_to_get_them(tmp_path: Path) -> None:
    """A description is a card; what is used as its weights, a person vouches for."""
    card = read_card(write_card(tmp_path, weights=[], obtain="Export it."))
    assert (card.weights, card.obtain) == ((), "Export it.")


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*/card.yaml")), ids=lambda p: p.parent.name)
def test_a_card_written_reads_back_equal(path: Path, tmp_path: Path) -> None:
    """Tools write cards: nothing is lost on the way, least of all what was measured."""
    card = read_card(path)
    copy = tmp_path / card.name / "card.yaml"
    copy.parent.mkdir()
    copy.write_text(card.to_yaml(), encoding="utf-8")
    assert read_card(copy) == card


OURS = {"Apache-2.0"}
"""Licences whose terms are those of this software."""


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*/card.yaml")), ids=lambda p: p.parent.name)
def test_shipped_cards_are_whole(path: Path) -> None:
    """Each card that ships can be read, names its labels, its figures and its limits."""
    card = read_card(path)
    assert set(COCO80) <= set(card.labels)
    assert card.licence.spdx in OURS or card.family == "yolo"
    assert path.with_name("LICENSE.md").is_file()
    assert card.accuracy
    assert len(card.known_limits) > 100
    assert card.measured or "nothing here is measured" in card.known_limits


def test_a_licence_that_is_not_ours_is_explained() -> None:
    """Beside the card, in words: what the AGPL asks of whoever runs these weights."""
    for path in sorted(SHIPPED.glob("yolo[0-9]*/card.yaml")):
        assert "AGPL" in read_card(path).licence.spdx
        text = path.with_name("LICENSE.md").read_text("utf-8")
        assert "whole source" in text
        assert "Enterprise" in text


def test_coco_s_numbers_are_where_rf_detr_puts_them() -> None:
    """Its columns are COCO's category numbers, gaps and all: 1 person, 3 car, 90 toothbrush."""
    labels = read_card(SHIPPED / "rf-detr-nano" / "card.yaml").labels
    assert len(labels) == 91
    assert (labels[1], labels[3], labels[13], labels[90]) == (
        *("person", "car", "stop sign", "toothbrush"),
    )
    assert sum(label.startswith("unused-") for label in labels) == 11


MEASURED = {
    "deimv2-femto": {"fp32", "fp16", "int8"},
    "yolox-nano": {"fp32", "fp16", "int8"},
}
"""Precisions with a measured accuracy, of the models whose weights were at hand."""

PUBLISHED = {"yolox-nano", "yolox-tiny", "yolox-s", "deimv2-femto"}
"""Models of which a file can be named by its SHA-256; of the others nobody publishes one."""

NAMES = sorted(path.parent.name for path in SHIPPED.glob("*/card.yaml"))


def test_there_is_a_card_for_each_model_we_name() -> None:
    """Eight, no more and no fewer."""
    assert set(NAMES) == {
        "deimv2-atto", "deimv2-femto", "rf-detr-nano", "yolo11n", "yolo26n", "yolox-nano",
        "yolox-s", "yolox-tiny",
    }  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_card_has_every_line_somebody_decides_by(name: str) -> None:
    """Family, input, colours, normalisation, labels, licence, source, hashes, figures, limits."""
    text = (SHIPPED / name / "card.yaml").read_text("utf-8")
    card = read_card(SHIPPED / name / "card.yaml")
    for line in ("family:", "size_wh:", "colour_order:", "letterbox:", "labels:", "spdx:"):
        assert line in text, f"{line} is written, not left to a default"
    # YOLOX is fed 0..255 as it is; all others say how they scale.
    assert ("scale:" in text) == (card.family != "yolox")
    assert card.licence.url.startswith("https://")
    assert card.source.startswith("https://")
    assert bool(card.weights) == (name in PUBLISHED)
    assert card.weights or (card.obtain and "https://" in card.obtain) or name.startswith("yolo")
    for accuracy in card.accuracy:
        assert (accuracy.metric, accuracy.dataset) == ("mAP 50-95", "COCO val2017")
        assert accuracy.source.startswith("https://")
    assert {each.precision for each in card.measured} == MEASURED.get(name, set())
    hashes = {weights.sha256 for weights in card.weights}
    for each in card.measured:
        assert each.precision != "fp32" or each.weights in hashes
    assert "identifies nobody" in " ".join(card.intended_use.split())
    assert "skin tones" in card.known_limits
