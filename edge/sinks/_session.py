"""Session: one connection to a broker, from dialling to its end; never used twice.

Boundary: the only sender that knows paho. Its client is driven from one thread, through the calls
it offers for a foreign loop; its own threads, queue and redelivery stay unused, so that there is
one place that retries. What paho or the network raises leaves here as a SinkError in words.
"""

from __future__ import annotations

import selectors
import socket
import ssl
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge.errors import BrokerRefused, SinkError
from edge.sinks import _words
from edge.sinks._broker import BrokerOptions
from edge.sinks._link import LinkDown

_KEEPALIVE_S = 15  # we notice a half-open link after at most 30 s, the broker after 22 s
_WINDOW = 20  # messages under way; paho would queue what is beyond its own limit of 20
_HEALTH_EXPIRY_S = 120
_OVERHEAD_BYTES = 64  # header, packet number and properties of a PUBLISH, rounded up


class Session:
    """One connection.

    Args:
        options: The broker.
        folder: What relative paths in `options` start from.
        client_id: Identifier at the broker; a second connection under it ends the first.
        will: Topic and payload that the broker retains should the connection break; None for none.

    Attributes:
        acks: Packet number and reason code of each PUBACK since the caller last emptied it.
    """

    def __init__(
        self, options: BrokerOptions, folder: Path, client_id: str, will: tuple[str, bytes] | None
    ) -> None:
        self._options = options
        self._folder = folder
        self._is_v5 = options.protocol == 5
        self._selector: selectors.BaseSelector | None = None
        self._answer: int | None = None
        self._max_packet = 0
        self._gone = ""
        self.acks: list[tuple[int, int]] = []
        self.window = _WINDOW
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
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
        if will is not None:
            self._client.will_set(will[0], will[1], qos=1, retain=True)
        self._client.on_connect = self._on_connect
        self._client.on_publish = self._on_publish
        self._client.on_disconnect = self._on_disconnect

    def connect(self, timeout_s: float) -> None:
        """Dial, and wait for the broker's answer.

        Args:
            timeout_s: Longest wait for each of TCP, TLS and the answer.

        Raises:
            LinkDown: It cannot be reached, or did not answer.
            BrokerRefused: It answered no.
            SinkError: A certificate or key file cannot be used.
        """
        options = self._options
        self._client.connect_timeout = timeout_s
        trust = self._trust() if options.is_tls else None
        if trust is not None:
            self._client.tls_set_context(trust)
        clean: dict[str, Any] = {"clean_start": True} if self._is_v5 else {}
        try:
            self._client.connect(options.host, options.port, keepalive=_KEEPALIVE_S, **clean)
        except (OSError, ValueError) as problem:
            if trust is not None:
                trust.close_wrapped()
            words = _words.failure(problem, options.place, is_tls=options.is_tls)
            raise LinkDown(words) from problem
        deadline = time.monotonic() + timeout_s
        while self._answer is None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise LinkDown(
                    f"{options.place} accepted the connection and did not answer within "
                    f"{timeout_s:.0f} s: is it an MQTT broker?"
                )
            self.serve(left)

    def publish(self, topic: str, payload: bytes, *, retain: bool) -> int:
        """Hand over a message with QoS 1; its PUBACK will be in `acks` under the number given.

        Raises:
            LinkDown: The connection is gone.
        """
        properties = None
        if self._is_v5 and payload:
            properties = _publish_properties()
            properties.PayloadFormatIndicator = 1
        sent = self._client.publish(topic, payload, qos=1, retain=retain, properties=properties)
        self._check(sent.rc)
        return sent.mid

    def publish_health(self, topic: str, payload: bytes) -> None:
        """Hand over vital signs: QoS 0, and of no use to anyone later.

        Raises:
            LinkDown: The connection is gone.
        """
        properties = None
        if self._is_v5:
            properties = _publish_properties()
            properties.MessageExpiryInterval = _HEALTH_EXPIRY_S
        self._check(self._client.publish(topic, payload, properties=properties).rc)

    def fits(self, topic: str, payload: bytes) -> bool:
        """Whether the broker takes packets of this size; one that is too long ends the session."""
        size = len(topic) + len(payload) + _OVERHEAD_BYTES
        return not self._max_packet or size <= self._max_packet

    def serve(self, timeout_s: float, ear: socket.socket | None = None) -> None:
        """Wait for something to do, and do it.

        Args:
            timeout_s: Return after this at the latest.
            ear: A second socket that ends the wait, and is emptied.

        Raises:
            LinkDown: The connection is gone.
        """
        connection = self._connection()
        if self._selector is None:
            self._selector = selectors.DefaultSelector()  # select() fails above 1023 open files
            self._selector.register(connection, selectors.EVENT_READ)
        if ear is not None and ear not in self._selector.get_map():
            self._selector.register(ear, selectors.EVENT_READ)
        wants = selectors.EVENT_READ
        if self._client.want_write():
            wants |= selectors.EVENT_WRITE
        self._selector.modify(connection, wants)
        # TLS may hold decrypted bytes that the kernel no longer announces.
        is_waiting = isinstance(connection, ssl.SSLSocket) and connection.pending() > 0
        for key, events in self._selector.select(0.0 if is_waiting else timeout_s):
            if key.fileobj is ear and ear is not None:
                ear.recv(4096)
                continue
            if events & selectors.EVENT_WRITE:
                self._client.loop_write()
            is_waiting = is_waiting or bool(events & selectors.EVENT_READ)
        if is_waiting:
            self._client.loop_read()
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
                self._client.disconnect()
            else:
                with suppress(OSError):  # the other side was faster
                    connection.shutdown(socket.SHUT_RDWR)
            self._client.loop_read()  # paho sees the end, and closes its socket
            connection.close()

    def _connection(self) -> socket.socket:
        connection = self._client.socket()
        if self._answer:
            raise BrokerRefused(f"{self._options.place} refused: {_words.reason(self._answer)}")
        if not isinstance(connection, socket.socket):
            raise LinkDown(self._gone or f"the connection to {self._options.place} was lost")
        return connection

    def _check(self, code: MQTTErrorCode) -> None:
        if code != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise LinkDown(self._gone or f"the connection to {self._options.place} was lost")

    def _trust(self) -> _Trust:
        """Trust and identity, read anew each time: certificates are renewed while we run."""
        options = self._options
        paths = {
            name: self._folder / path
            for name, path in (
                ("ca_file", options.ca_file),
                ("cert_file", options.cert_file),
                ("key_file", options.key_file),
            )
            if path is not None
        }
        for name, path in paths.items():
            try:
                path.open("rb").close()
            except OSError as problem:
                raise SinkError(f"{name} {path}: {problem.strerror}") from problem
        context = _Trust(ssl.PROTOCOL_TLS_CLIENT)  # wants a certificate, and the right name in it
        try:
            if "ca_file" in paths:
                context.load_verify_locations(paths["ca_file"])
            else:
                context.load_default_certs()
        except ssl.SSLError as problem:
            raise SinkError(
                f"ca_file {paths['ca_file']}: no certificate in PEM form in it"
            ) from problem
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if "cert_file" in paths:
            try:
                # An empty password makes a locked key an error; without one OpenSSL would ask.
                context.load_cert_chain(paths["cert_file"], paths["key_file"], password="")
            except ssl.SSLError as problem:
                raise SinkError(
                    f"cert_file {paths['cert_file']}, key_file {paths['key_file']}: not a PEM "
                    f"certificate and its unlocked key ({problem.reason or 'unreadable'})"
                ) from problem
        return context

    def _on_connect(
        self,
        client: Client,
        _userdata: object,
        _flags: ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        del client
        self._answer = reason.value
        self._max_packet = getattr(properties, "MaximumPacketSize", 0)
        self.window = min(_WINDOW, getattr(properties, "ReceiveMaximum", _WINDOW))

    def _on_publish(
        self,
        client: Client,
        _userdata: object,
        mid: int,
        reason: ReasonCode,
        _properties: Properties,
    ) -> None:
        del client
        self.acks.append((mid, reason.value))

    def _on_disconnect(
        self,
        client: Client,
        _userdata: object,
        flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        del client
        place = self._options.place
        if flags.is_disconnect_packet_from_server:
            self._gone = f"{place} closed the connection: {_words.reason(reason.value)}"
        elif reason.value == 0x8D:
            self._gone = f"{place} does not answer any more: no reply to a ping for 15 s"
        elif self._answer is None:
            self._gone = _words.hung_up(place, is_tls=self._options.is_tls)
        else:
            self._gone = f"the connection to {place} was lost"


class _Trust(ssl.SSLContext):
    """Keeps hold of the socket it wraps: paho leaves that of a failed handshake open."""

    _wrapped: ssl.SSLSocket | None = None

    def wrap_socket(self, *args: Any, **kwargs: Any) -> ssl.SSLSocket:
        """As the standard library does."""
        self._wrapped = super().wrap_socket(*args, **kwargs)
        return self._wrapped

    def close_wrapped(self) -> None:
        """Close it; safe when there is none."""
        if self._wrapped is not None:
            self._wrapped.close()


def _publish_properties() -> Properties:
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    properties.ContentType = "application/json"
    return properties
