"""Subscriber: hears what comes back from a broker, for people who want to see it arrive.

The one place besides `_session` that knows paho; it only listens. A short break loses nothing: the
broker keeps its session for five minutes, and forgets it when it is closed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom
from typing import Any

from paho.mqtt.client import Client, MQTTMessage, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge.errors import BrokerRefused
from edge.sinks import _properties, _words
from edge.sinks._broker import BrokerOptions
from edge.sinks._tls import trust

_NOT_V5 = 0x84
_SESSION_S = 300
_ANSWER_S = 5.0


@dataclass(frozen=True, slots=True)
class Heard:
    """One message as it came.

    Attributes:
        topic: Full topic.
        payload: As sent.
        content_type: As it was said to be; empty where nothing was said.
        is_retained: The broker had kept it.
        is_replayed: It was asked for again by somebody.
    """

    topic: str
    payload: bytes
    content_type: str
    is_retained: bool
    is_replayed: bool


class Subscriber:
    """Listens to some topics until closed; reconnects by itself.

    Args:
        options: The broker; the first of its addresses is used, and 3.1.1 where it knows no 5.
        folder: What relative paths in `options` start from.
        topics: Topic filters, such as `cctv/v1/#`.
        heard: Called with each message, from the listening thread.
        link: Called when the connection is lost, with why, and with an empty text when it is back.

    Raises:
        BrokerRefused: No answer, a refusal, or a subscription was not taken.
        SinkError: A certificate or key file cannot be used.
    """

    def __init__(
        self,
        options: BrokerOptions,
        folder: Path,
        topics: Sequence[str],
        heard: Callable[[Heard], None],
        link: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._options = options
        self._address = options.addresses[0]
        self._folder = folder
        self._topics = topics
        self._heard = heard
        self._link = link
        self._answered = threading.Event()
        self._is_up = False
        self._code = 0
        self._client = self._dial(is_v5=options.protocol == 5)
        if not self._is_up and self._code in (0, _NOT_V5) and options.protocol == 5:
            self.close()  # of those that know no 5 some say so, some hang up, some say nothing
            self._client = self._dial(is_v5=False)
        if not self._is_up:
            why = self._why()
            self.close()
            raise BrokerRefused(why)

    def publish(self, topic: str, payload: bytes, *, is_retained: bool = False) -> None:
        """Send one message, at QoS 1 as soon as the link allows; JSON in UTF-8."""
        self._client.publish(topic, payload, qos=1, retain=is_retained)

    def close(self) -> None:
        """Stop listening; the broker keeps nothing."""
        is_v5 = self._client.protocol == MQTTv5
        self._is_up = False
        self._client.disconnect(properties=_properties.farewell() if is_v5 else None)
        self._client.loop_stop()

    def _dial(self, *, is_v5: bool) -> Client:
        self._answered.clear()
        self._code = 0
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"edge-watch-{SystemRandom().getrandbits(48):012x}",
            protocol=MQTTv5 if is_v5 else MQTTv311,
            clean_session=None if is_v5 else True,
        )
        options = self._options
        if options.username is not None:
            password = options.password
            client.username_pw_set(
                options.username.get_secret_value(),
                password.get_secret_value() if password is not None else None,
            )
        if self._address.is_tls:
            client.tls_set_context(trust(options, self._folder))
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect
        client.reconnect_delay_set(1, 30)
        client.connect_timeout = _ANSWER_S
        session: dict[str, Any] = {}
        if is_v5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = _SESSION_S
            session["properties"] = properties
        try:
            client.connect(self._address.host, self._address.port, keepalive=30, **session)
        except (OSError, ValueError) as problem:
            words = _words.failure(problem, self._address.place, is_tls=self._address.is_tls)
            raise BrokerRefused(words) from problem
        client.loop_start()
        self._answered.wait(_ANSWER_S)
        return client

    def _why(self) -> str:
        place = self._address.place
        if self._code:
            return f"{place} refused: {_words.reason(self._code)}"
        if self._answered.is_set():
            return _words.hung_up(place, is_tls=self._address.is_tls)
        return f"{place} accepted the connection and did not answer: is it an MQTT broker?"

    def _on_connect(
        self, client: Client, _data: object, _flags: object, reason: ReasonCode, _more: object
    ) -> None:
        if reason.is_failure:
            self._code = reason.value
            self._answered.set()
            self._link(f"{self._address.place} refused: {_words.reason(reason.value)}")
        else:
            client.subscribe([(topic, 1) for topic in self._topics])

    def _on_subscribe(
        self, _client: Client, _data: object, _mid: int, reasons: list[ReasonCode], _more: object
    ) -> None:
        refused = [reason.value for reason in reasons if reason.is_failure]
        if refused:
            self._code = refused[0]
        else:
            was_up, self._is_up = self._is_up, True
            if was_up or self._answered.is_set():
                self._link("")
        self._answered.set()

    def _on_disconnect(
        self, _client: Client, _data: object, _flags: object, reason: ReasonCode, _more: object
    ) -> None:
        if self._is_up:
            self._link(f"the connection to {self._address.place} was lost: {reason}")
        self._answered.set()

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        properties = message.properties
        said = dict(getattr(properties, "UserProperty", ()))
        self._heard(
            Heard(
                message.topic,
                bytes(message.payload),
                getattr(properties, "ContentType", ""),
                message.retain,
                said.get("replayed") == "true",
            )
        )
