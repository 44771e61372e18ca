"""Delivery: what is under way to the broker on one connection.

Boundary: between the outbox, the states and one session; used from the sender's thread only. At
least once, in order: what was not acknowledged when the connection ends is sent again by the next.

What waited when the connection was made is sent at a bounded rate, so that a hub is not flooded by
its boxes after an outage, and a thin line keeps room. Nothing overtakes it on its own topic: there
order is kept, and a gap is a loss. An alert decided meanwhile is sent twice: at once, as a copy on
the `live` topic, and as itself when its turn comes.
"""

from __future__ import annotations

import logging
import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from edge.sinks import _words
from edge.sinks._link import LinkDown, LinkRecord
from edge.sinks._outbox import Outbox, Stored
from edge.sinks._session import Session
from edge.sinks._states import States
from edge.topics import live_topic

_log = logging.getLogger("edge.sinks.mqtt")

_ACK_S = 20.0  # a broker that takes messages and confirms none is not a working broker

DRAIN_PER_S = 200.0
"""Messages of a backlog a second: about 1.2 Mbit/s; a full outbox of 256 MiB takes half an hour."""

_AHEAD = 64  # messages read at once: each reading waits for a commit, and a window is 20
_TOGETHER = 64  # acknowledged messages that leave the outbox in one transaction
_APART_S = 0.05  # longest that one of them waits for others

LIVE_S = 60.0
"""An alert this old is still of now: it may have waited out a short break of the line."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """Something under way: an event, or with seq 0 a state or the copy of an alert."""

    seq: int
    topic: str
    payload: bytes
    at: float
    is_state: bool


class Delivery:
    """The window over one connection.

    Args:
        session: A connection the broker has accepted.
        outbox: Events, lowest number first.
        states: Retained values.
        record: Where the counters and refusals are kept.
        root: First level of every topic.
        wait: Seconds to wait after the n-th refusal in a row.
    """

    def __init__(
        self,
        session: Session,
        outbox: Outbox,
        states: States,
        record: LinkRecord,
        *,
        root: str,
        wait: Callable[[int], float],
    ) -> None:
        self._session = session
        self._outbox = outbox
        self._states = states
        self._record = record
        self._root = root
        self._wait = wait
        self._under_way: dict[int, _Sent] = {}
        self._sent_seq = 0
        self._ahead: deque[Stored] = deque()  # read already, above `_sent_seq`
        self._dropped = outbox.stats.dropped
        self._arrived: list[int] = []  # acknowledged, in the outbox still
        self._arrived_at = 0.0
        self._live_seq = 0
        self._backlog_end = outbox.stats.seq
        self._drained_from = time.monotonic()
        self._drained = 0
        self._rewinds = outbox.rewinds
        self._refusals = 0
        self._n_published = 0  # since they were last counted
        self._paused_until: float | None = None

    @property
    def is_done(self) -> bool:
        """Nothing is under way and nothing waits."""
        return not self._under_way and not self._arrived and not self._outbox.stats.depth

    @property
    def idle_s(self) -> float:
        """How long `fill` will have nothing to do unless something happens; 0 for right now."""
        now = time.monotonic()
        kept = self._arrived_at + _APART_S - now if self._arrived else math.inf
        if self._sent_seq < self._backlog_end:
            kept = min(kept, self._drained / DRAIN_PER_S - (now - self._drained_from))
        return max(0.0, kept)

    @property
    def are_states_known(self) -> bool:
        """The broker has confirmed the last value of every state."""
        is_under_way = any(sent.is_state for sent in self._under_way.values())
        return not is_under_way and not self._states.is_changed

    def fill(self) -> None:
        """Hand over states, live alerts, then events, as far as window and rate allow.

        Raises:
            LinkDown: The connection is gone.
            OutboxError: The outbox cannot be read or written.
        """
        while (room := self._session.window - len(self._under_way)) > 0:
            changed = self._states.next_changed()
            if changed is None:
                room -= self._fill_live(room)
                self._fill_events(room)
                return
            self._send(0, *changed, is_state=True)

    def settle(self) -> None:
        """Act on what the broker has confirmed or refused since the last call.

        Raises:
            LinkDown: It confirms nothing any more.
            OutboxError: The outbox cannot be written.
        """
        acknowledged = unheard = 0
        for mid, code in self._session.acks():
            sent = self._under_way.pop(mid, None)
            if sent is None:  # paho reports health, which nobody acknowledges, as it goes out
                continue
            if code >= 0x80:
                self._refused(sent, code)
                continue
            acknowledged += 1
            if sent.seq:
                if not self._arrived:
                    self._arrived_at = time.monotonic()
                self._arrived.append(sent.seq)
                unheard += code == _words.NO_SUBSCRIBERS
                self._refusals = 0
            elif sent.is_state and not sent.payload and self._states.confirm_removed(sent.topic):
                self._outbox.forget_retained(sent.topic)
        if not self._under_way or self._is_time_to_acknowledge:
            self.acknowledge()
        n_published, self._n_published = self._n_published, 0
        self._record.count(published=n_published, acknowledged=acknowledged, unheard=unheard)
        oldest = min((sent.at for sent in self._under_way.values()), default=None)
        if oldest is not None and time.monotonic() - oldest > _ACK_S:
            place = self._record.link.place
            raise LinkDown(f"{place} has confirmed nothing for {_ACK_S:.0f} s")

    def acknowledge(self) -> None:
        """Take out of the outbox what has arrived; also to be called when the connection ends.

        A crash before it sends up to 64 messages twice, under the same `id`.

        Raises:
            OutboxError: The outbox cannot be written.
        """
        arrived, self._arrived = self._arrived, []
        if arrived:
            self._outbox.acknowledge(arrived)

    @property
    def _is_time_to_acknowledge(self) -> bool:
        return len(self._arrived) >= _TOGETHER or time.monotonic() - self._arrived_at >= _APART_S

    def _fill_live(self, room: int) -> int:
        """Send copies of alerts that are of now and far from their turn; gives how many."""
        # Within a second's worth its turn comes soon enough.
        after = max(self._live_seq, self._sent_seq + int(DRAIN_PER_S))
        if self._outbox.stats.seq <= after:
            return 0
        alerts = self._outbox.live_alerts(LIVE_S, after)[:room]
        for stored in alerts:
            self._live_seq = stored.seq
            topic = f"{self._root}/{live_topic(stored.topic)}"
            if self._session.fits(topic, stored.payload):
                self._send(0, topic, stored.payload)
        return len(alerts)

    def _allowed(self, room: int) -> int:
        """How many events may go now: as the window has room, of a backlog as the rate has."""
        if self._sent_seq >= self._backlog_end:
            return room
        earned = (time.monotonic() - self._drained_from) * DRAIN_PER_S
        # What was not used in a pause is not made up for by more than a second's worth.
        self._drained = max(self._drained, int(earned - DRAIN_PER_S))
        return max(0, min(room, int(earned) + 1 - self._drained))

    def _fill_events(self, room: int) -> None:
        if self._paused_until is not None:
            if self._under_way or time.monotonic() < self._paused_until:
                return
            self._paused_until = None
            self._begin_again()
        if self._outbox.rewinds != self._rewinds:
            if self._under_way:
                return
            self._rewinds = self._outbox.rewinds
            self._begin_again()
        stats = self._outbox.stats
        newest = stats.seq
        if stats.dropped != self._dropped:  # what was read ahead may be among it
            self._dropped = stats.dropped
            self._ahead.clear()
        if newest <= self._sent_seq or (self._refusals and self._under_way):
            return
        # One at a time after a refusal, so that nothing overtakes what is refused.
        room = min(self._allowed(room), 1 if self._refusals else room)
        for _ in range(room):
            stored = self._next()
            if stored is None:
                self._sent_seq = max(self._sent_seq, newest)  # read after `newest` was
                break
            topic = f"{self._root}/{stored.topic}"
            self._sent_seq = stored.seq
            self._drained += 1
            if self._session.fits(topic, stored.payload):
                self._send(stored.seq, topic, stored.payload)
            else:
                self._set_aside(stored.seq, topic, _words.TOO_LARGE)

    def _next(self) -> Stored | None:
        """The message after the last one sent; None where none waits."""
        if not self._ahead:
            self._ahead.extend(self._outbox.pending(_AHEAD, self._sent_seq))
        return self._ahead.popleft() if self._ahead else None

    def _begin_again(self) -> None:
        """From the lowest number that waits."""
        self.acknowledge()
        self._sent_seq = 0
        self._ahead.clear()

    def _send(self, seq: int, topic: str, payload: bytes, *, is_state: bool = False) -> None:
        mid = self._session.publish(topic, payload, retain=is_state)
        self._under_way[mid] = _Sent(seq, topic, payload, time.monotonic(), is_state)
        self._n_published += 1

    def _refused(self, sent: _Sent, code: int) -> None:
        if sent.seq and code in _words.NEVER:
            self._set_aside(sent.seq, sent.topic, code)
            return
        if sent.seq:
            self._refusals += 1
            self._paused_until = time.monotonic() + self._wait(self._refusals)
        # A refused state is tried again with its next value, or on the next connection.
        place = self._record.link.place
        self._record.failed(f"{place} did not take {sent.topic}: {_words.reason(code)}")

    def _set_aside(self, seq: int, topic: str, code: int) -> None:
        why = _words.reason(code)
        self._outbox.refuse(seq, why)
        _log.error("message %d to %s can never be delivered: %s; set aside", seq, topic, why)
