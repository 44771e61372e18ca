"""A policy that is in order, and what it is judged on."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import yaml

from edge.admission import Policy
from edge.admission.signatures import new_key

TODAY = dt.date(2026, 11, 24)


def keys(folder: Path) -> dict[str, str]:
    """Two approvers' public keys; the private halves are `<name>.pem`."""
    return {name: new_key(folder / f"{name}.pem") for name in ("analytics", "ethics")}


def policy_as_data(public: dict[str, str] | None = None, **changes: Any) -> dict[str, Any]:
    """What `policy.yaml` says, with keys that sign nothing unless they are given."""
    public = public or {"analytics": "A" * 43 + "=", "ethics": "B" * 42 + "A="}
    return {
        "version": 1,
        "profile": "governed",
        "deployment": {
            "name": "Yard, trial",
            "authoriser": "Chief superintendent",
            "start": "2026-11-01",
            "review": "2027-04-30",
        },
        "licences": ["Apache-2.0"],
        "evaluation": {"max_age_days": 365},
        "models": {"tiny": {"use": "Finding people in a yard"}},
        "approvers": {name: {"role": name.title(), "key": key} for name, key in public.items()},
        "purposes": {
            "yard-safety": {
                "statement": "Nobody is hurt where lorries reverse",
                "legal_basis": "Health and Safety at Work Act 1974",
                "owner": "analytics",
                "review": "2027-01-10",
                "dpia": "DPIA-2026-017 v2",
            }
        },
        "thresholds": [
            {
                "of": "detectors.street.confidence",
                "value": 0.35,
                "owner": "analytics",
                "approved_by": "ethics",
                "reason": "At most one false alarm a day in trial 3",
                "date": "2026-10-01",
            }
        ],
        **changes,
    }


def policy(**changes: Any) -> Policy:
    """The same, read."""
    return Policy.model_validate_json(json.dumps(policy_as_data(**changes)))


def write_policy(folder: Path, public: dict[str, str], **changes: Any) -> Path:
    """The same, as a file."""
    path = folder / "policy.yaml"
    path.write_text(yaml.safe_dump(policy_as_data(public, **changes), sort_keys=False))
    return path
