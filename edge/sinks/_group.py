"""Group: jobs of many threads in one transaction, and who learns of what they have added.

Boundary: the outbox's lock. Callers that come at the same moment share one transaction and its
fsync: whoever holds the lock takes along what waits.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from edge.sinks import _messages
from edge.sinks._medium import Medium
from edge.sinks._store import Job, Stored, Transaction

T = TypeVar("T")

_ALERTS = 64  # the newest alerts that may overtake a backlog as copies


class Group:
    """Does jobs together. Safe from any thread.

    Args:
        medium: Where the store is; closed with the group.
        tell_drops: Called when a job had to throw messages away; by one thread at a time.
    """

    def __init__(self, medium: Medium, tell_drops: Callable[[], None]) -> None:
        self._medium = medium
        self._tell_drops = tell_drops
        self._turn = threading.Condition(threading.Lock())
        self._is_taken = False
        self._n_asking = 0
        self._waiting: deque[Job[Any]] = deque()
        self._followers: list[deque[Stored]] = []
        self._alerts: deque[tuple[float, Stored]] = deque(maxlen=_ALERTS)

    def run(self, work: Callable[[Transaction], T], *, is_durable: bool = True) -> T:
        """Do one job, in one transaction with those of other threads that wait.

        Raises:
            OutboxError: Nothing was changed, and why.
        """
        job = Job(work, is_durable=is_durable)
        with self._turn:
            self._waiting.append(job)
            # Who asks goes first: it is the sender, and of seventeen it would wait longest.
            while (self._is_taken or self._n_asking) and not job.is_done:
                self._turn.wait()
            if not job.is_done:  # else whoever had the turn before took it along
                self._is_taken = True
        if not job.is_done:
            try:
                self._commit_waiting()
            finally:
                self._pass_on()
        return job.outcome()

    def read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Ask the database something."""
        return self.ask(lambda medium: medium.read(query))

    def ask(self, query: Callable[[Medium], T]) -> T:
        """Ask the medium something, while nobody changes it."""
        with self._turn:
            self._n_asking += 1
            try:
                while self._is_taken:
                    self._turn.wait()
            finally:
                self._n_asking -= 1
            self._is_taken = True
        try:
            return query(self._medium)
        finally:
            self._pass_on()

    def follow(self) -> deque[Stored]:
        """Every message from now on, in the order of their numbers, for the caller to take out."""
        new: deque[Stored] = deque()
        self._followers.append(new)
        return new

    def alerts_since(self, earliest: float) -> tuple[Stored, ...]:
        """Alerts that were added at this monotonic time or later; of more than 64 the newest."""
        alerts = self.ask(lambda _: tuple(self._alerts))
        return tuple(stored for at, stored in alerts if at >= earliest)

    def close(self) -> None:
        """Let go of the files; safe to call twice."""
        self.ask(Medium.close)

    def _pass_on(self) -> None:
        with self._turn:
            self._is_taken = False
            self._turn.notify_all()

    def _commit_waiting(self) -> None:
        jobs = [self._waiting.popleft() for _ in range(len(self._waiting))]
        dropped = self._medium.store.tally.dropped
        try:
            new = self._medium.commit(jobs)
        except Exception as problem:  # noqa: BLE001 - each caller gets it, on its own thread
            for job in jobs:
                job.fault = problem
        else:
            for follower in self._followers:
                follower.extend(new)
            self._note_alerts(new)
        finally:
            for job in jobs:
                job.is_done = True
        if self._medium.store.tally.dropped != dropped:
            self._tell_drops()

    def _note_alerts(self, new: Sequence[Stored]) -> None:
        now = time.monotonic()
        for stored in new:
            if _messages.is_alert(stored):
                self._alerts.append((now, stored))
