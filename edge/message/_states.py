"""States: how the box, its cameras and its rules are now. Retained."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import Field

from edge.event import RuleState
from edge.message._wire import Count, Message, Origin, Timestamp, Trial, Words
from edge.options import Identifier

NodeState: TypeAlias = Literal["online", "stopped", "lost"]
Watching: TypeAlias = Literal["watching", "degraded", "lost", "disabled"]


class NodeStatus(Message):
    """Whether the box can be heard. Retained; `lost` is the Last Will."""

    v: Literal[1] = 1
    site: Identifier
    node: Identifier
    state: NodeState
    since: Timestamp | None = Field(
        default=None,
        description="When the state began; absent for `lost`, which is written before it happens.",
    )
    online_since: Timestamp | None = Field(
        default=None, description="For `lost`: when the connection that broke had been made."
    )
    insecure: bool = Field(description="Events travel in clear text off the box.")
    profile: Trial = None


class CameraStatus(Message):
    """Whether a camera is being watched. Retained."""

    v: Literal[1] = 1
    site: Identifier
    node: Identifier
    camera: Identifier
    state: Watching
    since: Timestamp
    why: Words | None = None
    profile: Trial = None


class RuleStatus(Message):
    """What a rule would answer if asked now. Retained."""

    v: Literal[1] = 1
    site: Identifier
    node: Identifier
    camera: Identifier
    rule: Identifier
    active: bool
    count: Count
    armed: bool = Field(
        default=True,
        description="It reports now; false outside its schedule and while disarmed.",
    )
    withheld: Count = Field(
        default=0, description="What its schedule or cool-down kept from being reported, so far."
    )
    disarmed_until: Timestamp | None = Field(
        default=None, description="Its events are kept back until then; absent while it is armed."
    )
    refused: Words | None = Field(
        default=None, description="Why the policy does not let it arm; absent while it does."
    )
    profile: Trial = None


def rule_status(origin: Origin, camera: str, rule: str, state: RuleState) -> RuleStatus:
    """A rule's state with its address."""
    return RuleStatus(
        site=origin.site,
        node=origin.node,
        camera=camera,
        rule=rule,
        active=state.is_active,
        count=state.count,
        armed=state.is_armed and state.disarmed_until is None and not state.refused,
        withheld=state.n_withheld,
        disarmed_until=state.disarmed_until,
        refused=state.refused or None,
        profile=origin.profile,
    )
