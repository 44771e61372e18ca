"""Subscriber: hears what comes back from a broker, for people who want to see it arrive.

The one place besides `mqtt` that knows paho; it only listens.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from paho.mqtt.client import Client, MQTTMessage, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion

from edge.errors import BrokerRefused


class Subscriber:
    """Listens to one topic filter until closed. MQTT 3.1.1, which every broker speaks.

    Args:
        host: Of the broker.
        port: Of the broker.
        topic: Topic filter, such as `cctv/v1/#`.
        heard: Called with topic and payload, from the listening thread.

    Raises:
        BrokerRefused: No answer, or the subscription was not taken.
    """

    def __init__(
        self, host: str, port: int, topic: str, heard: Callable[[str, bytes], None]
    ) -> None:
        subscribed = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv311)

        def on_connect(client: Client, *_: Any) -> None:
            client.subscribe(topic, qos=1)

        def on_subscribe(*_: Any) -> None:
            subscribed.set()

        def on_message(_client: Client, _userdata: Any, message: MQTTMessage) -> None:
            heard(message.topic, bytes(message.payload))

        self._client.on_connect = on_connect
        self._client.on_subscribe = on_subscribe
        self._client.on_message = on_message
        try:
            self._client.connect(host, port)
        except OSError as exc:
            raise BrokerRefused(f"no broker at {host}:{port}: {exc.strerror}") from exc
        self._client.loop_start()
        if not subscribed.wait(10.0):
            self.close()
            raise BrokerRefused(f"the broker at {host}:{port} took no subscription to {topic}")

    def close(self) -> None:
        """Stop listening."""
        self._client.disconnect()
        self._client.loop_stop()
