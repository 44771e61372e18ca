"""Broker's word: what paho reports of one connection, kept until somebody asks.

Boundary: paho's callbacks; they only write down. The session reads, on the same thread.
"""

from __future__ import annotations

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge.sinks import _words
from edge.sinks._address import Address
from edge.sinks._post import Incoming
from edge.sinks._tls import Trust


class BrokersWord:
    """Writes down what the broker says.

    Args:
        client: Whose callbacks.
        address: Where the broker is, for messages to people.

    Attributes:
        trust: Of a link that is encrypted; tells why a certificate was refused.
        answer: Reason code of the broker's answer to CONNECT; None before it.
        answer_words: What it added in words.
        max_packet: Longest packet it takes; 0 for any.
        receive_maximum: How many messages it takes before it confirms one; None where unsaid.
        gone: Why the connection is over; empty while it is not.
        not_subscribed: Why it did not take a subscription; empty while nothing speaks against it.
        posts: Packet numbers of posts under way.
        acks: Packet number and reason code of each other PUBACK, until somebody empties it.
        heard: Messages that came on what was subscribed to, likewise.
        refused_posts: Why each post that the broker did not take was refused, likewise.
    """

    def __init__(self, client: Client, address: Address) -> None:
        self._address = address
        self.trust: Trust | None = None
        self.answer: int | None = None
        self.answer_words = ""
        self.max_packet = 0
        self.receive_maximum: int | None = None
        self.gone = ""
        self.not_subscribed = ""
        self.posts: set[int] = set()
        self.acks: list[tuple[int, int]] = []
        self.heard: list[Incoming] = []
        self.refused_posts: list[str] = []
        client.on_connect = self._on_connect
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect

    def _on_connect(
        self,
        client: Client,
        _userdata: object,
        _flags: ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        del client
        self.answer = reason.value
        self.answer_words = _words.said(getattr(properties, "ReasonString", ""))
        self.max_packet = getattr(properties, "MaximumPacketSize", 0)
        self.receive_maximum = getattr(properties, "ReceiveMaximum", None)

    def _on_publish(
        self,
        client: Client,
        _userdata: object,
        mid: int,
        reason: ReasonCode,
        _properties: Properties,
    ) -> None:
        del client
        if mid in self.posts:
            self.posts.discard(mid)
            if reason.value >= 0x80:
                self.refused_posts.append(_words.reason(reason.value))
        else:
            self.acks.append((mid, reason.value))

    def _on_subscribe(
        self,
        client: Client,
        _userdata: object,
        _mid: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        del client
        refused = [reason.value for reason in reasons if reason.value >= 0x80]
        if refused:
            self.not_subscribed = _words.reason(refused[0])

    def _on_message(self, client: Client, _userdata: object, message: MQTTMessage) -> None:
        del client
        properties = message.properties
        self.heard.append(
            Incoming(
                message.topic,
                bytes(message.payload),
                message.retain,
                getattr(properties, "ResponseTopic", ""),
                getattr(properties, "CorrelationData", None),
                tuple(getattr(properties, "UserProperty", ())),
            )
        )

    def _on_disconnect(
        self,
        client: Client,
        _userdata: object,
        flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        del client
        place = self._address.place
        refusal = self.trust.refusal if self.trust is not None else None
        if refusal is not None:
            self.gone = _words.refused_certificate(refusal, place)
        elif flags.is_disconnect_packet_from_server:
            self.gone = f"{place} closed the connection: {_words.reason(reason.value)}"
        elif reason.value == 0x8D:
            self.gone = f"{place} does not answer any more: no reply to a ping for 15 s"
        elif self.answer is None:
            self.gone = _words.hung_up(place, is_tls=self._address.is_tls)
        else:
            self.gone = f"the connection to {place} was lost"
