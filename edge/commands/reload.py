"""reload: read the configuration folder again, as SIGHUP does."""

from __future__ import annotations

from pydantic import Field

from edge import commands
from edge.commands import Box, Caller


class Request(commands.Request):
    """Asks nothing more; what is read lies on the box."""


class Result(commands.Result):
    """What is in force now."""

    config: str = Field(description="Short hash of the configuration, as in every event.")


def run(request: Request, caller: Caller, box: Box) -> Result:  # noqa: ARG001 - it asks nothing
    """Read it again; one that cannot be used leaves the one in force, and the answer says why."""
    return Result(config=box.reload(caller))
