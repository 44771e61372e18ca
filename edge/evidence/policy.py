"""Policy: what is kept of an alert, and what is hidden in it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, create_model

from edge.event import Event, Kind, Priority
from edge.options import Options
from edge.redaction import Redaction

OF_THE_PICTURE: frozenset[Kind] = frozenset(
    {"camera_lost", "camera_frozen", "camera_covered", "camera_moved"}
)
"""Conditions of the appliance that the pictures before them may explain."""


class Policy(Options):
    """What evidence is made."""

    priorities: Annotated[
        tuple[Priority, ...],
        Field(
            description="Events that evidence is made of: those of these priorities.",
            examples=[["alert", "review"]],
        ),
    ] = ("alert",)
    pre_seconds: Annotated[
        int,
        Field(
            ge=0,
            le=30,
            description="How long before the event a clip begins, at least: at the keyframe before "
            "that. Costs memory: so much of the stream is held for each camera.",
            examples=[5],
        ),
    ] = 5
    post_seconds: Annotated[
        int,
        Field(ge=0, le=60, description="How long after it a clip goes on.", examples=[10]),
    ] = 10
    chunk_seconds: Annotated[
        int,
        Field(
            ge=5,
            le=600,
            description="Clips of long incidents are cut into files of this length, each complete "
            "in itself: what a power cut can take of an incident.",
            examples=[60],
        ),
    ] = 60
    most_seconds: Annotated[
        int,
        Field(
            ge=10,
            le=7200,
            description="Longest clip of one incident, all its files together; an incident that "
            "lasts longer goes on without.",
            examples=[600],
        ),
    ] = 600
    metadata_only: Annotated[
        bool,
        Field(
            description="Store and send no picture at all: no clip, no snapshot, no answer to the "
            "commands `clip` and `snapshot`, no live picture.",
            examples=[False],
        ),
    ] = False
    redaction: Annotated[
        Redaction,
        Field(
            description="What of people is pixelated in snapshots and live pictures, for everybody "
            "without the evidence role: `heads`, whole `figures`, or `none`.",
            examples=["heads"],
        ),
    ] = "heads"
    masked_clips: Annotated[
        Literal["withhold", "reencode"],
        Field(
            description="Clips of a camera that has privacy masks: none is made (`withhold`), or "
            "the pictures are decoded, masked and coded again (`reencode`), for 0.4 of a core "
            "at 1080p while it lasts.",
            examples=["withhold"],
        ),
    ] = "withhold"

    def changed(self, change: Options | None) -> Policy:
        """This policy with what one camera has otherwise."""
        if change is None:
            return self
        return self.model_copy(update=change.model_dump(exclude_none=True))

    def wants(self, event: Event) -> bool:
        """Whether evidence is made of an event: where something begins, never where it goes on."""
        is_about_pictures = event.kind in OF_THE_PICTURE or (
            bool(event.rule) and event.kind != "rule_disarmed"
        )
        return (
            not self.metadata_only
            and event.phase in ("begin", "pulse")
            and event.priority in self.priorities
            and is_about_pictures
        )


if TYPE_CHECKING:
    PolicyChange = Options
else:
    PolicyChange = create_model(
        "PolicyChange",
        __base__=Options,
        __doc__="What one camera has otherwise; each key as in `storage.evidence`.",
        **{
            name: (
                Annotated[
                    field.rebuild_annotation() | None,
                    Field(description=field.description, examples=field.examples),
                ],
                None,
            )
            for name, field in Policy.model_fields.items()
        },
    )
