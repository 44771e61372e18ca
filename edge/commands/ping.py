"""ping: is the box there, and can it be commanded?"""

from __future__ import annotations

from pydantic import Field

from edge import commands
from edge.commands import Box, Caller


class Request(commands.Request):
    """Asks nothing but an answer."""


class Result(commands.Result):
    """How the cameras are."""

    cameras: dict[str, str] = Field(description="State of each camera, as in its status.")


def run(request: Request, caller: Caller, box: Box) -> Result:  # noqa: ARG001 - as every verb
    """Say that we are here."""
    return Result(cameras=box.look())
