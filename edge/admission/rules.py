"""Rules: which may arm today, and what has to be reviewed soon. Pure: the day comes in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from edge.admission.models import threshold_reasons
from edge.admission.policy import SIGNATURES, Policy
from edge.rules import RuleOptions

Place = tuple[str, str]
"""Camera and rule."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to review before its date.

    Attributes:
        what: `deployment`, or `purpose NAME`.
        due: The last day without a review.
        days: From today to it.
    """

    what: str
    due: dt.date
    days: int

    def __str__(self) -> str:
        """Such as `purpose yard-safety has to be reviewed by 2027-04-30, in 12 days`."""
        when = "today" if self.days == 0 else f"in {self.days} day{'s' * (self.days != 1)}"
        return f"{self.what} has to be reviewed by {self.due}, {when}; its rules disarm after that"


@dataclass(frozen=True)
class Standing:
    """How a policy bears on a configuration on one day.

    Attributes:
        refused: Why a rule does not arm, by camera and rule; rules that arm are not in it.
        notices: What has to be reviewed soon.
    """

    refused: Mapping[Place, str] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()


def standing(
    policy: Policy | None,
    signers: frozenset[str],
    rules: Mapping[str, Sequence[RuleOptions]],
    detectors: Mapping[str, str],
    today: dt.date,
) -> Standing:
    """Say which rules may arm.

    Args:
        policy: None where nothing is governed; then, and in a laboratory, all arm.
        signers: Approvers whose signature over it is right.
        rules: By camera.
        detectors: Why a camera's detector is not admitted, by camera; empty words where it is.
        today: UTC.
    """
    if policy is None or policy.profile == "laboratory":
        return Standing()
    whole = list(_whole(policy, signers, today))
    refused = {}
    for camera, some in rules.items():
        for rule in some:
            reasons = [*whole, *_of_rule(policy, signers, camera, rule, today)]
            if detectors.get(camera):
                reasons.append(f"its detector is not admitted: {detectors[camera]}")
            if reasons:
                refused[camera, rule.name] = "; ".join(reasons)
    used = {rule.purpose for some in rules.values() for rule in some}
    return Standing(refused, tuple(_notices(policy, used, today)))


def _whole(policy: Policy, signers: frozenset[str], today: dt.date) -> Iterator[str]:
    """What holds back every rule."""
    if len(signers) < SIGNATURES:
        yield (
            f"policy.yaml has {len(signers)} of {SIGNATURES} signatures: "
            "run `edge policy sign` with another approver's key"
        )
    if policy.deployment is None:
        yield "policy.yaml has no deployment"
        return
    if today < policy.deployment.start:
        yield f"the deployment begins on {policy.deployment.start}"
    if today > policy.deployment.review:
        yield f"the deployment was to be reviewed by {policy.deployment.review}"


def _of_rule(
    policy: Policy, signers: frozenset[str], camera: str, rule: RuleOptions, today: dt.date
) -> Iterator[str]:
    purpose = policy.purposes.get(rule.purpose)
    if not rule.purpose:
        yield "it has no purpose"
    elif purpose is None:
        yield f"policy.yaml has no purpose '{rule.purpose}'"
    elif today > purpose.review:
        yield f"its purpose '{rule.purpose}' was to be reviewed by {purpose.review}"
    prefix = f"cameras.{camera}.rules.{rule.name}."
    for one in policy.thresholds:
        if not one.of.startswith(prefix):
            continue
        value = getattr(rule, one.of.removeprefix(prefix), None)
        if isinstance(value, int | float):
            yield from threshold_reasons(policy, signers, one.of, float(value), is_needed=False)
        else:
            yield f"{one.of} is governed, and the rule has no such number"


def _notices(policy: Policy, used: set[str], today: dt.date) -> Iterator[Notice]:
    dates = {
        f"purpose {name}": policy.purposes[name].review for name in policy.purposes.keys() & used
    }
    if policy.deployment is not None:
        dates["deployment"] = policy.deployment.review
    for what, due in sorted(dates.items(), key=lambda item: (item[1], item[0])):
        days = (due - today).days
        if 0 <= days <= policy.warn_days:
            yield Notice(what, due, days)
