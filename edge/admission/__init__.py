"""Admission: what may run here, decided by the operator's policy, each refusal with its reason.

Without a policy everything runs as it always did, and `about` says `ungoverned`. Under a policy a
model loads only with card, hash, licence, use, a fresh accuracy record and a governed threshold,
and a rule arms only with a purpose somebody answers for. docs/admission.md says it for people.
"""

from __future__ import annotations

from edge.admission.models import Candidate, refusal
from edge.admission.policy import Policy
from edge.admission.rules import Notice, Standing, standing

__all__ = ["Candidate", "Notice", "Policy", "Standing", "refusal", "standing"]
