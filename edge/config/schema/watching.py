"""Watching: how a camera is watched, and what several cameras share.

Pure.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from edge.config.schema.any_of import AnyDecoder, AnyGate, AnyRule, AnyTracker
from edge.options import Identifier, Options
from edge.rules import Location

Fps = Annotated[float, Field(ge=0.1, le=60)]


class Analyse(Options):
    """How a camera is watched."""

    detector: Annotated[
        Identifier,
        Field(description="Name of a detector in appliance.yaml.", examples=["street"]),
    ]
    fps: Annotated[
        Fps,
        Field(
            description="Pictures analysed a second. Below 5, people in crowds are confused; "
            "above 10, it mostly costs.",
            examples=[8],
        ),
    ] = 8.0
    gate: Annotated[
        AnyGate,
        Field(
            validate_default=True,
            description="When to look: always, or where something moves.",
            examples=["motion"],
        ),
    ] = "always"  # type: ignore[assignment]
    decoder: Annotated[
        AnyDecoder,
        Field(
            validate_default=True,
            description="What decodes the pictures: auto takes the chip of a Jetson where it can.",
            examples=["auto"],
        ),
    ] = "auto"  # type: ignore[assignment]
    tracker: Annotated[
        AnyTracker,
        Field(
            validate_default=True,
            description="How objects are followed from picture to picture.",
            examples=["bytetrack"],
        ),
    ] = "bytetrack"  # type: ignore[assignment]


class SharedAnalyse(Options):
    """How cameras are watched; each key as in a camera's `analyse`."""

    detector: Annotated[
        Identifier | None,
        Field(description="Name of a detector in appliance.yaml.", examples=["street"]),
    ] = None
    fps: Annotated[
        Fps | None,
        Field(description="Pictures analysed a second.", examples=[8]),
    ] = None
    gate: Annotated[
        AnyGate | None,
        Field(description="When to look.", examples=["motion"]),
    ] = None
    decoder: Annotated[
        AnyDecoder | None, Field(description="What decodes the pictures.", examples=["auto"])
    ] = None
    tracker: Annotated[
        AnyTracker | None, Field(description="How objects are followed.", examples=["bytetrack"])
    ] = None


class Shared(Options):
    """Keys of a camera's file that several cameras share. A camera's own value goes first."""

    enabled: Annotated[
        bool | None, Field(description="Whether cameras are watched.", examples=[True])
    ] = None
    source: Annotated[
        dict[str, Any],
        Field(
            default_factory=dict,
            description="Any keys of `source`; checked with each camera that takes them.",
            examples=[{"kind": "rtsp", "transport": "tcp"}],
        ),
    ]
    analyse: Annotated[
        SharedAnalyse | None,
        Field(description="How they are watched.", examples=[{"detector": "street", "fps": 8}]),
    ] = None
    location: Annotated[
        Location | None,
        Field(
            description="Where they are, for the schedules of rules.",
            examples=[{"time_zone": "Europe/London", "latitude": 51.5, "longitude": -0.13}],
        ),
    ] = None
    rules: Annotated[
        tuple[AnyRule, ...] | None,
        Field(
            description="Rules of a camera that has no `rules` of its own.",
            examples=[[{"name": "in-yard", "kind": "zone_entry", "zone": "yard"}]],
        ),
    ] = None
