"""About: what the box is and runs, and which configuration is in force. Retained."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edge.event import Priority
from edge.message._wire import Count, Message, Sha256, Timestamp, Trial, Words
from edge.options import Identifier


class ModelAbout(Message):
    """What a model's short hash in an event stands for."""

    ref: str = Field(description="As in the events, such as `yolox-nano@3fa1c2d4`.")
    name: str
    sha256: Sha256


class CameraAbout(Message):
    """One configured camera."""

    camera: Identifier
    name: str


class RuleAbout(Message):
    """One configured rule."""

    camera: Identifier
    rule: Identifier
    kind: str
    priority: Priority
    purpose: str | None = Field(default=None, description="What it is for, in words.")


class RefusalAbout(Message):
    """Something that was not admitted."""

    what: str = Field(description="`detector NAME`, or `rule CAMERA/RULE`.")
    why: Words


class PolicyAbout(Message):
    """What governs this box, and what it keeps back."""

    state: Literal["ungoverned", "governed", "laboratory"] = Field(
        description="`ungoverned`: there is no policy, and nothing is kept back."
    )
    sha256: Sha256 | None = Field(default=None, description="Of policy.yaml.")
    signed_by: dict[str, str] | None = Field(
        default=None, description="Approvers whose signature is right: key and UTC, by name."
    )
    deployment: str | None = None
    review: str | None = Field(default=None, description="Last day of the deployment.")
    due: tuple[Words, ...] | None = Field(
        default=None, description="What has to be reviewed soon, in words."
    )
    n_refused: Count = Field(default=0, description="How much was not admitted; some is listed.")
    refused: tuple[RefusalAbout, ...] | None = None


class About(Message):
    """What this box is and runs. Retained; resolves every short hash in its events."""

    v: Literal[1] = 1
    site: Identifier
    node: Identifier
    software: dict[str, str] = Field(description="Version by name, such as `edge`.")
    models: tuple[ModelAbout, ...]
    config: Sha256 = Field(description="Events carry its first eight digits.")
    cameras: tuple[CameraAbout, ...]
    rules: tuple[RuleAbout, ...]
    policy: PolicyAbout | None = Field(
        default=None, description="What governs this box; absent from nodes that know no policies."
    )
    profile: Trial = None


class ConfigProblem(Message):
    """One thing to repair in a configuration file."""

    file: str = Field(description="Relative to the configuration folder where it is in it.")
    line: Count = Field(description="From 1; 0 where it is about the whole file.")
    column: Count
    path: Words = Field(description="Keys down to the value, joined by dots.")
    cause: Words
    remedy: Words | None = None


class ConfigNotice(Message):
    """Which configuration is in force, and what is wrong with the files. Retained."""

    v: Literal[1] = 1
    site: Identifier
    node: Identifier
    state: Literal["in_force", "refused"] = Field(
        description="`refused`: new files cannot be taken up, and what was in force stays."
    )
    config: Sha256 = Field(description="The configuration in force.")
    at: Timestamp = Field(description="When it was taken up, or the new files were refused.")
    n_problems: Count = Field(description="Errors in the files; the first few are listed.")
    problems: tuple[ConfigProblem, ...] | None = None
    profile: Trial = None
