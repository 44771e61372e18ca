"""Outbox: every decided event, numbered and on disk, until a broker has acknowledged it.

Boundary: what the rest of the room knows of the disk. Number, id, incident and message become
durable together or not at all. Its parts:

    _store      transactions        _group      many callers, one transaction and its fsync
    _refused    what never can go   _database   the file: layout, damage
    _messages   the queue           _incidents  numbers, begins and ends
    _history    what was delivered  _bound      what a full outbox throws away
    _mark       numbers never go backwards, also when the database is lost
    _medium     the disk, or memory (_refuge) while that is not well; _salvage from a damaged one
"""

from __future__ import annotations

import logging
import secrets
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from edge.event import Event
from edge.message import EventMessage, Evidence, Origin
from edge.sinks import _bound, _history, _incidents, _refused
from edge.sinks._database import MIB
from edge.sinks._group import Group
from edge.sinks._incidents import OpenIncident
from edge.sinks._medium import Medium
from edge.sinks._messages import RANKS
from edge.sinks._store import Stored, Transaction

__all__ = ["MIB", "RANKS", "OpenIncident", "Outbox", "OutboxStats", "Stored"]

_log = logging.getLogger("edge.sinks.outbox")


@dataclass(frozen=True, slots=True)
class OutboxStats:
    """The outbox in numbers.

    Attributes:
        seq: Number of the newest message.
        depth: Messages not yet acknowledged.
        bytes: Their size, overhead of the table included.
        dropped: How many were thrown away because the outbox was full, by rank, ever.
        refused: How many were set aside because the broker can never take them, ever.
        moved_aside: Damaged databases this process has moved aside.
        kept: Delivered messages that can be had again.
    """

    seq: int = 0
    depth: int = 0
    bytes: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    moved_aside: int = 0
    kept: int = 0


class Outbox:
    """Numbers events and keeps them until they are acknowledged. Safe from any thread.

    Args:
        path: The database. None keeps everything in memory, for replay.
        max_bytes: Bound on the messages held; beyond it the lowest rank, oldest first, is dropped.
        reserve_bytes: Disk space taken at the start, so that a disk others have filled up still
            takes this much. 24 MiB hold about 25 000 events beside what is kept of the delivered.
        randomness: Gives n random bytes for identifiers; replay injects a repeatable one.

    A disk that is full, read-only or failing does not stop it: events are kept in memory, at most
    32 MiB of them, and go to the disk as soon as it takes them. `trouble` says so meanwhile.

    Raises:
        OutboxError: Another process has it.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        max_bytes: int = 256 * MIB,
        reserve_bytes: int = 24 * MIB,
        randomness: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        reserve = min(reserve_bytes, max_bytes) if path is not None else 0
        self._medium = Medium(
            path, max_bytes=max_bytes, reserve_bytes=reserve, randomness=randomness
        )
        self._group = Group(self._medium, self._say_full)
        self._quiet_until = 0.0

    def append(
        self, event: Event, origin: Origin, evidence: Sequence[Evidence] = ()
    ) -> tuple[Stored, ...]:
        """Make one event durable.

        A `begin` whose incident is still open first ends the old one (`superseded`), so that
        every begin has exactly one end. An `update` or `end` whose begin is not known (the
        database was lost in between) is sent all the same, as an incident of its own.

        Args:
            event: What was decided.
            origin: Who says so.
            evidence: Files that support it; may be empty.

        Returns:
            What is now on disk, in order: usually one, two where an old incident was ended.

        Raises:
            OutboxError: It is neither on disk nor in memory: the outbox is closed.
            ValueError: The event has a name or time that no message can carry.
        """

        def work(transaction: Transaction) -> tuple[Stored, ...]:
            stored = _incidents.add(transaction, event, origin, evidence)
            _bound.enforce(transaction, self._medium.bound, origin, event.at)
            return tuple(stored)

        return self._group.run(work)

    def supplement(self, message: EventMessage, evidence: Sequence[Evidence], reason: str) -> None:
        """Make durable what has become known of an event that was sent.

        Args:
            message: The event as it was sent.
            evidence: Files that support it; may be empty.
            reason: What else there is to say; may be empty.

        Raises:
            OutboxError: It is neither on disk nor in memory: the outbox is closed.
        """

        def work(transaction: Transaction) -> None:
            _incidents.supplement(transaction, message, evidence, reason)
            origin = Origin(message.site, message.node, message.config)
            _bound.enforce(transaction, self._medium.bound, origin, message.at)

        self._group.run(work)

    def end_open(self, reason: str, at: datetime, camera: str | None = None) -> tuple[Stored, ...]:
        """End what is open, because nobody will see it end.

        Args:
            reason: Why, in words, such as `the appliance was restarted`.
            at: UTC to say it ended at.
            camera: Only this camera's; None for all.

        Returns:
            The `end` messages now on disk; empty when nothing was open.

        Raises:
            OutboxError: They could not be written; nothing was ended.
        """

        def work(transaction: Transaction) -> tuple[Stored, ...]:
            stored = []
            for incident in _incidents.opened(transaction.db):
                if incident.kind == _bound.KIND:
                    continue  # the outbox's own, and it knows when that is over
                if camera is None or incident.camera == camera:
                    place, begin = incident.place, incident.begin
                    stored.append(_incidents.end(transaction, place, begin, reason=reason, at=at))
                    origin = Origin(begin.site, begin.node, begin.config, begin.profile)
                    _bound.enforce(transaction, self._medium.bound, origin, at)
            return tuple(stored)

        return self._group.run(work)

    def open_incidents(self) -> tuple[OpenIncident, ...]:
        """What has begun and not ended, oldest first."""
        return self._group.read(_incidents.opened)

    def pending(self, limit: int, after: int = 0) -> tuple[Stored, ...]:
        """Messages not yet acknowledged, in order.

        One that the disk has altered is set aside and said, never sent.

        Args:
            limit: At most this many.
            after: Only numbers above this.
        """
        rows = self._group.ask(lambda medium: medium.waiting(after, limit))
        for stored, is_sound in rows:
            if not is_sound:
                self.refuse(stored.seq, "altered on the disk")
                _log.error("message %d was altered on the disk: set aside, not sent", stored.seq)
        return tuple(stored for stored, is_sound in rows if is_sound)

    def live_alerts(self, within_s: float, after: int) -> tuple[Stored, ...]:
        """Alerts of this moment, delivered or not, in order; of more than 64 the newest.

        Args:
            within_s: Decided no longer ago than this.
            after: Only numbers above this.
        """
        alerts = self._group.alerts_since(time.monotonic() - within_s)
        return tuple(stored for stored in alerts if stored.seq > after)

    def delivered_since(
        self, start: int | datetime, *, after: int = 0, limit: int = 1000
    ) -> tuple[Stored, ...]:
        """Messages that were acknowledged, from a number or a time on.

        The newest ten thousand are kept, or 8 MiB of them where that is less; compare `start` with
        `delivered_from` to know whether all that was asked for is still there.

        Args:
            start: The lowest number wanted, or the earliest time of the scene.
            after: Only numbers above this, to go on where the last answer ended.
            limit: At most this many.

        Returns:
            In order of their numbers, the same bytes as the first time.
        """
        return self._group.ask(lambda medium: medium.history(start, after, limit))

    @property
    def delivered_from(self) -> int | None:
        """The lowest number `delivered_since` can give; None where nothing is kept."""
        return self._group.read(_history.oldest)

    def acknowledge(self, seqs: Sequence[int]) -> None:
        """Move messages that have arrived to the history; unknown numbers are ignored.

        Not synced to disk by itself: a power cut may bring acknowledged messages back, to be sent
        twice under the same id. Saves one fsync in two.
        """

        def work(transaction: Transaction) -> None:
            tally = transaction.tally
            self._medium.pull(transaction, seqs)
            _history.deliver(transaction, seqs)
            _history.trim(transaction)
            if tally.losing and _bound.has_room(tally.bytes, self._medium.bound):
                _bound.end_losses(transaction, _now(), "there is room in the outbox again")

        # A message made here may go out at once, and its number must not be given twice.
        self._group.run(work, is_durable=bool(self._medium.store.tally.losing))

    def refuse(self, seq: int, reason: str) -> None:
        """Set aside a message that the broker can never take.

        Args:
            seq: Its number; unknown numbers are ignored.
            reason: The broker's, in words.
        """

        def work(transaction: Transaction) -> None:
            self._medium.pull(transaction, [seq])
            _refused.set_aside(transaction, seq, reason)

        self._group.run(work)

    def refused(self) -> tuple[tuple[Stored, str], ...]:
        """Messages set aside, each with its reason; the newest thousand."""
        return self._group.read(_refused.all_of)

    def remember_retained(self, topic: str) -> None:
        """Note that a retained value may exist at the broker.

        Args:
            topic: Full topic, so that it is found again after the node has been renamed.
        """
        self._group.run(
            lambda tx: tx.db.execute("INSERT OR IGNORE INTO retained VALUES (?)", (topic,))
        )

    def forget_retained(self, topic: str) -> None:
        """Note that the broker holds no value there any more."""
        self._group.run(lambda tx: tx.db.execute("DELETE FROM retained WHERE topic = ?", (topic,)))

    def retained(self) -> tuple[str, ...]:
        """Full topics at which a retained value may exist, from this run and earlier ones."""
        return self._group.read(
            lambda db: tuple(
                str(topic) for (topic,) in db.execute("SELECT topic FROM retained ORDER BY topic")
            )
        )

    @property
    def stats(self) -> OutboxStats:
        """Numbers for health; costs nothing."""
        tally = self._medium.store.tally
        depth, size = self._medium.size
        return OutboxStats(
            seq=tally.seq,
            depth=depth,
            bytes=size,
            dropped={RANKS[rank]: n for rank, n in sorted(tally.dropped.items())},
            refused=tally.refused,
            moved_aside=self._medium.moved_aside,
            kept=tally.kept,
        )

    @property
    def trouble(self) -> str:
        """What is wrong with the disk or the database, in words; empty while all is well."""
        return self._medium.trouble

    @property
    def rewinds(self) -> int:
        """How often messages came back that lie before what was given out already."""
        return self._medium.rewinds

    def attend(self) -> None:
        """Try the disk again where it is time; call now and then, also when nothing happens."""
        if self._medium.is_in_memory:
            self._group.run(lambda _: None, is_durable=False)

    def follow(self) -> deque[Stored]:
        """Every message from now on, in the order of their numbers, for the caller to take out."""
        return self._group.follow()

    def close(self) -> None:
        """Let go of the files; safe to call twice."""
        self._group.close()

    def _say_full(self) -> None:
        """One line a minute at most, with the count so far."""
        if time.monotonic() >= self._quiet_until:
            self._quiet_until = time.monotonic() + 60.0
            stats = self.stats
            _log.error(
                "outbox full at %.4g MiB: dropped so far %s; the broker has not taken %d messages",
                self._medium.bound / MIB,
                stats.dropped,
                stats.depth,
            )


def _now() -> datetime:
    return datetime.now(timezone.utc)
