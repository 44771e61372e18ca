"""clip: keep the last seconds of a camera as evidence, and say under which name.

The clip itself never travels over MQTT. Where the policy lets none be made (privacy masks,
`metadata_only`) the answer says so.
"""

from __future__ import annotations

from pydantic import Field

from edge import commands
from edge.commands import Box, Caller
from edge.message import Sha256, Timestamp
from edge.options import Identifier


class Request(commands.Request):
    """Which camera, and how much."""

    camera: Identifier = Field(description="The camera's id.")
    seconds: int = Field(
        default=10,
        ge=1,
        le=60,
        description="How much of the recent past, at least; as far as the box still holds it.",
    )


class Result(commands.Result):
    """A reference into the evidence on the box."""

    ref: str = Field(description="Name of the file.")
    sha256: Sha256 = Field(description="Hex digest of its bytes.")
    begin: Timestamp = Field(description="UTC of its first picture.")
    end: Timestamp = Field(description="UTC of its last picture.")


def run(request: Request, caller: Caller, box: Box) -> Result:
    """Keep it."""
    kept = box.clip(request.camera, request.seconds, caller)
    return Result(ref=kept.ref, sha256=kept.sha256, begin=kept.begin, end=kept.end)
