"""Real servers for tests, on free ports of the loopback."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


def free_port() -> int:
    """A TCP port nobody listens on now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def eventually(what: Callable[[], object], timeout_s: float = 10.0) -> bool:
    """Wait until something is true; False when it never was."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if what():
            return True
        time.sleep(0.01)
    return bool(what())


class Mosquitto:
    """A mosquitto that can be stopped, killed and started again on the same port.

    Args:
        folder: For its configuration and log.
        lines: Configuration of the listener; anonymous access where empty.
        before: Configuration before the listener.
    """

    def __init__(
        self, folder: Path, lines: tuple[str, ...] = (), before: Sequence[str] = ()
    ) -> None:
        self.port = free_port()
        self._config = folder / f"mosquitto-{self.port}.conf"
        self._log = folder / f"mosquitto-{self.port}.log"
        # As root it would become another user, who may not read the test's files.
        user = [f"user {getpass.getuser()}"] if os.geteuid() == 0 else []
        listener = f"listener {self.port} 127.0.0.1"
        text = [*user, *before, listener, *(lines or ("allow_anonymous true",)), ""]
        self._config.write_text("\n".join(text))
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start it and wait until it accepts connections."""
        assert MOSQUITTO is not None
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [MOSQUITTO, "-c", str(self._config), "-v"], stdout=log, stderr=log
            )
        if not eventually(self._accepts, 5.0):
            self.kill()
            pytest.fail(f"mosquitto did not start: {self._log.read_text()}")

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it as a service manager would."""
        self._end(signal.SIGTERM)

    def freeze(self) -> None:
        """Stop it from running while its connections stay open."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen one run on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(5)
            self._process = None

    def _accepts(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@contextmanager
def mosquitto(folder: Path, *lines: str, before: Sequence[str] = ()) -> Iterator[Mosquitto]:
    """A running mosquitto; skips the test where it is not installed."""
    if MOSQUITTO is None:
        pytest.skip("mosquitto is not installed; run: apt-get install mosquitto")
    broker = Mosquitto(folder, lines, before)
    try:
        yield broker
    finally:
        broker.kill()


@dataclass(frozen=True)
class Received:
    """One message as a subscriber saw it."""

    topic: str
    payload: bytes
    is_retained: bool

    @property
    def json(self) -> Any:
        """The payload as an object."""
        return json.loads(self.payload)


class Listener:
    """A plain subscriber in its own thread, at QoS 0.

    Mosquitto then writes a message to this socket before it acknowledges it to the sender, so what
    was acknowledged by a broker that is killed has been seen here.

    Args:
        port: Of the broker on the loopback.
        topic: Filter to subscribe to.
        login: User name and password.
    """

    def __init__(self, port: int, topic: str = "#", login: tuple[str, str] | None = None) -> None:
        self.received: list[Received] = []
        self.n_subscribed = 0
        """How often it has subscribed: once a connection."""
        self._subscribed = threading.Event()
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=f"listener-{free_port()}", clean_session=True
        )
        if login is not None:
            self._client.username_pw_set(*login)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe(topic, qos=0)
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._subscribed.wait(5), "the listener could not subscribe"

    def matching(self, part: str) -> list[Received]:
        """What came on topics that contain `part`, in order."""
        return [message for message in list(self.received) if part in message.topic]

    def close(self) -> None:
        """Disconnect and end the thread."""
        self._client.disconnect()
        self._client.loop_stop()

    def _on_subscribe(self, *_: object) -> None:
        self.n_subscribed += 1
        self._subscribed.set()

    def _on_message(self, _client: paho.Client, _data: object, got: paho.MQTTMessage) -> None:
        self.received.append(Received(got.topic, bytes(got.payload), got.retain))


@contextmanager
def listening(
    port: int, topic: str = "#", login: tuple[str, str] | None = None
) -> Iterator[Listener]:
    """A subscriber that is closed afterwards."""
    listener = Listener(port, topic, login)
    try:
        yield listener
    finally:
        listener.close()


@dataclass(frozen=True)
class Certificates:
    """A certificate authority, a broker certificate for `localhost`, and a client's."""

    ca: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path


def certificates(folder: Path) -> Certificates:
    """Make throw-away certificates with the openssl program; skips where there is none."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=folder)

    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2",
            "-subj", "/CN=test authority")  # fmt: skip
    for name, subject in (("server", "/CN=localhost"), ("client", "/CN=cabinet-017")):
        openssl("req", *curve, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", subject)
        (folder / f"{name}.ext").write_text("subjectAltName=DNS:localhost\n")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                "-CAcreateserial", "-out", f"{name}.pem", "-days", "2",
                "-extfile", f"{name}.ext")  # fmt: skip
    return Certificates(
        *(
            folder / name
            for name in ("ca.pem", "server.pem", "server.key", "client.pem", "client.key")
        )
    )
