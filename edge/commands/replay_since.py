"""replay-since: send again what was delivered, for a control room that lost it."""

from __future__ import annotations

from pydantic import Field, model_validator

from edge import commands
from edge.commands import Box, Caller
from edge.message import Timestamp


class Request(commands.Request):
    """From where: exactly one of the two."""

    seq: int | None = Field(default=None, ge=1, description="First number wanted.")
    since: Timestamp | None = Field(
        default=None, description="First moment wanted, UTC of the scene."
    )

    @model_validator(mode="after")
    def _is_one(self) -> Request:
        if (self.seq is None) == (self.since is None):
            raise ValueError("expected either seq or since")
        return self


class Result(commands.Result):
    """What will come again, on its own topics, with its old id and number."""

    first: int | None = Field(
        default=None, description="Number of the first that comes; absent where none does."
    )
    complete: bool = Field(
        description="Nothing that was asked for has been forgotten: the box keeps a bounded number."
    )


def run(request: Request, caller: Caller, box: Box) -> Result:  # noqa: ARG001 - as every verb
    """Send them again."""
    start = request.since if request.seq is None else request.seq
    assert start is not None  # the request has one of the two
    replay = box.replay(start)
    return Result(first=replay.first, complete=replay.is_complete)
