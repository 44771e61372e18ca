"""mqtt: events and states to a broker, at least once and in order, out of the disk outbox.

Boundary: the one thread that dials, sends and dials again. The rest of the kind is in `_broker`
(the options), `_session` (paho), `_delivery` (the window), `_exchange` (requests and answers),
`_probe`, `_states`, `_link` and `_words`.

What is unfinished is known here, on disk. The session kept at the broker is for two things only: a
short break does not publish the Last Will, and a command sent during it is not lost.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal

from edge.backoff import back_off_s
from edge.errors import OutboxError, SinkError
from edge.message import NodeState, NodeStatus, Origin, encode
from edge.sinks._address import Address
from edge.sinks._bell import Bell
from edge.sinks._broker import BrokerOptions
from edge.sinks._delivery import Delivery
from edge.sinks._encoding import encoding
from edge.sinks._exchange import Exchange, replayed
from edge.sinks._link import Link, LinkRecord
from edge.sinks._outbox import Outbox, Stored
from edge.sinks._post import Ear, Incoming, Post
from edge.sinks._probe import CONNECT_S, probe
from edge.sinks._session import Introduction, Session
from edge.sinks._states import States
from edge.sinks._views import Views
from edge.topics import HEALTH, STATUS, node_topic

__all__ = ["MqttSink", "Options", "probe"]

_log = logging.getLogger("edge.sinks.mqtt")

_IDLE_S = 1.0  # longest sleep; a new message ends it
_FLUSH_S = 2.0  # at close: for the outbox, then again for the last status
_STEADY_S = 10.0  # a link that held this long starts the back-off afresh


class Options(BrokerOptions):
    """The broker that events and states are sent to."""

    kind: Literal["mqtt"] = "mqtt"

    def open(self, outbox: Outbox, origin: Origin, folder: Path) -> MqttSink:
        """Ready to send; the broker need not be there."""
        return MqttSink(self, outbox, origin, folder)


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
        self._encoding = encoding(options.encoding)
        self._record = LinkRecord(options.addresses[0].place)
        self._states = States()
        self._views = Views(options.views, options.root, origin, self._keep)
        self._health: bytes | None = None
        self._connected_at: float | None = None
        self._exchange = Exchange(self._record)
        self._stopping = threading.Event()
        self._bell = Bell()
        self._thread = threading.Thread(
            target=self._run, name=f"mqtt {options.addresses[0].place}", daemon=True
        )

    def start(self) -> None:
        """Dial, and send. Who is to hear what should be known by now.

        The status `online` tells that somebody is there, and a broker that kept messages during a
        short break delivers them as soon as it answers.
        """
        self._thread.start()

    @property
    def link(self) -> Link:
        """How it goes with the broker; a snapshot."""
        return self._record.link

    def deliver(self, stored: Stored) -> None:  # noqa: ARG002 - it is read from the outbox
        """Wake the sender: there is something in the outbox."""
        self._bell.ring()

    def retain(self, subtopic: str, payload: bytes) -> None:
        """Replace a state; only the last value is sent, and only when it differs."""
        self._keep(Post(self._topic(subtopic), payload, is_retained=True))
        self._views.of_state(subtopic, payload)
        self._bell.ring()

    def keep_only(self, subtopics: Collection[str]) -> None:
        """Empty every topic ever retained, by this or an earlier run, that is not one of these."""
        wanted = {self._topic(subtopic) for subtopic in (STATUS, *subtopics)} | self._views.topics
        try:
            known = self._outbox.retained()
        except OutboxError as problem:
            _log.error("states of an earlier run stay at the broker: %s", problem)
            known = ()
        for topic in sorted({*known, *self._states.topics()} - wanted):
            self._states.put(topic, b"")
        self._bell.ring()

    def health(self, payload: bytes) -> None:
        """Send once if connected; else it is dropped by design (QoS 0, it expires)."""
        if self.link.is_connected:
            self._health = payload
            self._bell.ring()

    def hear(self, subtopics: Sequence[str], ear: Ear) -> None:
        """Subscribe to topics of this node on every connection, ahead of anything that is said.

        Nothing is heard over MQTT 3.1.1: it names no place for an answer, nor who asks.

        Filters that were given before are heard by the new ear; the others go on as they are.

        Args:
            subtopics: Topic filters below the node, such as `cmd/+`.
            ear: Takes what comes.
        """
        if self._options.protocol != 5:
            _log.info("%s is not subscribed to: MQTT 3.1.1 is used", ", ".join(subtopics))
            return

        def heard(incoming: Incoming) -> None:
            ear(incoming, self.answer)

        self._exchange.hear({self._topic(subtopic): heard for subtopic in subtopics})
        self._bell.ring()

    def answer(self, posts: Iterable[Post]) -> bool:
        """Send something once, as soon as the link allows; what is under way is not repeated.

        Args:
            posts: Taken one by one from the sender's thread, so they may be read as they go out.

        Returns:
            Whether it was accepted; not where too much waits already.
        """
        is_accepted = self._exchange.answer(posts)
        self._bell.ring()
        return is_accepted

    def replay(self, start: int | datetime) -> tuple[int | None, bool]:
        """Send again what was delivered, among what is new, with a user property `replayed`.

        Args:
            start: The lowest number wanted, or the earliest time of the scene.

        Returns:
            Number of the first message that comes, None where none does; and whether all that was
            asked for is still kept.

        Raises:
            OutboxError: The outbox cannot be read, or too much waits to be sent already.
        """
        first = next((stored.seq for stored in self._outbox.delivered_since(start, limit=1)), None)
        oldest = self._outbox.delivered_from or 1
        is_complete = oldest == 1 or (oldest <= start if isinstance(start, int) else False)
        is_complete = is_complete or (first is not None and first > oldest)
        if first is not None and not self.answer(
            replayed(self._outbox, start, self._options.root, self._encoding)
        ):
            raise OutboxError("too many answers wait to be sent already")
        return first, is_complete

    def close(self) -> None:
        """Send what goes out in 2 s, say `stopped`, and let go; what is left waits on disk."""
        self._stopping.set()
        self._bell.ring()
        if self._thread.ident is None:  # never started
            return
        # A dial that hangs is not waited for: it is a daemon thread, and has nothing to say.
        self._thread.join(2 * _FLUSH_S + 1.0 if self.link.is_connected else 0.5)

    def _topic(self, subtopic: str) -> str:
        return f"{self._options.root}/{node_topic(self._origin, subtopic)}"

    def _keep(self, post: Post) -> None:
        """Have a retained message at the broker, whichever it is and will be."""
        if post.topic not in self._states:
            self._remember(post.topic)
        self._states.put(post.topic, post.payload)

    def _remember(self, topic: str) -> None:
        try:
            self._outbox.remember_retained(topic)
        except OutboxError as problem:
            _log.error("%s will not be removed with its rule: %s", topic, problem)

    def _status(self, state: NodeState, at: datetime, address: Address) -> bytes:
        return encode(
            NodeStatus(
                site=self._origin.site,
                node=self._origin.node,
                state=state,
                since=None if state == "lost" else at,
                online_since=at if state == "lost" else None,
                insecure=address.is_insecure,
                profile=self._origin.profile,
            )
        )

    def _run(self) -> None:
        """The sender's thread: one connection after the other, until closed."""
        addresses = self._options.addresses
        position = rounds = 0
        while not self._stopping.is_set():
            self._connected_at = None
            try:
                self._send_on_one_connection(addresses[position])
            except SinkError as down:
                self._record.failed(str(down))
            except Exception as fault:  # noqa: BLE001 - a bug must not silence the box; it is said
                _log.exception("fault in the sender")
                self._record.failed(f"fault in the sender, please report it: {fault!r}")
            else:
                break
            if self._was_steady():
                position = rounds = 0  # the preferred one first
            else:
                position = (position + 1) % len(addresses)
            if position == 0:
                rounds += 1
                self._stopping.wait(self._wait(rounds))
        self._bell.close()

    def _was_steady(self) -> bool:
        up = self._connected_at
        return up is not None and time.monotonic() - up > _STEADY_S

    def _send_on_one_connection(self, address: Address) -> None:
        now = datetime.now(timezone.utc)
        status = self._topic(STATUS)
        introduction = Introduction(
            f"edge-{self._origin.site}-{self._origin.node}",
            (status, self._status("lost", now, address)),
            encoding=self._encoding,
        )
        session = Session(self._options, address, self._folder, introduction, self._views)
        is_farewell = False
        self._record.trying(address.place)
        try:
            session.connect(CONNECT_S)
            self._connected_at = time.monotonic()
            self._record.up(now)
            self._remember(status)
            self._states.begin(status, self._status("online", now, address))
            delivery = Delivery(
                session,
                self._outbox,
                self._states,
                self._record,
                root=self._options.root,
                wait=self._wait,
            )
            try:
                self._deliver_until_stopped(session, delivery)
                is_farewell = self._take_leave(session, delivery, address)
            finally:
                delivery.acknowledge()
        finally:
            session.close(is_farewell=is_farewell)
            self._record.down(datetime.now(timezone.utc))

    def _deliver_until_stopped(self, session: Session, delivery: Delivery) -> None:
        self._exchange.begin()
        while not self._stopping.is_set():
            self._exchange.send(session)
            delivery.fill()
            health, self._health = self._health, None
            if health is not None:
                session.publish_health(self._topic(HEALTH), health)
            session.serve(min(_IDLE_S, delivery.idle_s), self._bell)
            delivery.settle()
            self._exchange.hand_over(session)

    def _take_leave(self, session: Session, delivery: Delivery, address: Address) -> bool:
        """Whether the broker knows the last status, so that it need not publish the Will."""
        for is_last in (False, True):
            if is_last:  # a status that tells a stop from a loss
                stopped = self._status("stopped", datetime.now(timezone.utc), address)
                self._states.put(self._topic(STATUS), stopped)
            deadline = time.monotonic() + _FLUSH_S
            delivery.fill()
            while not delivery.is_done and time.monotonic() < deadline:
                session.serve(0.1, self._bell)
                delivery.settle()
                delivery.fill()
        return delivery.are_states_known
