"""Exchange: what passes over the link besides events, states and health: requests and answers.

Boundary: outlives each connection. Asked from any thread, carried out by the sender's.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import TypeAlias

from edge.errors import OutboxError
from edge.sinks._encoding import Encoding
from edge.sinks._link import LinkRecord
from edge.sinks._outbox import Outbox
from edge.sinks._post import Incoming, Post
from edge.sinks._session import Session

_log = logging.getLogger("edge.sinks.mqtt")

_PAGE = 100  # messages of a replay read at once
_MOST_ANSWERS = 64  # waiting to be sent; beyond that somebody asks faster than the link carries

Takes: TypeAlias = Callable[[Incoming], None]
"""Takes what the broker delivers to this box; called from the sender's thread, must not block."""


class Exchange:
    """Who listens to what, and what waits to be answered.

    Args:
        record: Where refusals are said.
    """

    def __init__(self, record: LinkRecord) -> None:
        self._record = record
        self._ears: Mapping[str, Takes] = {}  # by topic filter
        self._answers: deque[Iterator[Post]] = deque()
        self._subscribed: frozenset[str] = frozenset()
        self._is_refusal_said = False

    def hear(self, heard: Mapping[str, Takes]) -> None:
        """Have full topic filters heard; those given before by the new ear."""
        self._ears = {**self._ears, **heard}  # replaced whole: the sender's thread reads it

    def answer(self, posts: Iterable[Post]) -> bool:
        """Send something once; False where too much waits already."""
        if len(self._answers) >= _MOST_ANSWERS:
            return False
        self._answers.append(iter(posts))
        return True

    def begin(self) -> None:
        """A new connection: nothing is subscribed to on it yet."""
        self._subscribed, self._is_refusal_said = frozenset(), False

    def send(self, session: Session) -> None:
        """Subscribe to what is wanted, and hand over answers as far as the window allows.

        Raises:
            LinkDown: The connection is gone.
        """
        wanted = tuple(self._ears)
        if new := [topic for topic in wanted if topic not in self._subscribed]:
            session.subscribe(new)
            self._subscribed = frozenset(wanted)
        while self._answers and session.has_room:
            posts = self._answers.popleft()
            post = next(posts, None)
            if post is None:
                continue
            self._answers.append(posts)  # in turn: a long replay keeps no short answer waiting
            if session.fits(post.topic, post.payload):
                session.post(post)
            else:
                _log.warning("an answer to %s is larger than the broker accepts", post.topic)

    def hand_over(self, session: Session) -> None:
        """Give what was heard to those who listen, and say what was refused."""
        for incoming in session.heard():
            for topic, ear in self._ears.items():
                if _is_match(topic, incoming.topic):
                    ear(incoming)
                    break
        place = self._record.link.place
        for words in session.refused_posts():
            self._record.failed(f"{place} did not take an answer: {words}")
        if session.not_subscribed and not self._is_refusal_said:
            self._is_refusal_said = True
            self._record.failed(f"{place} delivers no commands: {session.not_subscribed}")


def replayed(
    outbox: Outbox, start: int | datetime, root: str, encoding: Encoding
) -> Iterator[Post]:
    """Delivered messages as posts with a user property `replayed`, read from disk as they go out.

    Args:
        outbox: Where they are kept.
        start: The lowest number wanted, or the earliest time of the scene.
        root: First level of every topic.
        encoding: How they are written.
    """
    seq = 0
    try:
        while page := outbox.delivered_since(start, after=seq, limit=_PAGE):
            for stored in page:
                seq = stored.seq
                yield Post(
                    f"{root}/{stored.topic}",
                    encoding.encode(stored.payload),
                    encoding.content_type,
                    properties=(("replayed", "true"),),
                )
    except OutboxError as problem:
        _log.error("replay ended at %d: %s", seq, problem)


def _is_match(topic_filter: str, topic: str) -> bool:
    """Whether a topic is one of those that a filter without `#` asks for."""
    wanted, levels = topic_filter.split("/"), topic.split("/")
    return len(wanted) == len(levels) and all(
        one in ("+", level) for one, level in zip(wanted, levels, strict=True)
    )
