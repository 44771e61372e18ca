"""Publisher: the one sink the runtime holds; makes each event durable once, then shows it.

Boundary: knows outlets only by their protocol. Everything the runtime says passes here, so that a
reload can change where it goes without any camera noticing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from edge.event import Event
from edge.message import (
    About,
    EventMessage,
    Evidence,
    Health,
    Message,
    Origin,
    OutboxHealth,
    encode,
)
from edge.sinks._outbox import MIB, Outbox, OutboxStats, Stored
from edge.sinks._outlet import Outlet, SinkOptions
from edge.sinks._post import Ear
from edge.topics import ABOUT, AUDIT, CONFIG


class Publisher:
    """Numbers events, keeps them, and gives them to every outlet. Safe from any thread.

    Args:
        outbox: Where messages become durable; closed with the publisher.
        origin: Who is speaking.
        sinks: The configured kinds; may be empty, then messages are numbered and wait.
        folder: What relative paths in their options start from.

    Raises:
        SinkError: An outlet cannot use a local file; nothing stays open.
    """

    def __init__(
        self, outbox: Outbox, origin: Origin, sinks: Sequence[SinkOptions], folder: Path
    ) -> None:
        self._outbox = outbox
        self._new = outbox.follow()
        self._origin = origin
        self._sinks = tuple(sinks)
        # Held while messages are shown, so that every outlet sees numbers in order; not while they
        # are made durable, so that cameras share an fsync.
        self._lock = threading.RLock()
        self._values: dict[str, bytes] = {}
        self._listeners: tuple[Callable[[Stored], None], ...] = ()
        self._ears: dict[tuple[str, ...], Ear] = {}
        self._outlets: tuple[Outlet, ...] = ()
        try:
            self._open(sinks, folder)
        except BaseException:
            outbox.close()
            raise

    @property
    def origin(self) -> Origin:
        """Who is speaking now."""
        return self._origin

    @property
    def outlets(self) -> tuple[Outlet, ...]:
        """What is open, in the order of the configuration; an mqtt outlet tells its `link`."""
        return self._outlets

    @property
    def stats(self) -> OutboxStats:
        """The outbox in numbers."""
        return self._outbox.stats

    @property
    def trouble(self) -> str:
        """Why events may be lost with the power, or were with the disk; empty while all is well."""
        return self._outbox.trouble

    @property
    def outbox_health(self) -> OutboxHealth:
        """The outbox in numbers, as the health message has them."""
        stats = self._outbox.stats
        return OutboxHealth(
            depth=stats.depth,
            bytes=stats.bytes,
            seq=stats.seq,
            dropped=sum(stats.dropped.values()),
            refused=stats.refused,
            trouble=self._outbox.trouble or None,
        )

    def hear(self, listener: Callable[[Stored], None]) -> None:
        """Have each message told once it is durable, in the order of their numbers; be quick."""
        self._listeners = (*self._listeners, listener)

    def last(self, most: int) -> tuple[Stored, ...]:
        """The last messages of all runs, delivered or not, as far as they are kept.

        Args:
            most: At most so many.

        Returns:
            In order of their numbers.
        """
        after = max(0, self.stats.seq - most)
        found = {stored.seq: stored for stored in self._outbox.pending(most, after)}
        for stored in self._outbox.delivered_since(after + 1, limit=most):
            found.setdefault(stored.seq, stored)
        return tuple(found[seq] for seq in sorted(found))

    def listen(self, subtopics: Sequence[str], ear: Ear) -> None:
        """Have topics of this node heard, on every broker there is and will be.

        What is said before is heard by nobody: call it before the first sinks are opened, with
        `reopen`, and nothing that a broker has kept for this box is missed.

        Args:
            subtopics: Topic filters below the node, such as `cmd/+`; the same again replaces the
                ear.
            ear: Takes what comes.
        """
        with self._lock:
            self._ears[tuple(subtopics)] = ear
            for outlet in self._outlets:
                outlet.hear(subtopics, ear)

    def emit(self, event: Event, evidence: Sequence[Evidence] = ()) -> bytes:
        """Make one event durable and show it.

        Args:
            event: What was decided.
            evidence: Files that support it; may be empty.

        Returns:
            The message it became, JSON.

        Raises:
            OutboxError: It is stored nowhere, because the publisher is closed. Count and report it.
            ValueError: The event has a name or time that no message can carry.
        """
        stored = self._outbox.append(event, self._origin, evidence)
        self._show()
        return stored[-1].payload

    def supplement(
        self, message: EventMessage, evidence: Sequence[Evidence], reason: str = ""
    ) -> None:
        """Say what has become known of an event that was sent: an `update` of its incident.

        Args:
            message: The event as it was sent.
            evidence: Files that support it; may be empty.
            reason: What else there is to say; may be empty.

        Raises:
            OutboxError: It is stored nowhere, because the publisher is closed.
        """
        self._outbox.supplement(message, evidence, reason)
        self._show()

    def end_open(self, reason: str, at: datetime, camera: str | None = None) -> int:
        """End what a crash, a stopped camera or a removed rule left open.

        Args:
            reason: Why nobody saw it end.
            at: UTC to say it ended at.
            camera: Only this camera's; None for all. Call so once at start, before the cameras.

        Returns:
            How many were ended.

        Raises:
            OutboxError: They could not be written.
        """
        ended = self._outbox.end_open(reason, at, camera)
        self._show()
        return len(ended)

    def retain(self, subtopic: str, payload: bytes) -> None:
        """Replace the last known value of a state; an empty payload removes it."""
        with self._lock:
            if payload:
                self._values[subtopic] = payload
            else:
                self._values.pop(subtopic, None)
            for outlet in self._outlets:
                outlet.retain(subtopic, payload)

    def state(self, subtopic: str, message: Message) -> None:
        """Retain a message: a camera's status or a rule's state."""
        self.retain(subtopic, encode(message))

    def about(self, about: About) -> None:
        """Say what this box is and runs."""
        self.retain(ABOUT, encode(about))

    def keep_only(self, subtopics: Collection[str]) -> None:
        """Remove every state this node ever retained that is not one of these.

        Call at start and after a reload, with all camera statuses and rule states there are now;
        the node's own `status`, `about`, `config` and `audit` stay in any case.
        """
        with self._lock:
            kept = {*subtopics, ABOUT, AUDIT, CONFIG}
            self._values = {name: value for name, value in self._values.items() if name in kept}
            for outlet in self._outlets:
                outlet.keep_only(kept)

    def health(self, health: Health) -> None:
        """Show vital signs to whoever listens now; a disk that was not well is tried again."""
        self._outbox.attend()
        payload = encode(health)
        with self._lock:
            for outlet in self._outlets:
                outlet.health(payload)

    def reopen(self, origin: Origin, sinks: Sequence[SinkOptions], folder: Path) -> None:
        """Follow a new configuration, or the first. Events wait while outlets change; none is lost.

        Args:
            origin: Who is speaking from now on.
            sinks: The configured kinds; where they and the names are as before, only the
                configuration's hash changes and no connection is touched.
            folder: What relative paths in their options start from.

        Raises:
            SinkError: A new outlet cannot use a local file; events go on to the outbox only.
        """
        with self._lock:
            is_same = replace(self._origin, config=origin.config) == origin
            is_same = is_same and self._sinks == tuple(sinks)
            self._origin = origin
            if is_same:
                return
            old, self._outlets, self._sinks = self._outlets, (), ()
            for outlet in old:
                outlet.close()
            self._open(sinks, folder)
            self._sinks = tuple(sinks)

    def close(self) -> None:
        """Close the outlets, each in a bounded time, then the outbox; safe to call twice."""
        with self._lock:
            for outlet in self._outlets:
                outlet.close()
            self._outbox.close()

    def _open(self, sinks: Sequence[SinkOptions], folder: Path) -> None:
        """Open outlets, tell them all they must know, and only then let them begin."""
        self._outlets = _opened(self._outbox, self._origin, sinks, folder)
        for outlet in self._outlets:
            for subtopics, ear in self._ears.items():
                outlet.hear(subtopics, ear)
            for subtopic, payload in self._values.items():
                outlet.retain(subtopic, payload)
            outlet.start()

    def _show(self) -> None:
        """Show what is new, whoever made it; it comes in the order of its numbers."""
        if not self._new:  # who made it durable with his own is showing it
            return
        with self._lock:
            messages = [self._new.popleft() for _ in range(len(self._new))]
            for stored in messages:
                for listener in self._listeners:
                    listener(stored)
            outlets = self._outlets
            for stored in messages:
                for outlet in outlets:
                    outlet.deliver(stored)
            if messages and outlets and not any(outlet.acknowledges for outlet in outlets):
                self._outbox.acknowledge([stored.seq for stored in messages])


def open_publisher(
    storage: Path,
    origin: Origin,
    sinks: Sequence[SinkOptions],
    *,
    folder: Path,
    max_bytes: int = 256 * MIB,
) -> Publisher:
    """Open the outbox in `storage` and everything that sends from it.

    Args:
        storage: Folder of `outbox.db`; made where it is missing.
        origin: Who is speaking.
        sinks: The configured kinds.
        folder: What relative paths in their options start from.
        max_bytes: Bound on undelivered messages.

    Raises:
        OutboxError: Another process has the outbox.
        SinkError: An outlet's local file cannot be used.
    """
    with suppress(OSError):  # the outbox then says what is wrong, and goes on in memory
        storage.mkdir(parents=True, exist_ok=True)
    return Publisher(Outbox(storage / "outbox.db", max_bytes=max_bytes), origin, sinks, folder)


def _opened(
    outbox: Outbox, origin: Origin, sinks: Sequence[SinkOptions], folder: Path
) -> tuple[Outlet, ...]:
    opened: list[Outlet] = []
    try:
        for sink in sinks:
            opened.append(sink.open(outbox, origin, folder))  # noqa: PERF401 - closed on failure
    except BaseException:
        for outlet in opened:
            outlet.close()
        raise
    return tuple(opened)
