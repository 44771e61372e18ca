"""Camera: what a file in `cameras/` says.

Pure.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from edge.config.calibration import Calibration
from edge.config.schema.any_of import AnyRule, AnySource
from edge.config.schema.version import Version
from edge.config.schema.watching import Analyse
from edge.evidence.policy import PolicyChange
from edge.options import Identifier, Options, Point
from edge.rules import Location

Polygon = Annotated[tuple[Point, ...], Field(min_length=3)]
Line = Annotated[tuple[Point, ...], Field(min_length=2)]


class Camera(Options):
    """One camera: a file in `cameras/`."""

    version: Version
    camera: Annotated[
        Identifier,
        Field(
            description="The camera's id, unique on this box; a topic level.",
            examples=["high-street-north"],
        ),
    ]
    name: Annotated[
        str, Field(description="What people call it.", examples=["High Street, north end"])
    ] = ""
    profile: Annotated[
        Identifier | None,
        Field(
            description="Name of a profile in appliance.yaml, whose keys this camera takes where "
            "it has none of its own.",
            examples=["yard"],
        ),
    ] = None
    enabled: Annotated[
        bool, Field(description="Whether it is watched; `false` says `disabled`.", examples=[True])
    ] = True
    source: Annotated[
        AnySource,
        Field(
            description="Where its pictures come from.",
            examples=[{"kind": "rtsp", "url": "rtsp://10.0.0.21:554/stream1"}],
        ),
    ]
    analyse: Annotated[
        Analyse, Field(description="How it is watched.", examples=[{"detector": "street"}])
    ]
    zones: Annotated[
        dict[Identifier, Polygon],
        Field(
            default_factory=dict,
            description="Polygons by name: corners [x, y] in fractions of the picture, x to the "
            "right, y down, [0, 0] top left.",
            examples=[{"yard": [[0.1, 0.5], [0.9, 0.5], [0.9, 1.0], [0.1, 1.0]]}],
        ),
    ]
    lines: Annotated[
        dict[Identifier, Line],
        Field(
            default_factory=dict,
            description="Directed lines by name: points from first to last, as in zones.",
            examples=[{"gate": [[0.2, 0.8], [0.8, 0.8]]}],
        ),
    ]
    masks: Annotated[
        dict[Identifier, Polygon],
        Field(
            default_factory=dict,
            description="Privacy: polygons that are black before anything sees the picture.",
            examples=[{"flats": [[0.0, 0.0], [0.3, 0.0], [0.3, 0.2], [0.0, 0.2]]}],
        ),
    ]
    evidence: Annotated[
        PolicyChange | None,
        Field(
            description="What this camera has otherwise than `storage.evidence`; any of its keys "
            "on what is made and what is hidden.",
            examples=[{"redaction": "figures", "metadata_only": False}],
        ),
    ] = None
    calibration: Annotated[
        Calibration | None,
        Field(
            description="Where the ground is, so that places become metres: needed for speed and "
            "for how much detail a zone shows.",
            examples=[
                {
                    "size": [1920, 1080],
                    "heights": [
                        {"foot": [0.3, 0.8], "head": [0.3, 0.6], "metres": 1.7},
                        {"foot": [0.7, 0.9], "head": [0.7, 0.65], "metres": 1.7},
                        {"foot": [0.6, 0.6], "head": [0.6, 0.48], "metres": 1.7},
                    ],
                }
            ],
        ),
    ] = None
    location: Annotated[
        Location | None,
        Field(
            description="Where it is, for the schedules of its rules.",
            examples=[{"time_zone": "Europe/London", "latitude": 51.5, "longitude": -0.13}],
        ),
    ] = None
    rules: Annotated[
        tuple[AnyRule, ...],
        Field(
            description="What to report.",
            examples=[[{"name": "in-yard", "kind": "zone_entry", "zone": "yard"}]],
        ),
    ] = ()
