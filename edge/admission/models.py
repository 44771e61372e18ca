"""Models: may these weights, run in this way, be used here? Pure.

The accuracy of a file in one engine and precision says nothing of another: published tables hold
engines at a tenth of their accuracy that nobody noticed. So a record counts only for what was run.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from edge.admission.policy import Policy
from edge.detectors import Card, Measured


@dataclass(frozen=True)
class Candidate:
    """What wants to run.

    Attributes:
        detector: Its name in appliance.yaml.
        confidence: Its threshold.
        card: Of its model.
        sha256: Of the weights on this box; the card accepts them.
        kind: Of engine, such as `openvino`.
        precision: What the engine computes in, in the engine's word; of `onnx` the file's.
    """

    detector: str
    confidence: float
    card: Card
    sha256: str
    kind: str
    precision: str

    @property
    def engine(self) -> str:
        """In the words of an accuracy record."""
        return self.kind if self.kind == "onnx" else f"{self.kind}, precision {self.precision}"

    def is_measured_by(self, record: Measured) -> bool:
        """Whether an accuracy record is of these weights, run in this way."""
        return (record.weights, record.engine) == (self.sha256, self.engine)


def refusal(policy: Policy, signers: frozenset[str], seen: Candidate, today: dt.date) -> str:
    """Why a policy does not admit a model, every reason; empty where it does.

    Args:
        policy: The policy. A laboratory admits everything.
        signers: Approvers whose signature over it is right.
        seen: What wants to run.
        today: UTC.
    """
    if policy.profile == "laboratory":
        return ""
    return "; ".join(_reasons(policy, signers, seen, today))


def _reasons(
    policy: Policy, signers: frozenset[str], seen: Candidate, today: dt.date
) -> Iterator[str]:
    card = seen.card
    if card.name not in policy.models:
        yield f"policy.yaml states no use of {card.name}: add it under `models:`"
    if card.licence.spdx not in policy.licences:
        allowed = ", ".join(policy.licences) or "none"
        yield f"its licence {card.licence.spdx} is not allowed here (allowed: {allowed})"
    yield from _accuracy(policy, seen, today)
    yield from threshold_reasons(
        policy, signers, f"detectors.{seen.detector}.confidence", seen.confidence, is_needed=True
    )


def _accuracy(policy: Policy, seen: Candidate, today: dt.date) -> Iterator[str]:
    of_file = [one for one in seen.card.measured if one.weights == seen.sha256]
    found = [one for one in of_file if seen.is_measured_by(one)]
    remedy = f"run `edge model eval {seen.card.name} --engine {seen.kind}" + (
        "`" if seen.kind == "onnx" else f" --precision {seen.precision}`"
    )
    if not found:
        known = ", ".join(f"'{one.engine}'" for one in of_file) or "none"
        yield (
            f"no accuracy was measured for {seen.sha256[:8]} in '{seen.engine}' (for this file: "
            f"{known}); {remedy} and put the record on the card"
        )
        return
    newest = max(found, key=lambda one: one.date)
    age = (today - newest.date).days
    if age < 0:
        yield f"its evaluation is dated {newest.date}, after today, {today}: check the box's clock"
    elif age > policy.evaluation.max_age_days:
        yield (
            f"its evaluation of {newest.date} is {age} days old, at most "
            f"{policy.evaluation.max_age_days} are allowed; {remedy} again"
        )


def threshold_reasons(
    policy: Policy, signers: frozenset[str], of: str, value: float, *, is_needed: bool
) -> Iterator[str]:
    """Why a value is not the one that two people stand behind.

    Args:
        policy: The policy.
        signers: Approvers whose signature over it is right.
        of: Which value.
        value: What the configuration says.
        is_needed: It has to be governed; else only what is governed is compared.
    """
    one = next((threshold for threshold in policy.thresholds if threshold.of == of), None)
    if one is None:
        if is_needed:
            yield f"{of} is {value:g} and nobody answers for it: add it under `thresholds:`"
        return
    if one.value != value:
        yield f"{of} is {value:g}, approved is {one.value:g}: change one of them"
    for part, name in (("owner", one.owner), ("second approver", one.approved_by)):
        if name not in signers:
            yield (
                f"{of}: its {part} '{name}' has not signed this policy: "
                "run `edge policy sign` with their key"
            )
