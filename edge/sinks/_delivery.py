"""Delivery: what is under way to the broker on one connection.

Boundary: between the outbox, the states and one session; used from the sender's thread only. At
least once, in order: what was not acknowledged when the connection ends is sent again by the next.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from edge.sinks import _words
from edge.sinks._link import LinkDown, LinkRecord
from edge.sinks._outbox import Outbox
from edge.sinks._session import Session
from edge.sinks._states import States

_log = logging.getLogger("edge.sinks.mqtt")

_ACK_S = 20.0  # a broker that takes messages and confirms none is not a working broker


@dataclass(frozen=True, slots=True)
class _Sent:
    """Something under way: an event, or a state with seq 0."""

    seq: int
    topic: str
    payload: bytes
    at: float


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
        self._refusals = 0
        self._paused_until: float | None = None

    @property
    def is_done(self) -> bool:
        """Nothing is under way and nothing waits."""
        return not self._under_way and not self._outbox.stats.depth

    @property
    def are_states_known(self) -> bool:
        """The broker has confirmed the last value of every state."""
        is_under_way = any(not sent.seq for sent in self._under_way.values())
        return not is_under_way and not self._states.is_changed

    def fill(self) -> None:
        """Hand over states, then events, as far as the window allows.

        Raises:
            LinkDown: The connection is gone.
            OutboxError: The outbox cannot be read or written.
        """
        while (room := self._session.window - len(self._under_way)) > 0:
            changed = self._states.next_changed()
            if changed is None:
                self._fill_events(room)
                return
            self._send(0, *changed, retain=True)

    def settle(self) -> None:
        """Act on what the broker has confirmed or refused since the last call.

        Raises:
            LinkDown: It confirms nothing any more.
            OutboxError: The outbox cannot be written.
        """
        arrived: list[int] = []
        acknowledged = unheard = 0
        acks, self._session.acks = self._session.acks, []
        for mid, code in acks:
            sent = self._under_way.pop(mid, None)
            if sent is None:  # paho reports health, which nobody acknowledges, as it goes out
                continue
            if code >= 0x80:
                self._refused(sent, code)
                continue
            acknowledged += 1
            if sent.seq:
                arrived.append(sent.seq)
                unheard += code == _words.NO_SUBSCRIBERS
                self._refusals = 0
            elif not sent.payload and self._states.confirm_removed(sent.topic):
                self._outbox.forget_retained(sent.topic)
        if arrived:
            self._outbox.acknowledge(arrived)
        self._record.count(acknowledged=acknowledged, unheard=unheard)
        oldest = min((sent.at for sent in self._under_way.values()), default=None)
        if oldest is not None and time.monotonic() - oldest > _ACK_S:
            place = self._record.link.place
            raise LinkDown(f"{place} has confirmed nothing for {_ACK_S:.0f} s")

    def _fill_events(self, room: int) -> None:
        if self._paused_until is not None:
            if self._under_way or time.monotonic() < self._paused_until:
                return
            self._paused_until, self._sent_seq = None, 0  # again from the lowest
        if self._outbox.stats.seq <= self._sent_seq or (self._refusals and self._under_way):
            return
        # One at a time after a refusal, so that nothing overtakes what is refused.
        for stored in self._outbox.pending(1 if self._refusals else room, self._sent_seq):
            topic = f"{self._root}/{stored.topic}"
            self._sent_seq = stored.seq
            if self._session.fits(topic, stored.payload):
                self._send(stored.seq, topic, stored.payload, retain=False)
            else:
                self._set_aside(stored.seq, topic, _words.TOO_LARGE)

    def _send(self, seq: int, topic: str, payload: bytes, *, retain: bool) -> None:
        mid = self._session.publish(topic, payload, retain=retain)
        self._under_way[mid] = _Sent(seq, topic, payload, time.monotonic())
        self._record.count(published=1)

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
