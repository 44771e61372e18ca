"""Views: the same events in another system's words, beside ours. One file per kind, off by default.

Boundary: a kind is pure. A view is made of a message as that goes out, on the same connection and
before it, so what the broker has confirmed as ours it has in every view too. What a view retains
goes the way of all states: sent again on each connection, emptied when it is no more.
"""

from __future__ import annotations

import logging
import threading
from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from edge.message import EventMessage, Origin
from edge.options import Options
from edge.sinks._post import Post

_log = logging.getLogger("edge.sinks.mqtt")


class View(Protocol):
    """Puts messages into other words."""

    def event(self, message: EventMessage, payload: bytes) -> Sequence[Post]:
        """What it makes of an event; at most one of them not retained."""

    def state(self, subtopic: str, payload: bytes) -> Sequence[Post]:
        """What it makes of a state of ours: retained, and gone with it."""


class ViewOptions(Options):
    """What every kind of view can be told."""

    kind: str

    @abstractmethod
    def build(self, root: str, origin: Origin) -> View:
        """Make one.

        Args:
            root: First level of this box's own topics.
            origin: Whose messages.
        """


class Views:
    """All configured views.

    Args:
        options: The configured kinds; may be empty.
        root: First level of this box's own topics.
        origin: Whose messages.
        keep: Takes what is to be retained.
    """

    def __init__(
        self,
        options: Iterable[ViewOptions],
        root: str,
        origin: Origin,
        keep: Callable[[Post], None],
    ) -> None:
        self._views = tuple(option.build(root, origin) for option in options)
        self._keep = keep
        self._lock = threading.Lock()
        self._made: dict[str, frozenset[str]] = {}  # topics by what they were made of
        self._properties: set[str] = set()

    def __len__(self) -> int:
        """How many there are: as many messages may go out beside each event."""
        return len(self._views)

    def of_event(self, payload: bytes) -> list[Post]:
        """What goes out beside an event. A view that fails is logged; the event is what counts."""
        posts: list[Post] = []
        if self._views:
            message = EventMessage.model_validate_json(payload)
            for view in self._views:
                try:
                    posts += view.event(message, payload)
                except Exception:  # noqa: BLE001 - it is logged; the event goes out
                    _log.exception("fault in %s, please report it", type(view).__module__)
        with self._lock:
            self._properties |= {post.topic for post in posts if post.is_retained}
        for post in posts:
            if post.is_retained:
                self._keep(post)
        return [post for post in posts if not post.is_retained]

    def of_state(self, subtopic: str, payload: bytes) -> None:
        """Keep what all views make of a state, and empty the topics that are no more."""
        posts = [post for view in self._views for post in view.state(subtopic, payload)]
        topics = frozenset(post.topic for post in posts)
        with self._lock:
            gone = self._made.get(subtopic, frozenset()) - topics
            self._made[subtopic] = topics
        for post in (*posts, *(Post(topic, b"", is_retained=True) for topic in sorted(gone))):
            self._keep(post)

    @property
    def topics(self) -> frozenset[str]:
        """Every retained topic that is of use now."""
        with self._lock:
            return frozenset(self._properties).union(*self._made.values())
