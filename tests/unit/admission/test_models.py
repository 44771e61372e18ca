"""A model runs only where the policy admits it, and each refusal says every reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from edge.admission import Candidate, refusal
from edge.detectors import Card
from edge.detectors._card import read_card
from edge.detectors._weights import SHIPPED as FOLDER
from tests.unit.admission.policies import TODAY, policy

BOTH = frozenset({"analytics", "ethics"})
SHA = "a" * 64


def card(**changes: Any) -> Card:
    """A card whose file was measured in `openvino` at bf16 and in `onnx`."""
    measured = [
        {
            "precision": "fp32",
            "engine": engine,
            "metric": "mAP 50-95",
            "value": 30.0,
            "dataset": "yard, 200 pictures",
            "software": "edge",
            "date": date(2026, 6, 1),
            "weights": SHA,
        }
        for engine in ("onnx", "openvino, precision bf16")
    ]
    return Card.model_validate(
        {
            "name": "tiny",
            "family": "yolox",
            "input": {"size_wh": (32, 32), "colour_order": "bgr", "letterbox": "top_left"},
            "tensors": {"image": "images", "outputs": {"grid": "output"}},
            "labels": ("person",),
            "licence": {"spdx": "Apache-2.0", "holder": "A", "url": "https://a.example"},
            "weights": [{"file": "tiny.onnx", "sha256": SHA, "bytes": 1}],
            "source": "https://a.example",
            "measured": measured,
            "intended_use": "Tests",
            "known_limits": "All",
            **changes,
        }
    )


SEEN = Candidate("street", 0.35, card(), SHA, "openvino", "bf16")


def test_what_is_in_order_is_admitted() -> None:
    """Card, licence, use, record of this engine and a signed threshold: no reason is left."""
    assert refusal(policy(), BOTH, SEEN, TODAY) == ""
    assert refusal(policy(), BOTH, replace(SEEN, kind="onnx", precision="fp32"), TODAY) == ""


@pytest.mark.parametrize(
    ("seen", "changes", "signers", "reason"),
    [
        pytest.param(
            SEEN, {"licences": ["MIT"]}, BOTH, "licence Apache-2.0 is not allowed", id="licence"
        ),
        pytest.param(SEEN, {"models": {}}, BOTH, "states no use of tiny", id="use"),
        pytest.param(
            replace(SEEN, precision="f32"), {}, BOTH,
            "no accuracy was measured for aaaaaaaa in 'openvino, precision f32' (for this file: "
            "'onnx', 'openvino, precision bf16'); run `edge model eval tiny --engine openvino "
            "--precision f32`", id="precision",
        ),
        pytest.param(
            replace(SEEN, sha256="b" * 64), {}, BOTH, "(for this file: none)", id="another file"
        ),
        pytest.param(
            SEEN, {"evaluation": {"max_age_days": 90}}, BOTH, "is 176 days old, at most 90",
            id="old",
        ),
        pytest.param(
            replace(SEEN, card=card(measured=[{**one.model_dump(), "date": date(2027, 1, 1)}
                                              for one in SEEN.card.measured])),
            {}, BOTH, "after today", id="from the future",
        ),
        pytest.param(
            replace(SEEN, confidence=0.3), {}, BOTH,
            "detectors.street.confidence is 0.3, approved is 0.35", id="threshold",
        ),
        pytest.param(SEEN, {"thresholds": []}, BOTH, "nobody answers for it", id="value"),
        pytest.param(
            SEEN, {}, frozenset({"analytics"}), "second approver 'ethics' has not signed",
            id="one signature",
        ),
    ],
)  # fmt: skip
def test_each_lack_is_a_reason(
    seen: Candidate, changes: dict[str, Any], signers: frozenset[str], reason: str
) -> None:
    """Alone it is the whole reason."""
    said = refusal(policy(**changes), signers, seen, TODAY)
    assert reason in said


def test_all_reasons_are_said_at_once() -> None:
    """Nobody repairs one to learn of the next."""
    said = refusal(policy(licences=[], models={}, thresholds=[]), BOTH, SEEN, TODAY)
    assert said.count("; ") == 2


def test_a_laboratory_admits_everything() -> None:
    """It is what it is for; its messages say so."""
    trial = policy(profile="laboratory", licences=[], models={}, thresholds=[])
    assert refusal(trial, frozenset(), SEEN, TODAY) == ""


SHIPPED = [read_card(path) for path in sorted(FOLDER.glob("*/card.yaml"))]
UNMEASURED = [card for card in SHIPPED if not card.measured]


@pytest.mark.parametrize("card", UNMEASURED, ids=lambda card: card.name)
@pytest.mark.parametrize(
    ("kind", "precision"), [("onnx", "fp32"), ("openvino", "f32"), ("tensorrt", "fp16")]
)
def test_a_shipped_model_nobody_measured_is_refused(card: Card, kind: str, precision: str) -> None:
    """Its published accuracy is of other pictures and another program: it admits no engine."""
    sha256 = card.weights[0].sha256 if card.weights else SHA
    seen = Candidate("street", 0.35, card, sha256, kind, precision)
    admitted = policy(models={card.name: {"use": "Tests"}}, licences=[card.licence.spdx])
    assert card.accuracy
    assert refusal(admitted, BOTH, seen, TODAY) == (
        f"no accuracy was measured for {sha256[:8]} in '{seen.engine}' (for this file: none); "
        f"run `edge model eval {card.name} --engine {kind}"
        + (f" --precision {precision}" if kind != "onnx" else "")
        + "` and put the record on the card"
    )


def test_of_the_shipped_models_two_were_measured() -> None:
    """Those whose weights were at hand; the cards of the others say so (test_card.py)."""
    measured = {card.name for card in SHIPPED if card.measured}
    assert measured == {"yolox-nano", "deimv2-femto"}
