"""Topics: where each message goes below the broker's root.

Pure. Part of the wire contract, like `edge.message`: topics may only be added to.
"""

from __future__ import annotations

from functools import lru_cache
from re import fullmatch

from edge.event import Kind
from edge.message import Origin

STATUS = "status"
HEALTH = "health"
ABOUT = "about"
AUDIT = "audit"
WITNESSED = "audit/witness"
"""Above the name of each witness, which says there what it has signed."""

REVIEW = "review"
"""Above the id of an event that somebody has judged."""

DOCTOR = "doctor"
"""A message, not retained, with which `edge doctor` asks whether this box may publish (empty), and
`edge commission` how long one takes (a number nobody else sends)."""

CONFIG = "config"


def node_topic(origin: Origin, subtopic: str) -> str:
    """Topic of one node, below the broker's root.

    Args:
        origin: Whose topic.
        subtopic: Below the node, such as `status` or what the functions below give.

    Raises:
        ValueError: The site or node cannot stand in a topic.
    """
    return f"v1/{_level(origin.site)}/{_level(origin.node)}/{subtopic}"


def camera_status_topic(camera: str) -> str:
    """Subtopic of a camera's retained status."""
    return f"camera/{_level(camera)}/status"


def event_topic(camera: str, kind: Kind) -> str:
    """Subtopic of a camera's events of one kind; the last level is the message's `kind`."""
    return f"camera/{_level(camera)}/event/{kind}"


def live_topic(topic: str) -> str:
    """Where the early copy of an event message goes, given the topic of the message itself."""
    return topic.replace("/event/", "/live/", 1)


def rule_state_topic(camera: str, rule: str) -> str:
    """Subtopic of a rule's retained state."""
    return f"camera/{_level(camera)}/state/{_level(rule)}"


def command_topic(verb: str) -> str:
    """Subtopic on which the node takes one command."""
    return f"cmd/{_level(verb)}"


@lru_cache(maxsize=1024)
def is_level(name: str) -> bool:
    """Whether a name can stand as one level of a topic."""
    return fullmatch("[a-z0-9-]{1,32}", name) is not None


def _level(name: str) -> str:
    if not is_level(name):
        raise ValueError(
            f"topic level {name!r}: expected 1 to 32 characters from a-z, 0-9 and '-'; rename it"
        )
    return name
