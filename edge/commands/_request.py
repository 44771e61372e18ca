"""Request: what every verb shares: how it is asked, who asks, and what it may touch. Pure."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Literal, Protocol

from pydantic import ConfigDict, Field, StringConstraints

from edge.errors import EdgeError
from edge.event import RuleState
from edge.frame import Stamp
from edge.message import Message, Timestamp
from edge.options import Identifier
from edge.options import Options as StrictOptions

MAX_BYTES = 4096
"""Longest command; all arguments together fit into a tenth of it."""


class CommandFailed(EdgeError, RuntimeError):
    """What was asked cannot be done now; the text says why, and goes into the answer."""


class Request(Message):
    """What every command carries. Unknown fields are refused: a misspelt one must not be lost."""

    model_config = ConfigDict(extra="forbid")

    v: Literal[1] = 1
    id: Annotated[
        str,
        StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,64}$"),
        Field(description="The sender's, new for each command; one seen before is refused."),
    ]
    at: Annotated[
        Timestamp,
        Field(description="UTC of sending; must be within 60 s of the box's clock."),
    ]


class Result(Message):
    """What every verb answers; the fields are its own."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as the answer, instead of an object.

    Attributes:
        jpeg: The file's bytes.
        stamp: Whose picture, and when.
        size_wh: Width and height in pixels.
    """

    jpeg: bytes
    stamp: Stamp
    size_wh: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Replay:
    """What will be sent again.

    Attributes:
        first: Number of the first message that comes; None where nothing does.
        is_complete: Nothing that was asked for has been forgotten meanwhile.
    """

    first: int | None
    is_complete: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """A clip that was made.

    Attributes:
        ref: Name of the file in the evidence.
        sha256: Hex digest of its bytes.
        begin: UTC of its first picture.
        end: UTC of its last picture.
    """

    ref: str
    sha256: str
    begin: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    Attributes:
        name: As it stands in the topic; else as the sender calls itself; `unknown` if neither.
        is_vouched: It stood in the topic, where the broker's access list can tie it to the client.
    """

    name: str
    is_vouched: bool

    def __str__(self) -> str:
        """As the log and the events have it."""
        return self.name if self.is_vouched else f"{self.name} (by its own account)"


class Box(Protocol):
    """All that a command can do. Every method may raise `CommandFailed`."""

    def look(self) -> dict[str, str]:
        """State of every camera, by id."""

    def snapshot(self, camera: str, max_bytes: int) -> Picture:
        """The camera's next picture, masks applied, as a JPEG of at most so many bytes."""

    def clip(self, camera: str, seconds: int, by: Caller) -> Kept:
        """Keep the camera's last seconds as evidence."""

    def disarm(self, camera: str, rule: str, seconds: int, by: Caller, why: str) -> datetime:
        """Keep a rule's events back for so long; gives the end, UTC."""

    def arm(self, camera: str, rule: str, by: Caller) -> RuleState:
        """Let a rule's events out again; gives its state."""

    def reload(self, by: Caller) -> str:
        """Read the configuration again; gives the short hash of the one in force."""

    def replay(self, start: int | datetime) -> Replay:
        """Send again what was delivered, from a number or a time of the scene on."""


VERBS = tuple(
    sorted(
        module.name.replace("_", "-")
        for module in pkgutil.iter_modules([str(Path(__file__).parent)])
        if not module.name.startswith("_")
    )
)
"""Every verb there is, as in a topic."""

if TYPE_CHECKING:
    Verb = str
else:
    Verb = Literal.__getitem__(VERBS)


class Options(StrictOptions):
    """Commands the box obeys; without this block it hears none."""

    allow: Annotated[
        tuple[Verb, ...],
        Field(
            min_length=1,
            description="Verbs that are obeyed; all others are refused, and counted.",
            examples=[["ping", "snapshot"]],
        ),
    ]
    who: Annotated[
        tuple[Identifier, ...],
        Field(
            description="Who may command: names in the last level of `cmd/<verb>/<who>`, which the "
            "broker's access list ties to a client. Without it anybody may who can publish to "
            "`cmd/<verb>`.",
            examples=[["control-room"]],
        ),
    ] = ()


@cache
def verb_file(verb: str) -> ModuleType:
    """The file of a verb."""
    return importlib.import_module(f"{__package__}.{verb.replace('-', '_')}")


def request_of(verb: str) -> type[Request]:
    """What one verb may be asked."""
    model: type[Request] = verb_file(verb).Request
    return model


def result_of(verb: str) -> type[Result]:
    """What one verb answers."""
    model: type[Result] = verb_file(verb).Result
    return model


def run(verb: str, request: Request, caller: Caller, box: Box) -> Result | Picture:
    """Do what was asked.

    Raises:
        CommandFailed: It cannot be done now.
    """
    answer: Result | Picture = verb_file(verb).run(request, caller, box)
    return answer
