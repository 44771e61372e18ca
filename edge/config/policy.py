"""Policy: what must agree within `policy.yaml`, and between it and the other files. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from edge.admission.policy import Policy
from edge.config.problem import Finding, any_of, suggest
from edge.rules import RuleOptions


def check_policy(policy: Policy) -> Iterator[Finding]:
    """Check `policy.yaml` by itself.

    Yields:
        Findings; see `edge.config.problem`.
    """
    if policy.profile == "governed" and policy.deployment is None:
        cause = "a governed box needs a deployment with a review date"
        yield Finding((), cause, "write `deployment:`, or `profile: laboratory`")
    if policy.profile == "governed" and len(policy.approvers) < 2:
        cause = f"a governed box needs two approvers, there are {len(policy.approvers)}"
        path = ("approvers",) if policy.approvers else ()
        yield Finding(path, cause, "add an office with the key that `edge policy key` prints")
    owners: dict[str, str] = {}
    for name, approver in policy.approvers.items():
        if approver.key in owners:
            cause = f"this is the key of '{owners[approver.key]}': two offices must not share one"
            yield Finding(("approvers", name, "key"), cause, "make a key for each")
        owners.setdefault(approver.key, name)
    for name, purpose in policy.purposes.items():
        yield from _known(policy, ("purposes", name, "owner"), purpose.owner)
    first: dict[str, int] = {}
    for i, one in enumerate(policy.thresholds):
        yield from _known(policy, ("thresholds", i, "owner"), one.owner)
        yield from _known(policy, ("thresholds", i, "approved_by"), one.approved_by)
        if one.owner == one.approved_by:
            cause = f"'{one.owner}' cannot approve what '{one.owner}' chose"
            yield Finding(("thresholds", i, "approved_by"), cause, "name another approver")
        if one.of in first:
            cause = f"{one.of} is given twice: number {first[one.of]} and number {i + 1}"
            yield Finding(("thresholds", i, "of"), cause, "delete one")
        first.setdefault(one.of, i + 1)
    if policy.deployment is not None and policy.deployment.review < policy.deployment.start:
        cause = "the review is before the start"
        yield Finding(("deployment", "review"), cause, "correct one of them")


def check_purposes(policy: Policy, rules: Sequence[RuleOptions]) -> Iterator[Finding]:
    """Check one camera's rules against the policy: warnings, for such a rule runs and is silent.

    Yields:
        Findings; see `edge.config.problem`.
    """
    if policy.profile != "governed":
        return
    for i, rule in enumerate(rules):
        if not rule.purpose:
            cause = f"rule '{rule.name}' has no purpose, so by the policy it does not arm"
            remedy = f"write `purpose:` with {any_of(policy.purposes) or 'one of policy.yaml'}"
            yield Finding(("rules", i), cause, remedy, "warning")
        elif rule.purpose not in policy.purposes:
            cause = f"policy.yaml has no purpose '{rule.purpose}', so the rule does not arm"
            remedy = suggest(rule.purpose, policy.purposes) or (
                f"it has {any_of(policy.purposes, 'and')}"
                if policy.purposes
                else "write it there, under `purposes:`"
            )
            yield Finding(("rules", i, "purpose"), cause, remedy, "warning")


def check_thresholds(
    policy: Policy, detectors: Sequence[str], rules: Mapping[str, Sequence[RuleOptions]]
) -> Iterator[Finding]:
    """Check that governed values are of something there is.

    Args:
        policy: The policy.
        detectors: Names of the appliance's.
        rules: By camera.

    Yields:
        Findings; see `edge.config.problem`.
    """
    for i, one in enumerate(policy.thresholds):
        parts = one.of.split(".")
        path = ("thresholds", i, "of")
        if parts[0] == "detectors":
            if parts[1] not in detectors:
                remedy = suggest(parts[1], detectors) or f"there is {any_of(detectors, 'and')}"
                yield Finding(path, f"no detector named '{parts[1]}'", remedy, "warning")
            continue
        found = [rule for rule in rules.get(parts[1], ()) if rule.name == parts[3]]
        if not found:
            cause = f"no rule '{parts[3]}' of a camera '{parts[1]}'"
            yield Finding(path, cause, "correct it, or delete this value", "warning")
        elif not isinstance(getattr(found[0], parts[4], None), int | float):
            cause = f"rule '{parts[3]}' has no number `{parts[4]}`"
            yield Finding(path, cause, "name an option of this rule", "warning")


def _known(policy: Policy, path: tuple[str | int, ...], name: str) -> Iterator[Finding]:
    if name not in policy.approvers:
        remedy = suggest(name, policy.approvers) or (
            f"there is {any_of(policy.approvers, 'and')}"
            if policy.approvers
            else "write `approvers:`"
        )
        yield Finding(path, f"no approver named '{name}'", remedy)
