"""A broker that does as a test says: refuses with any code, or counts what is under way."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

CONNECT, CONNACK, PUBLISH, PUBACK, DISCONNECT = 0x10, 0x20, 0x30, 0x40, 0xE0


class ScriptedBroker:
    """Speaks just enough MQTT 5 on a free port of the loopback.

    Args:
        code: Reason code of its CONNACK.
        words: Reason string of it; empty for none.
        receive_maximum: How many messages may be under way to it; None leaves it out.
        goodbye: Reason code of a DISCONNECT sent right after an accepted CONNECT; None for none.

    Attributes:
        most_under_way: Highest number of unacknowledged PUBLISH packets at any time.
        n_published: PUBLISH packets with QoS 1 taken.
    """

    def __init__(
        self,
        code: int = 0,
        *,
        words: str = "",
        receive_maximum: int | None = None,
        goodbye: int | None = None,
    ) -> None:
        self._code = code
        self._words = words
        self._receive_maximum = receive_maximum
        self._goodbye = goodbye
        self.most_under_way = 0
        self.n_published = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Let nobody in any more."""
        self._server.close()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            with connection:
                try:
                    self._serve(connection)
                except OSError:
                    continue

    def _serve(self, connection: socket.socket) -> None:
        kind, _ = _packet(connection)
        assert kind & 0xF0 == CONNECT
        properties = b""
        if self._receive_maximum is not None:
            properties += b"\x21" + struct.pack(">H", self._receive_maximum)
        if self._words:
            text = self._words.encode()
            properties += b"\x1f" + struct.pack(">H", len(text)) + text
        body = bytes([0, self._code, len(properties)]) + properties
        connection.sendall(bytes([CONNACK, len(body)]) + body)
        if self._goodbye is not None:
            connection.sendall(bytes([DISCONNECT, 1, self._goodbye]))
        if self._code or self._goodbye is not None:
            return
        waiting: list[bytes] = []
        connection.settimeout(0.05)
        while True:
            try:
                kind, body = _packet(connection)
            except TimeoutError:
                # Nothing more comes until something is acknowledged: the sender's window is full.
                for mid in waiting:
                    connection.sendall(bytes([PUBACK, 2]) + mid)
                waiting.clear()
                continue
            if kind & 0xF0 == PUBLISH and kind & 0x06:
                (length,) = struct.unpack(">H", body[:2])
                waiting.append(body[2 + length : 4 + length])
                self.n_published += 1
                self.most_under_way = max(self.most_under_way, len(waiting))
            elif kind & 0xF0 == DISCONNECT:
                return


def _packet(connection: socket.socket) -> tuple[int, bytes]:
    """First byte and body of the next packet."""
    kind = _read(connection, 1)[0]
    size = shift = 0
    while True:
        byte = _read(connection, 1)[0]
        size |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return kind, _read(connection, size)


def _read(connection: socket.socket, size: int) -> bytes:
    got = b""
    while len(got) < size:
        try:
            more = connection.recv(size - len(got))
        except TimeoutError:
            if not got:
                raise
            time.sleep(0.001)
            continue
        if not more:
            raise ConnectionError
        got += more
    return got


@contextmanager
def scripted(code: int = 0, **script: object) -> Iterator[ScriptedBroker]:
    """A running one."""
    broker = ScriptedBroker(code, **script)  # type: ignore[arg-type]
    try:
        yield broker
    finally:
        broker.close()
