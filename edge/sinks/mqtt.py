"""mqtt: events and states to a broker, at least once and in order, out of the disk outbox.

Boundary: the one thread that dials, sends and dials again. The rest of the kind is in `_broker`
(the options), `_session` (paho), `_delivery` (the window), `_states`, `_link` and `_words`.

No session is kept at the broker (clean start): what is unfinished is known here, on disk. The
Last Will has no delay: a link that breaks silently has been dead for the keep-alive time (22 s)
when the broker notices, and after a short break `online` corrects it at once.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from random import SystemRandom
from typing import Literal

from edge.backoff import back_off_s
from edge.errors import OutboxError, SinkError
from edge.message import HEALTH, STATUS, NodeState, NodeStatus, Origin, encode, node_topic
from edge.sinks._broker import BrokerOptions
from edge.sinks._delivery import Delivery
from edge.sinks._link import Link, LinkRecord
from edge.sinks._outbox import Outbox, Stored
from edge.sinks._session import Session
from edge.sinks._states import States

_log = logging.getLogger("edge.sinks.mqtt")

_CONNECT_S = 10.0  # TCP, TLS and the broker's answer, each
_IDLE_S = 1.0  # longest sleep; a new message ends it
_FLUSH_S = 2.0  # at close: for the outbox, then again for the last status
_STEADY_S = 10.0  # a link that held this long starts the back-off afresh


class Options(BrokerOptions):
    """The broker that events and states are sent to."""

    kind: Literal["mqtt"] = "mqtt"

    def open(self, outbox: Outbox, origin: Origin, folder: Path) -> MqttSink:
        """Start sending; the broker need not be there."""
        return MqttSink(self, outbox, origin, folder)


def probe(options: Options, folder: Path, timeout_s: float = _CONNECT_S) -> str | None:
    """Connect once, publish nothing, and say what happened.

    Args:
        options: The broker.
        folder: What relative paths in `options` start from.
        timeout_s: Longest wait for each of TCP, TLS and the broker's answer.

    Returns:
        None where the broker accepted; else why not, in words.
    """
    name = f"edge-probe-{SystemRandom().getrandbits(32):08x}"
    session = Session(options, folder, name, will=None)
    try:
        session.connect(timeout_s)
    except SinkError as down:
        return str(down)
    finally:
        session.close(is_farewell=True)
    return None


class MqttSink:
    """Sends what waits in an outbox, and the latest value of every state.

    Args:
        options: The broker.
        outbox: Where messages wait; emptied as the broker acknowledges.
        origin: Whose messages.
        folder: What relative paths in `options` start from.
        wait: Seconds to wait after the n-th failure in a row.
    """

    acknowledges = True

    def __init__(
        self,
        options: Options,
        outbox: Outbox,
        origin: Origin,
        folder: Path,
        *,
        wait: Callable[[int], float] = back_off_s,
    ) -> None:
        self._options = options
        self._outbox = outbox
        self._origin = origin
        self._folder = folder
        self._wait = wait
        self._record = LinkRecord(options.place)
        self._states = States()
        self._health: bytes | None = None
        self._connected_at: float | None = None
        self._stopping = threading.Event()
        self._ear, self._bell = socket.socketpair()
        self._ear.setblocking(False)
        self._bell.setblocking(False)
        self._thread = threading.Thread(target=self._run, name=f"mqtt {options.place}", daemon=True)
        self._thread.start()

    @property
    def link(self) -> Link:
        """How it goes with the broker; a snapshot."""
        return self._record.link

    def deliver(self, stored: Stored) -> None:  # noqa: ARG002 - it is read from the outbox
        """Wake the sender: there is something in the outbox."""
        self._wake()

    def retain(self, subtopic: str, payload: bytes) -> None:
        """Replace a state; only the last value is sent, and only when it differs."""
        topic = self._topic(subtopic)
        if topic not in self._states:
            self._remember(topic)
        self._states.put(topic, payload)
        self._wake()

    def keep_only(self, subtopics: Collection[str]) -> None:
        """Empty every topic ever retained, by this or an earlier run, that is not one of these."""
        wanted = {self._topic(subtopic) for subtopic in (STATUS, *subtopics)}
        try:
            known = self._outbox.retained()
        except OutboxError as problem:
            _log.error("states of an earlier run stay at the broker: %s", problem)
            known = ()
        for topic in sorted({*known, *self._states.topics()} - wanted):
            self._states.put(topic, b"")
        self._wake()

    def health(self, payload: bytes) -> None:
        """Send once if connected; else it is dropped by design (QoS 0, it expires)."""
        if self.link.is_connected:
            self._health = payload
            self._wake()

    def close(self) -> None:
        """Send what goes out in 2 s, say `stopped`, and let go; what is left waits on disk."""
        self._stopping.set()
        self._wake()
        # A dial that hangs is not waited for: it is a daemon thread, and has nothing to say.
        self._thread.join(2 * _FLUSH_S + 1.0 if self.link.is_connected else 0.5)
        self._bell.close()

    def _topic(self, subtopic: str) -> str:
        return f"{self._options.root}/{node_topic(self._origin, subtopic)}"

    def _wake(self) -> None:
        with suppress(OSError):  # ringing already, or closed
            self._bell.send(b"\0")

    def _remember(self, topic: str) -> None:
        try:
            self._outbox.remember_retained(topic)
        except OutboxError as problem:
            _log.error("%s will not be removed with its rule: %s", topic, problem)

    def _status(self, state: NodeState, at: datetime) -> bytes:
        return encode(
            NodeStatus(
                site=self._origin.site,
                node=self._origin.node,
                state=state,
                since=None if state == "lost" else at,
                online_since=at if state == "lost" else None,
                insecure=self._options.is_insecure,
            )
        )

    def _run(self) -> None:
        """The sender's thread: one connection after the other, until closed."""
        failures = 0
        while not self._stopping.is_set():
            self._connected_at = None
            try:
                self._send_on_one_connection()
            except SinkError as down:
                failures = 1 if self._was_steady() else failures + 1
                self._record.failed(str(down))
            except Exception as fault:  # noqa: BLE001 - a bug must not silence the box; it is said
                failures += 1
                _log.exception("fault in the sender")
                self._record.failed(f"fault in the sender, please report it: {fault!r}")
            if failures:
                self._stopping.wait(self._wait(failures))
        self._ear.close()

    def _was_steady(self) -> bool:
        up = self._connected_at
        return up is not None and time.monotonic() - up > _STEADY_S

    def _send_on_one_connection(self) -> None:
        now = datetime.now(timezone.utc)
        status = self._topic(STATUS)
        client_id = f"edge-{self._origin.site}-{self._origin.node}"
        will = (status, self._status("lost", now))
        session = Session(self._options, self._folder, client_id, will)
        is_farewell = False
        self._record.trying()
        try:
            session.connect(_CONNECT_S)
            self._connected_at = time.monotonic()
            self._record.up(now)
            self._remember(status)
            self._states.begin(status, self._status("online", now))
            is_farewell = self._deliver_until_stopped(session)
        finally:
            session.close(is_farewell=is_farewell)
            self._record.down(datetime.now(timezone.utc))

    def _deliver_until_stopped(self, session: Session) -> bool:
        """Whether the broker knows the last status, so that it need not publish the Will."""
        delivery = Delivery(
            session,
            self._outbox,
            self._states,
            self._record,
            root=self._options.root,
            wait=self._wait,
        )
        while not self._stopping.is_set():
            delivery.fill()
            health, self._health = self._health, None
            if health is not None:
                session.publish_health(self._topic(HEALTH), health)
            session.serve(min(_IDLE_S, delivery.idle_s), self._ear)
            delivery.settle()
        for is_last in (False, True):
            if is_last:  # a status that tells a stop from a loss
                stopped = self._status("stopped", datetime.now(timezone.utc))
                self._states.put(self._topic(STATUS), stopped)
            deadline = time.monotonic() + _FLUSH_S
            delivery.fill()
            while not delivery.is_done and time.monotonic() < deadline:
                session.serve(0.1, self._ear)
                delivery.settle()
                delivery.fill()
        return delivery.are_states_known
