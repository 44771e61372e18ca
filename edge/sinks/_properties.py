"""Properties: what MQTT 5 lets each packet say, as paho wants it. MQTT 3.1.1 has none of them."""

from __future__ import annotations

from functools import cache

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge.sinks._post import Post

_HEALTH_EXPIRY_S = 120
_RECEIVE_MAXIMUM = 8  # commands the broker may have under way to us
_MAX_INCOMING = 64 * 1024  # far above any command: what is longer still, the broker drops
_SESSION_BEYOND_WILL_S = 60  # a session that ended with the Will's delay would publish it at once


class _Packed(Properties):
    """Properties that do not change any more, and know how they are written."""

    def __init__(self, properties: Properties) -> None:
        super().__init__(properties.packetType)  # type: ignore[no-untyped-call]
        vars(self).update(vars(properties))
        vars(self)["_packed"] = properties.pack()  # type: ignore[no-untyped-call]

    def pack(self) -> bytes:
        """As packed once."""
        packed: bytes = vars(self)["_packed"]
        return packed


def connecting(will_delay_s: int | None) -> Properties:
    """For CONNECT.

    Args:
        will_delay_s: How long the broker waits with the Will; None where nothing of the
            connection outlives it.
    """
    properties = _of(PacketTypes.CONNECT)
    properties.ReceiveMaximum = _RECEIVE_MAXIMUM
    properties.MaximumPacketSize = _MAX_INCOMING
    if will_delay_s is not None:
        properties.SessionExpiryInterval = will_delay_s + _SESSION_BEYOND_WILL_S
    return properties


def will(delay_s: int, content_type: str) -> Properties:
    """For the Last Will."""
    properties = _of(PacketTypes.WILLMESSAGE)
    properties.WillDelayInterval = delay_s
    return _typed(properties, content_type)


def farewell() -> Properties:
    """For DISCONNECT: nothing is kept for one who left."""
    properties = _of(PacketTypes.DISCONNECT)
    properties.SessionExpiryInterval = 0
    return properties


@cache
def message(content_type: str) -> Properties:
    """For PUBLISH of an event or a state; those without a payload need none.

    Made once, as paho only reads it: making it takes 19 us, and packing it 11 us each time.
    """
    return _Packed(_publish(content_type))


def health(content_type: str) -> Properties:
    """For PUBLISH of what is worth nothing later."""
    properties = _publish(content_type)
    properties.MessageExpiryInterval = _HEALTH_EXPIRY_S
    return properties


def post(post: Post) -> Properties:
    """For PUBLISH of an answer or a view."""
    properties = _publish(post.content_type)
    if post.correlation is not None:
        properties.CorrelationData = post.correlation
    if post.properties:
        properties.UserProperty = list(post.properties)
    return properties


def _publish(content_type: str) -> Properties:
    return _typed(_of(PacketTypes.PUBLISH), content_type)


def _of(packet: int) -> Properties:
    return Properties(packet)  # type: ignore[no-untyped-call]


def _typed(properties: Properties, content_type: str) -> Properties:
    properties.ContentType = content_type
    properties.PayloadFormatIndicator = int("json" in content_type)
    return properties
