"""Policy: what an operator has decided may run here, and who answers for it. Pure.

`policy.yaml` in the configuration folder. Where there is none, nothing is governed, and `about`
says so; a file that is there and wrong is never taken for none.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from edge.options import Identifier, Options

FILE = "policy.yaml"

Text = Annotated[str, StringConstraints(min_length=1, max_length=400, strip_whitespace=True)]


def _day(value: object) -> object:
    """A date's text, when it is one."""
    if isinstance(value, str):
        try:
            return dt.date.fromisoformat(value)
        except ValueError:
            raise ValueError(f"expected a day such as 2026-11-24, got '{value}'") from None
    return value


Date = Annotated[dt.date, BeforeValidator(_day)]
Profile: TypeAlias = Literal["governed", "laboratory"]

KEY_BYTES = 32

SIGNATURES = 2
"""Approvers a governed policy needs: nobody decides alone."""


def _is_key(text: str) -> str:
    """A public key's text, when it is one."""
    try:
        n = len(base64.b64decode(text, validate=True))
    except (ValueError, binascii.Error):
        n = -1
    if n != KEY_BYTES:
        raise ValueError("expected an Ed25519 public key in base64, as `edge policy key` prints it")
    return text


class Approver(Options):
    """Somebody who may sign this policy."""

    role: Annotated[
        Text,
        Field(
            description="Their office; it is published, a person's name never is.",
            examples=["Head of analytics"],
        ),
    ]
    key: Annotated[
        str,
        AfterValidator(_is_key),
        Field(
            description="Their public key, Ed25519 in base64; `edge policy key` makes a pair.",
            examples=["Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE="],
        ),
    ]


class Deployment(Options):
    """What the box as a whole stands there for, and until when."""

    name: Annotated[
        Text, Field(description="What people call it.", examples=["High Street, trial"])
    ]
    authoriser: Annotated[
        Text, Field(description="The office that authorised it.", examples=["Chief superintendent"])
    ]
    start: Annotated[Date, Field(description="First day.", examples=["2026-11-01"])]
    review: Annotated[
        Date,
        Field(
            description="Last day without a review: on the day after, every rule disarms.",
            examples=["2027-04-30"],
        ),
    ]


class Purpose(Options):
    """What rules are for. A rule names one in its `purpose`."""

    statement: Annotated[
        Text,
        Field(
            description="In words a citizen understands.",
            examples=["Nobody is hurt where lorries reverse"],
        ),
    ]
    legal_basis: Annotated[
        Text, Field(description="On what ground.", examples=["DPA 2018 s.35, strictly necessary"])
    ]
    owner: Annotated[
        Identifier, Field(description="The approver who answers for it.", examples=["analytics"])
    ]
    review: Annotated[
        Date,
        Field(
            description="Last day without a review: on the day after, its rules disarm.",
            examples=["2027-04-30"],
        ),
    ]
    dpia: Annotated[
        Text,
        Field(description="Reference of its impact assessment.", examples=["DPIA-2026-017 v2"]),
    ]


class ModelUse(Options):
    """A model that may run here."""

    use: Annotated[
        Text, Field(description="What for.", examples=["Finding people and vehicles in a yard"])
    ]


class Evaluation(Options):
    """What an accuracy record must be."""

    max_age_days: Annotated[
        int, Field(ge=1, le=3660, description="Oldest evaluation that counts.", examples=[365])
    ] = 365


class Threshold(Options):
    """One governed value."""

    of: Annotated[
        str,
        StringConstraints(
            pattern=r"^(detectors\.[a-z0-9-]{1,32}\.confidence"
            r"|cameras\.[a-z0-9-]{1,32}\.rules\.[a-z0-9-]{1,32}\.[a-z_]{1,32})$"
        ),
        Field(
            description="Which: `detectors.NAME.confidence`, or "
            "`cameras.CAMERA.rules.RULE.OPTION`.",
            examples=["detectors.street.confidence"],
        ),
    ]
    value: Annotated[float, Field(description="What it must be.", strict=False, examples=[0.35])]
    owner: Annotated[
        Identifier, Field(description="The approver who chose it.", examples=["analytics"])
    ]
    approved_by: Annotated[Identifier, Field(description="A second approver.", examples=["ethics"])]
    reason: Annotated[
        Text,
        Field(description="Why this value.", examples=["At most one false alarm a day in trial 3"]),
    ]
    date: Annotated[Date, Field(description="When it was chosen.", examples=["2026-10-01"])]


class Referral(Options):
    """Figures that, when passed, send the deployment back to whoever authorised it."""

    false_alarm_share: Annotated[
        float | None,
        Field(
            gt=0,
            le=1,
            description="Most of the reviewed alerts that may be false; passed when even the lower "
            "end of the interval is above it.",
            examples=[0.2],
        ),
    ] = None
    outage_share: Annotated[
        float | None,
        Field(
            gt=0,
            le=1,
            description="Most of a month that a camera may not be watching while it should.",
            examples=[0.05],
        ),
    ] = None


class Policy(Options):
    """What may run here: `policy.yaml`."""

    version: Annotated[
        Literal[1], Field(description="Layout of this file; this release reads 1.", examples=[1])
    ]
    profile: Annotated[
        Profile,
        Field(
            description="`governed`: what this file does not admit does not run. `laboratory`: "
            "everything runs, and every message says that it is a trial.",
            examples=["governed"],
        ),
    ]
    deployment: Annotated[
        Deployment | None,
        Field(
            description="The deployment; a governed box needs one.",
            examples=[
                {
                    "name": "High Street, trial",
                    "authoriser": "Chief superintendent",
                    "start": "2026-11-01",
                    "review": "2027-04-30",
                }
            ],
        ),
    ] = None
    warn_days: Annotated[
        int,
        Field(ge=1, le=366, description="Days before a review that warnings begin.", examples=[42]),
    ] = 42
    licences: Annotated[
        tuple[Text, ...],
        Field(
            description="Licences of weights that are allowed here, by SPDX identifier.",
            examples=[["Apache-2.0"]],
        ),
    ] = ()
    evaluation: Annotated[
        Evaluation,
        Field(description="What an accuracy record must be.", examples=[{"max_age_days": 365}]),
    ] = Evaluation()
    refer: Annotated[
        Referral,
        Field(
            description="What calls for re-referral, in the monthly report.",
            examples=[{"false_alarm_share": 0.2, "outage_share": 0.05}],
        ),
    ] = Referral()
    models: Annotated[
        dict[Identifier, ModelUse],
        Field(
            default_factory=dict,
            description="Models that may run here, by the name of their card.",
            examples=[{"yolox-nano": {"use": "Finding people and vehicles in a yard"}}],
        ),
    ]
    approvers: Annotated[
        dict[Identifier, Approver],
        Field(
            default_factory=dict,
            description="Who may sign, by a short name of the office.",
            examples=[{"ethics": {"role": "Ethics committee", "key": "..."}}],
        ),
    ]
    purposes: Annotated[
        dict[Identifier, Purpose],
        Field(
            default_factory=dict,
            description="Purposes by the name that rules give in `purpose`.",
            examples=[
                {
                    "yard-safety": {
                        "statement": "Nobody is hurt where lorries reverse",
                        "legal_basis": "Health and Safety at Work Act 1974",
                        "owner": "analytics",
                        "review": "2027-04-30",
                        "dpia": "DPIA-2026-017 v2",
                    }
                }
            ],
        ),
    ]
    thresholds: Annotated[
        tuple[Threshold, ...],
        Field(
            description="Governed values. A governed box needs one for the confidence of each "
            "detector that runs a model.",
            examples=[
                [
                    {
                        "of": "detectors.street.confidence",
                        "value": 0.35,
                        "owner": "analytics",
                        "approved_by": "ethics",
                        "reason": "At most one false alarm a day in trial 3",
                        "date": "2026-10-01",
                    }
                ]
            ],
        ),
    ] = ()
