"""Storage: what the box keeps on disk, and for how long.

Pure.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from edge.config.schema.any_of import AnyDelivery
from edge.evidence.policy import Policy
from edge.options import Identifier, Options


class Outbox(Options):
    """Events on their way to the broker."""

    max_mib: Annotated[
        int,
        Field(
            ge=1,
            le=65536,
            description="Most disk space for events not yet sent, in MiB. When it is full, updates "
            "are dropped first, then info, review and at last alerts, the oldest of each first; "
            "every drop is counted.",
            examples=[256],
        ),
    ] = 256


class Encryption(Options):
    """Evidence encrypted at rest: a stolen disk shows nothing."""

    key_name: Annotated[
        Identifier,
        Field(
            description="Name of the systemd credential that holds the key of 32 bytes; without it "
            "no evidence is kept.",
            examples=["evidence-key"],
        ),
    ] = "evidence-key"


Days = Annotated[int, Field(ge=1, le=3660)]
Gib = Annotated[float, Field(gt=0, le=100_000)]


class Evidence(Policy):
    """Clips and snapshots kept on the box; without this block none are."""

    max_gib: Annotated[
        float,
        Field(
            gt=0,
            le=100_000,
            description="Most disk space, in GiB; beyond it the oldest goes first, what is on "
            "legal hold never.",
            examples=[20],
        ),
    ] = 20
    keep_days: Annotated[
        int, Field(ge=1, le=366, description="Days after which it is erased.", examples=[30])
    ] = 30
    keep_days_by_purpose: Annotated[
        dict[str, Days],
        Field(
            default_factory=dict,
            description="The same for rules of one purpose, by the words of its `purpose`.",
            examples=[{"traffic management": 7}],
        ),
    ]
    max_gib_per_camera: Annotated[
        Gib | None, Field(description="Most disk space for each camera, in GiB.", examples=[5])
    ] = None
    max_gib_by_camera: Annotated[
        dict[Identifier, Gib],
        Field(
            default_factory=dict,
            description="The same for single cameras, by their ids.",
            examples=[{"high-street-north": 8}],
        ),
    ]
    min_free_gib: Annotated[
        float,
        Field(
            ge=0,
            le=100_000,
            description="What is to stay free on the disk, in GiB. Below it the oldest evidence is "
            "erased, but for the last day's; where that is not enough, clean copies are no longer "
            "made, below two thirds of it clips, below one third snapshots.",
            examples=[1],
        ),
    ] = 1
    encryption: Annotated[
        Encryption | None,
        Field(description="Encrypt it at rest.", examples=[{"key_name": "evidence-key"}]),
    ] = None
    upload: Annotated[
        dict[Identifier, AnyDelivery],
        Field(
            default_factory=dict,
            description="Where it is sent off the box, by name.",
            examples=[
                {
                    "archive": {
                        "kind": "s3",
                        "url": "https://s3.example",
                        "bucket": "evidence",
                        "access_key": "!secret s3_access",
                        "secret_key": "!secret s3_secret",
                    }
                }
            ],
        ),
    ]


class Storage(Options):
    """Disk space."""

    path: Annotated[
        Path,
        Field(
            description="Folder for everything written; relative to the configuration folder.",
            examples=["/var/lib/edge"],
        ),
    ] = Path("/var/lib/edge")
    outbox: Annotated[Outbox, Field(description="Events not yet sent.")] = Outbox()
    evidence: Annotated[
        Evidence | None,
        Field(
            description="Clips and snapshots of alerts, kept on the box; without this block none "
            "are.",
            examples=[{"max_gib": 20, "keep_days": 30}],
        ),
    ] = None
