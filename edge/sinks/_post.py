"""Post: what passes over the link besides events, states and health: commands, answers, views."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Incoming:
    """One message the broker delivered to this box.

    Attributes:
        topic: Full topic.
        payload: As sent.
        is_retained: It was kept by the broker and is not new.
        response_topic: Where an answer is wanted; empty for nowhere.
        correlation: To be given back with the answer; None where there was none.
        properties: The sender's user properties, which no broker vouches for.
    """

    topic: str
    payload: bytes
    is_retained: bool = False
    response_topic: str = ""
    correlation: bytes | None = None
    properties: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Post:
    """One message to send at QoS 1.

    Attributes:
        topic: Full topic.
        payload: As it goes out.
        content_type: MIME type; a text type also says that the payload is UTF-8.
        is_retained: The broker keeps it.
        correlation: As it came with the request; None for none.
        properties: User properties.
    """

    topic: str
    payload: bytes
    content_type: str = JSON
    is_retained: bool = False
    correlation: bytes | None = None
    properties: tuple[tuple[str, str], ...] = ()


Answer: TypeAlias = Callable[[Iterable[Post]], bool]
"""Sends something back through the outlet a message came from; whether it was accepted."""

Ear: TypeAlias = Callable[[Incoming, Answer], None]
"""Takes what a broker delivers to this box; called from the sender's thread, must not block."""
