"""Reply: what goes back to the sender of a command, whatever became of it. Pure."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from edge.commands._gate import Outcome
from edge.message import Message, Timestamp, Trial, Words
from edge.options import Identifier


class Reply(Message):
    """The answer to one command, on its response topic with its correlation data."""

    v: Literal[1] = 1
    site: Identifier
    node: Identifier
    verb: str = Field(description="As in the topic, cut to 32 characters.")
    id: str | None = Field(default=None, description="Of the command, where it could be read.")
    at: Timestamp = Field(description="When it was answered.")
    ok: bool = Field(description="It was done.")
    outcome: Outcome = Field(description="What became of it, in a word.")
    why: Words | None = Field(default=None, description="Why it was not done, in words.")
    result: dict[str, Any] | None = Field(default=None, description="As the verb says.")
    profile: Trial = None
