"""clip: keep the last seconds of a camera as evidence, and say where. Not in this release.

Raw packets carry what the privacy masks hide, so a clip may leave the ring only into a vault that
redacts and forgets on time; this release has none. The verb is known, so that a control room gets
an answer instead of silence.
"""

from __future__ import annotations

from pydantic import Field

from edge import commands
from edge.commands import Box, Caller, CommandFailed
from edge.options import Identifier


class Request(commands.Request):
    """Which camera, and how much."""

    camera: Identifier = Field(description="The camera's id.")
    seconds: int = Field(default=10, ge=1, le=60, description="How much of the recent past.")


class Result(commands.Result):
    """A reference into the evidence vault; the clip itself never travels over MQTT."""

    ref: str = Field(description="Name of the file in the evidence vault.")
    sha256: str = Field(description="Hex digest of its bytes.")


def run(request: Request, caller: Caller, box: Box) -> Result:  # noqa: ARG001 - as every verb
    """Refuse.

    Raises:
        CommandFailed: Always, in this release.
    """
    raise CommandFailed("clips are not available in this release: it keeps no evidence")
