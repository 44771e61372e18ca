"""`edge watch` as its own process, at a real broker, as somebody in a control room uses it."""

from __future__ import annotations

import json
import logging
import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt import publish

from edge.demo.broker import DemoBroker
from edge.event import Event
from edge.message import compose
from edge.uuid7 import unix_ms, uuid7
from tests.contracts.test_sinks import at, is_sent, publishing
from tests.servers import Certificates, Mosquitto, certificates, eventually, free_port, mosquitto
from tests.unit.sinks.events_builder import AT, ORIGIN, crossing, stay

pytestmark = pytest.mark.network

NODE = "cctv/v1/westminster/cabinet-017"


class Watching:
    """The command in its own process."""

    def __init__(self, *arguments: str, environment: dict[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "edge", "watch", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "NO_COLOR": "", **(environment or {})},
        )
        self.lines: list[str] = []
        self.errors: list[str] = []
        self._readers = [
            threading.Thread(target=self._read, args=pair, daemon=True)
            for pair in ((self.process.stdout, self.lines), (self.process.stderr, self.errors))
        ]
        for reader in self._readers:
            reader.start()

    @staticmethod
    def _read(stream: Any, into: list[str]) -> None:
        into.extend(iter(stream.readline, ""))

    def is_ready(self) -> bool:
        return any("watching" in line for line in self.errors)

    def end(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.wait()

    def wait(self) -> int:
        code = self.process.wait(20)
        for reader in self._readers:
            reader.join(5)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()
        return code


@contextmanager
def watching(broker: Mosquitto, *arguments: str) -> Iterator[Watching]:
    command = Watching(f"mqtt://127.0.0.1:{broker.port}", *arguments)
    assert eventually(command.is_ready, 20), command.errors
    try:
        yield command
    finally:
        if command.process.poll() is None:
            command.process.kill()
            command.wait()


def send(port: int, events: Sequence[tuple[int, Event]], ids: int = 0) -> None:
    """Messages with the numbers given, as a box would send them."""
    messages: list[Any] = []
    for seq, event in events:
        id_ = uuid7(unix_ms(AT) + seq, bytes([ids] * 10))
        _, payload = compose(event, ORIGIN, id=id_, seq=seq, incident=id_)
        topic = f"{NODE}/camera/{event.camera}/event/{event.kind}"
        messages.append((topic, payload, 1, False))
    publish.multiple(messages, "127.0.0.1", port)


def test_alerts_and_states_are_shown_as_they_come(tmp_path: Path) -> None:
    """A line each, with everything an operator acts on; no colours in a pipe."""
    with mosquitto(tmp_path) as broker, watching(broker) as command:
        with publishing(tmp_path, at(broker.port)) as publisher:
            publisher.emit(crossing())
            publisher.emit(stay("begin", 1))
            assert eventually(is_sent(publisher))
        assert eventually(lambda: any("stopped" in line for line in command.lines))
        assert command.end() == 0
    text = "".join(command.lines)
    box = "westminster/cabinet-017 high-street-north"
    assert f"ALERT  {box} line_crossed gate right person 17 (0.87)" in text
    assert f"REVIEW {box} zone_entered begin yard" in text
    assert "STATE  westminster/cabinet-017 online" in text
    assert "\x1b" not in text


def test_filters_narrow_what_is_shown_and_not_what_is_counted(tmp_path: Path) -> None:
    """The audit needs every number of a box, whatever is shown."""
    with mosquitto(tmp_path) as broker:
        arguments = ("--priority", "alert", "--site", "westminster", "--audit", "--json")
        with watching(broker, *arguments) as command:
            send(broker.port, [(1, crossing(1)), (2, stay("begin")), (3, crossing(2))])
            assert eventually(lambda: len(command.lines) == 2)
            assert command.end() == 0
    shown = [json.loads(line) for line in command.lines]
    assert [line.get("seq") for line in shown[:2]] == [1, 3]
    assert (shown[2]["audit"], shown[2]["whole"], shown[2]["n_arrived"]) == (
        "westminster/cabinet-017", True, 3,
    )  # fmt: skip


def test_audit_finds_gaps_duplicates_and_shared_names(tmp_path: Path) -> None:
    """Exit 1 and the numbers, where something is missing."""
    with mosquitto(tmp_path) as broker, watching(broker, "--audit") as command:
        send(broker.port, [(1, crossing(1)), (2, crossing(2)), (2, crossing(2)), (6, crossing(6))])
        send(broker.port, [(5, crossing(5))])
        send(broker.port, [(6, crossing(6))], ids=1)
        assert eventually(lambda: any("TWICE" in line for line in command.lines))
        assert command.end() == 1
    text = "".join(command.lines)
    assert "AGAIN westminster/cabinet-017: 2" in text
    assert "GAP   westminster/cabinet-017: 3 not here: 3 to 5" in text
    assert "[out of order]" in text
    report = command.lines[-1]
    assert "4 messages, 1 to 6; 2 missing: 3 to 4; 1 duplicates; 1 numbers under two ids" in report


def test_broker_killed_and_restored_is_said_and_lived_through(tmp_path: Path) -> None:
    """The watcher comes back by itself."""
    with mosquitto(tmp_path) as broker, watching(broker, "--count", "2") as command:
        send(broker.port, [(1, crossing(1))])
        assert eventually(lambda: command.lines)
        broker.kill()
        assert eventually(lambda: any("was lost" in line for line in command.errors))
        broker.start()
        assert eventually(lambda: any("connected again" in line for line in command.errors), 20)
        send(broker.port, [(2, crossing(2))])
        assert command.wait() == 0


def test_a_message_cannot_steer_the_terminal(tmp_path: Path) -> None:
    """Escape sequences from the network are printed as question marks."""
    with mosquitto(tmp_path) as broker, watching(broker) as command:
        send(broker.port, [(1, crossing(1, reason="\x1b[2J\x1b]0;owned\x07 end"))])
        topic = f"{NODE}/camera/gate/event/line_crossed"
        publish.multiple(
            [(topic, b"\x1b[31mnot json", 0, False), (topic, b'{"v":1}', 0, False)],
            "127.0.0.1",
            broker.port,
        )
        assert eventually(lambda: len(command.lines) >= 3)
        assert command.end() == 0
    assert "\x1b" not in "".join(command.lines)
    assert "unreadable message" in "".join(command.lines)


def test_colour_on_a_terminal(tmp_path: Path) -> None:
    """An alert is red where somebody looks at it."""
    with mosquitto(tmp_path) as broker:
        screen, terminal = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "edge", "watch", f"mqtt://127.0.0.1:{broker.port}",
             "--count", "1"],
            stdout=terminal, stderr=subprocess.PIPE, text=True,
            env={name: value for name, value in os.environ.items() if name != "NO_COLOR"},
        )  # fmt: skip
        assert process.stderr is not None
        process.stderr.readline()
        send(broker.port, [(1, crossing(1))])
        assert process.wait(20) == 0
        process.stderr.close()
        text = os.read(screen, 4096).decode()
        os.close(screen)
        os.close(terminal)
    assert text.startswith("\x1b[1;31m")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["http://hub.example"], 2, "expected mqtts://host:port"),
        (["mqtt://u:hunter2@hub.example"], 2, "--username and EDGE_MQTT_PASSWORD"),
        (["mqtt://hub.example"], 2, "--insecure"),
        (["--username", "u", "--password-file", "/nowhere"], 2, "/nowhere: No such file"),
        (["mqtts://127.0.0.1:1", "--ca-file", "/nowhere.pem"], 1, "ca_file /nowhere.pem"),
    ],
)
def test_mistakes_are_explained_and_no_password_shown(
    arguments: list[str], code: int, words: str
) -> None:
    """The exit code and one line; never what may be a password."""
    command = Watching(*arguments)
    assert command.wait() == code
    said = "".join(command.errors)
    assert words in said
    assert "hunter2" not in said
    assert "Traceback" not in said


def test_login_and_refusals(tmp_path: Path) -> None:
    """A wrong password is said in words, without it; the right one works."""
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-c", "-b", str(passwords), "edge", "right"], check=True)
    passwords.chmod(0o644)
    with mosquitto(tmp_path, "allow_anonymous false", f"password_file {passwords}") as broker:
        url = f"mqtt://127.0.0.1:{broker.port}"

        def log_in(password: str) -> Watching:
            login = ("--username", "edge", "--seconds", "0.2")
            return Watching(url, *login, environment={"EDGE_MQTT_PASSWORD": password})

        wrong = log_in("hunter2")
        assert wrong.wait() == 1
        assert "not authorised" in "".join(wrong.errors) or "password" in "".join(wrong.errors)
        assert "hunter2" not in "".join(wrong.errors)
        assert log_in("right").wait() == 0
    nobody = Watching(f"mqtt://127.0.0.1:{free_port()}")
    assert nobody.wait() == 1
    assert "refused the connection: is the broker running" in "".join(nobody.errors)


def test_tls(tmp_path: Path) -> None:
    """With the authority that vouches for the broker."""
    keys: Certificates = certificates(tmp_path)
    lines = (f"cafile {keys.ca}", f"certfile {keys.server}", f"keyfile {keys.server_key}",
             "allow_anonymous true")  # fmt: skip
    with mosquitto(tmp_path, *lines) as broker:
        url = f"mqtts://localhost:{broker.port}"
        assert Watching(url, "--ca-file", str(keys.ca), "--seconds", "0.2").wait() == 0
        stranger = Watching(url, "--seconds", "0.2")
        assert stranger.wait() == 1
        assert "is not trusted" in "".join(stranger.errors)


def test_a_broker_that_knows_only_3_1_1(caplog: pytest.LogCaptureFixture) -> None:
    """Any broker: the demo's own is an older one."""
    caplog.set_level(logging.CRITICAL, "asyncio")  # where it stumbles over a newer one's greeting
    pytest.importorskip("amqtt", reason="the demo extra is not installed")
    with DemoBroker() as broker:
        command = Watching(broker.url, "--count", "1")
        assert eventually(command.is_ready, 20), command.errors
        send(broker.port, [(1, crossing(1))])
        assert command.wait() == 0
    assert "line_crossed" in "".join(command.lines)
