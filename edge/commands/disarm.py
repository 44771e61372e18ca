"""disarm: keep a rule's events back for a time, as visibly as an alarm."""

from __future__ import annotations

from pydantic import Field

from edge import commands
from edge.commands import Box, Caller
from edge.message import Timestamp
from edge.options import Identifier


class Request(commands.Request):
    """Which rule, and for how long. There is no disarming without an end."""

    camera: Identifier = Field(description="The camera's id.")
    rule: Identifier = Field(description="The rule's name.")
    seconds: int = Field(ge=1, le=7 * 86400, description="For how long; at most a week.")
    why: str = Field(default="", max_length=120, description="For people, such as `road works`.")


class Result(commands.Result):
    """When it will be armed again by itself."""

    disarmed_until: Timestamp = Field(description="UTC.")


def run(request: Request, caller: Caller, box: Box) -> Result:
    """Keep its events back."""
    until = box.disarm(request.camera, request.rule, request.seconds, caller, request.why)
    return Result(disarmed_until=until)
