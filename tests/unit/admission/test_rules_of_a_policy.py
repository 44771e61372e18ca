"""A rule arms only with a purpose, within its dates, and while two people stand behind it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from edge.admission import Standing, standing
from edge.admission.policy import Policy
from edge.rules import RuleOptions
from edge.rules.loitering import Options as Loitering
from tests.unit.admission.policies import TODAY, policy

BOTH = frozenset({"analytics", "ethics"})


def rule(**changes: Any) -> RuleOptions:
    """One whose purpose is in the policy."""
    told = {"kind": "loitering", "name": "stay", "zone": "yard", "seconds": 30.0}
    return Loitering.model_validate({**told, "purpose": "yard-safety", **changes})


def judged(
    governed: Policy | None,
    one: RuleOptions | None = None,
    *,
    signers: frozenset[str] = BOTH,
    today: dt.date = TODAY,
    detector: str = "",
) -> Standing:
    """How the policy bears on one rule of the camera `gate`."""
    return standing(governed, signers, {"gate": [one or rule()]}, {"gate": detector}, today)


def test_a_rule_in_order_arms() -> None:
    """Nothing is refused, and nothing is due yet."""
    assert judged(policy()) == Standing()


@pytest.mark.parametrize(
    "governed",
    [
        pytest.param(None, id="no policy"),
        pytest.param(policy(profile="laboratory"), id="laboratory"),
    ],
)
def test_nothing_is_kept_back_where_nothing_is_governed(governed: Policy | None) -> None:
    """As the contract's sample configuration has it: rules without a purpose arm."""
    assert judged(governed, rule(purpose=""), signers=frozenset(), detector="x") == Standing()


@pytest.mark.parametrize(
    ("governed", "one", "told", "reason"),
    [
        pytest.param(policy(), rule(purpose=""), {}, "it has no purpose", id="none"),
        pytest.param(policy(), rule(purpose="fun"), {}, "no purpose 'fun'", id="unknown"),
        pytest.param(
            policy(), rule(), {"today": dt.date(2027, 1, 11)},
            "its purpose 'yard-safety' was to be reviewed by 2027-01-10", id="past its review",
        ),
        pytest.param(
            policy(), rule(), {"today": dt.date(2027, 5, 1)},
            "the deployment was to be reviewed by 2027-04-30", id="deployment past its review",
        ),
        pytest.param(
            policy(), rule(), {"today": dt.date(2026, 10, 31)}, "begins on 2026-11-01", id="early"
        ),
        pytest.param(
            policy(), rule(), {"signers": frozenset({"ethics"})}, "1 of 2 signatures", id="one hand"
        ),
        pytest.param(
            policy(), rule(), {"detector": "no card"}, "its detector is not admitted: no card",
            id="model",
        ),
        pytest.param(
            policy(thresholds=[{
                "of": "cameras.gate.rules.stay.seconds", "value": 60, "owner": "analytics",
                "approved_by": "ethics", "reason": "trial", "date": "2026-10-01",
            }]),
            rule(), {}, "cameras.gate.rules.stay.seconds is 30, approved is 60", id="limit",
        ),
    ],
)  # fmt: skip
def test_what_is_lacking_is_said(
    governed: Policy, one: RuleOptions, told: dict[str, Any], reason: str
) -> None:
    """The rule does not arm, and why."""
    assert reason in judged(governed, one, **told).refused["gate", "stay"]


def test_the_last_day_still_arms_and_warns_for_weeks_before() -> None:
    """Six weeks of warnings, each with the days that are left; on the day itself it still runs."""
    assert judged(policy(), today=dt.date(2026, 11, 28)).notices == ()
    (notice,) = judged(policy(), today=dt.date(2026, 11, 29)).notices
    assert str(notice) == (
        "purpose yard-safety has to be reviewed by 2027-01-10, in 42 days; "
        "its rules disarm after that"
    )
    last = judged(policy(), today=dt.date(2027, 1, 10))
    assert last.refused == {}
    assert [one.days for one in last.notices] == [0]


def test_a_purpose_nobody_uses_is_not_due() -> None:
    """No warning about what bears on nothing."""
    unused = judged(policy(), rule(purpose=""), today=dt.date(2027, 1, 9))
    assert unused.notices == ()
