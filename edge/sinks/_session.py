"""Session: one connection to a broker, from dialling to its end; never used twice.

Boundary: the only sender that knows paho. Its client is driven from one thread, through the calls
it offers for a foreign loop; its own threads, queue and redelivery stay unused, so that there is
one place that retries. What paho or the network raises leaves here as a SinkError in words.
"""

from __future__ import annotations

import logging
import selectors
import socket
import ssl
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from edge.errors import BrokerRefused
from edge.sinks import _properties, _words
from edge.sinks._address import Address
from edge.sinks._bell import Bell
from edge.sinks._broker import BrokerOptions
from edge.sinks._brokers_word import BrokersWord
from edge.sinks._encoding import JSON_ENCODING, Encoding
from edge.sinks._link import LinkDown
from edge.sinks._post import Incoming, Post
from edge.sinks._tls import trust
from edge.sinks._views import Views

_log = logging.getLogger("edge.sinks.mqtt")

_KEEPALIVE_S = 15  # we notice a half-open link after at most 30 s, the broker after 22 s
_WINDOW = 20  # messages under way; paho would queue what is beyond its own limit of 20
_OVERHEAD_BYTES = 64  # header, packet number and properties of a PUBLISH, rounded up


@dataclass(frozen=True, slots=True)
class Introduction:
    """How this box presents itself to a broker.

    Attributes:
        client_id: Identifier; a second connection under it ends the first.
        will: Topic and JSON payload that the broker retains should the connection break; None
            for none.
        is_brief: Nothing of the connection outlives it.
        encoding: How payloads of this box's own topics are written.
    """

    client_id: str
    will: tuple[str, bytes] | None = None
    is_brief: bool = False
    encoding: Encoding = field(default=JSON_ENCODING)


class Session:
    """One connection.

    Args:
        options: The broker.
        address: Which of its places.
        folder: What relative paths in `options` start from.
        introduction: Who we are.
        views: What else goes out with each event; None for nothing.
    """

    def __init__(
        self,
        options: BrokerOptions,
        address: Address,
        folder: Path,
        introduction: Introduction,
        views: Views | None = None,
    ) -> None:
        self._options = options
        self._address = address
        self._folder = folder
        self._introduction = introduction
        self._views = views
        self._encoding = introduction.encoding
        self._is_v5 = options.protocol == 5
        self._selector: selectors.BaseSelector | None = None
        self._limit = _WINDOW
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=introduction.client_id,
            protocol=MQTTv5 if self._is_v5 else MQTTv311,
            # Else paho answers a refusal by dialling again in an older protocol.
            reconnect_on_failure=False,
            clean_session=None if self._is_v5 else True,
        )
        if options.username is not None:
            password = options.password
            self._client.username_pw_set(
                options.username.get_secret_value(),
                password.get_secret_value() if password is not None else None,
            )
        if introduction.will is not None:
            topic, payload = introduction.will
            self._client.will_set(
                topic,
                self._encoding.encode(payload),
                qos=1,
                retain=True,
                properties=_properties.will(options.lost_after_seconds, self._encoding.content_type)
                if self._is_v5
                else None,
            )
        self._word = BrokersWord(self._client, address)

    def connect(self, timeout_s: float) -> None:
        """Dial, and wait for the broker's answer.

        Args:
            timeout_s: Longest wait for each of TCP, TLS and the answer.

        Raises:
            LinkDown: It cannot be reached, or did not answer.
            BrokerRefused: It answered no.
            SinkError: A certificate or key file cannot be used.
        """
        address = self._address
        self._client.connect_timeout = timeout_s
        if address.is_tls:
            self._word.trust = trust(self._options, self._folder)
            self._client.tls_set_context(self._word.trust)
        try:
            self._client.connect(
                address.host, address.port, keepalive=_KEEPALIVE_S, **self._connect_options()
            )
        except (OSError, ValueError) as problem:
            if self._word.trust is not None:
                self._word.trust.close_wrapped()
            words = _words.failure(problem, address.place, is_tls=address.is_tls)
            raise LinkDown(words) from problem
        deadline = time.monotonic() + timeout_s
        while self._word.answer is None:
            left = deadline - time.monotonic()
            if left <= 0:
                hint = ", and of version 5 (else set `protocol: 3.1.1`)" if self._is_v5 else ""
                raise LinkDown(
                    f"{address.place} accepted the connection and did not answer within "
                    f"{timeout_s:.0f} s: is it an MQTT broker{hint}?"
                )
            self.serve(left)
        self._limit = min(_WINDOW, self._word.receive_maximum or _WINDOW)
        if self._views and self._limit <= len(self._views):
            _log.warning("%s takes too few messages at once for views", address.place)
            self._views = None

    @property
    def window(self) -> int:
        """How many events and states may be under way together; what else is, is taken off."""
        room = max(0, self._limit - len(self._word.posts))
        return room // (1 + len(self._views)) if self._views else room

    @property
    def has_room(self) -> bool:
        """Whether one more `post` may go out before an acknowledgement comes."""
        return self._limit > len(self._word.posts)

    def publish(self, topic: str, payload: bytes, *, retain: bool) -> int:
        """Hand over an event or a state with QoS 1; its PUBACK comes under the number given.

        Raises:
            LinkDown: The connection is gone.
        """
        if self._views and not retain and "/event/" in topic:  # a copy ahead of its turn has none
            for post in self._views.of_event(payload):
                if self.fits(post.topic, post.payload):
                    self.post(post)
        encoded, content_type = self._written(topic, payload)
        properties = _properties.message(content_type) if self._is_v5 and payload else None
        sent = self._client.publish(topic, encoded, qos=1, retain=retain, properties=properties)
        self._check(sent.rc)
        return sent.mid

    def post(self, post: Post) -> None:
        """Hand over anything else with QoS 1; the caller asks `has_room` before.

        Raises:
            LinkDown: The connection is gone.
        """
        properties = _properties.post(post) if self._is_v5 and post.payload else None
        sent = self._client.publish(
            post.topic, post.payload, qos=1, retain=post.is_retained, properties=properties
        )
        self._check(sent.rc)
        self._word.posts.add(sent.mid)

    def publish_health(self, topic: str, payload: bytes) -> None:
        """Hand over vital signs: QoS 0, and of no use to anyone later.

        Raises:
            LinkDown: The connection is gone.
        """
        content_type = self._encoding.content_type
        properties = _properties.health(content_type) if self._is_v5 else None
        sent = self._client.publish(topic, self._encoding.encode(payload), properties=properties)
        self._check(sent.rc)

    def subscribe(self, topics: Sequence[str]) -> None:
        """Ask for messages on some topics, but not for those retained before; MQTT 5 only.

        Raises:
            LinkDown: The connection is gone.
        """
        wanted = SubscribeOptions(
            qos=1, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND, noLocal=True
        )
        code, _ = self._client.subscribe([(topic, wanted) for topic in topics])
        self._check(code)

    @property
    def not_subscribed(self) -> str:
        """Why the broker did not take a subscription; empty while nothing speaks against it."""
        return self._word.not_subscribed

    def acks(self) -> list[tuple[int, int]]:
        """Packet number and reason code of each PUBACK since this was last asked."""
        acks, self._word.acks = self._word.acks, []
        return acks

    def heard(self) -> list[Incoming]:
        """What came on what is subscribed to since this was last asked."""
        heard, self._word.heard = self._word.heard, []
        return heard

    def refused_posts(self) -> list[str]:
        """Why each post was refused that the broker did not take since this was last asked."""
        refused, self._word.refused_posts = self._word.refused_posts, []
        return refused

    def fits(self, topic: str, payload: bytes) -> bool:
        """Whether the broker takes packets of this size; one that is too long ends the session."""
        size = len(topic.encode()) + len(payload) + _OVERHEAD_BYTES
        return not self._word.max_packet or size <= self._word.max_packet

    def serve(self, timeout_s: float, bell: Bell | None = None) -> None:
        """Wait for something to do, and do it.

        Args:
            timeout_s: Return after this at the latest.
            bell: Ends the wait too, and is answered.

        Raises:
            LinkDown: The connection is gone.
        """
        connection = self._connection()
        if self._selector is None:
            self._selector = selectors.DefaultSelector()  # select() fails above 1023 open files
            self._selector.register(connection, selectors.EVENT_READ)
        if bell is not None and bell not in self._selector.get_map():
            self._selector.register(bell, selectors.EVENT_READ)
        wants = selectors.EVENT_READ
        if self._client.want_write():
            wants |= selectors.EVENT_WRITE
        self._selector.modify(connection, wants)
        # TLS may hold decrypted bytes that the kernel no longer announces.
        is_waiting = isinstance(connection, ssl.SSLSocket) and connection.pending() > 0
        is_writable = False
        for key, events in self._selector.select(0.0 if is_waiting else timeout_s):
            if bell is not None and key.fileobj is bell:
                bell.answer()
                continue
            is_writable = is_writable or bool(events & selectors.EVENT_WRITE)
            is_waiting = is_waiting or bool(events & selectors.EVENT_READ)
        if is_waiting:  # first: a broker that hangs up says why, and writing would lose it
            self._client.loop_read()
        if is_writable:
            self._client.loop_write()
        self._client.loop_misc()
        self._connection()

    def close(self, *, is_farewell: bool = False) -> None:
        """End it; safe to call twice.

        Args:
            is_farewell: Say goodbye. Otherwise the broker publishes the Last Will, which is right
                whenever the last status was not `stopped`.
        """
        if self._selector is not None:
            self._selector.close()
            self._selector = None
        connection = self._client.socket()
        if isinstance(connection, socket.socket):
            if is_farewell:
                self._client.disconnect(properties=_properties.farewell() if self._is_v5 else None)
            else:
                with suppress(OSError):  # the other side was faster
                    connection.shutdown(socket.SHUT_RDWR)
            self._client.loop_read()  # paho sees the end, and closes its socket
            connection.close()

    def _connection(self) -> socket.socket:
        connection = self._client.socket()
        if self._word.answer:
            words = f"{self._address.place} refused: {_words.reason(self._word.answer)}"
            raise BrokerRefused(words + self._word.answer_words)
        if not isinstance(connection, socket.socket):
            raise LinkDown(self._word.gone or f"the connection to {self._address.place} was lost")
        return connection

    def _check(self, code: MQTTErrorCode) -> None:
        if code != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise LinkDown(self._word.gone or f"the connection to {self._address.place} was lost")

    def _written(self, topic: str, payload: bytes) -> tuple[bytes, str]:
        """A payload as it goes out, and its type: only this box's own topics are encoded."""
        if topic.startswith(f"{self._options.root}/v1/"):
            return self._encoding.encode(payload), self._encoding.content_type
        return payload, JSON_ENCODING.content_type

    def _connect_options(self) -> dict[str, Any]:
        """What MQTT 5 lets us ask for: a session that outlives a short break."""
        if not self._is_v5:
            return {}
        is_brief = self._introduction.is_brief
        delay_s = None if is_brief else self._options.lost_after_seconds
        # A clean start would end the old session, and with it publish the Will of a short break.
        return {"clean_start": is_brief, "properties": _properties.connecting(delay_s)}
