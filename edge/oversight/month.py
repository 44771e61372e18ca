"""Month: the figures of one month as tables, from the facts of its log. Pure."""

from __future__ import annotations

from edge.oversight._alarms import alerts, false_alarms
from edge.oversight._fairness import fairness
from edge.oversight._governed import models, referrals, refusals, thresholds
from edge.oversight._kept import access, evidence, log
from edge.oversight._watching import deployments, outages, watching
from edge.oversight.facts import Month
from edge.oversight.table import Table


def tables(month: Month, *, is_public: bool) -> list[Table]:
    """Everything that is counted.

    Args:
        month: The facts.
        is_public: Without names, and without counts of a few.
    """
    return [
        deployments(month),
        watching(month),
        alerts(month, is_public=is_public),
        false_alarms(month, is_public=is_public),
        referrals(month, is_public=is_public),
        models(month),
        thresholds(month, is_public=is_public),
        fairness(month, is_public=is_public),
        outages(month),
        evidence(month, is_public=is_public),
        access(month, is_public=is_public),
        refusals(month),
        log(month),
    ]
