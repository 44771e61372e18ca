"""arm: end a disarming before its time."""

from __future__ import annotations

from pydantic import Field

from edge import commands
from edge.commands import Box, Caller
from edge.options import Identifier


class Request(commands.Request):
    """Which rule. One that is armed already stays so, and that is no error."""

    camera: Identifier = Field(description="The camera's id.")
    rule: Identifier = Field(description="The rule's name.")


class Result(commands.Result):
    """What the rule sees now."""

    active: bool = Field(description="As in the rule's state.")
    count: int = Field(description="As in the rule's state.")


def run(request: Request, caller: Caller, box: Box) -> Result:
    """Let its events out again."""
    state = box.arm(request.camera, request.rule, caller)
    return Result(active=state.is_active, count=state.count)
