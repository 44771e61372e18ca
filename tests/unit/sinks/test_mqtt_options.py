"""What a technician may write under `mqtt:`, back-off, and reasons in words."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from edge.sinks import _words
from edge.sinks._states import States
from edge.sinks.mqtt import Options, probe
from tests.servers import free_port


@pytest.mark.parametrize(
    ("written", "words"),
    [
        pytest.param(
            {"url": "mqtt://hub.example"},
            "would send events and password in clear text; use mqtts://",
            id="clear text off the box",
        ),
        pytest.param({"url": "mqtts://u:hunter2@hub.example"}, "`username`", id="login in url"),
        pytest.param({"url": "http://hub.example"}, "expected mqtts://host:port", id="scheme"),
        pytest.param({"url": "hub.example:8883"}, "expected mqtts://host:port", id="no scheme"),
        pytest.param({"url": "mqtts://hub.example:99999"}, "1 to 65535", id="port"),
        pytest.param({"url": "mqtts://hub.example/cctv"}, "begin with `root`", id="path"),
        pytest.param(
            {"url": "mqtts://hub.example", "cert_file": "a.pem"}, "belong together", id="half"
        ),
        pytest.param(
            {"url": "mqtt://127.0.0.1", "ca_file": "ca.pem"}, "no effect", id="unused certificate"
        ),
        pytest.param(
            {"url": "mqtts://hub.example", "password": "hunter2"}, "without username", id="no user"
        ),
    ],
)
def test_mistakes_are_explained_and_no_secret_shown(written: dict[str, Any], words: str) -> None:
    """The message says what to write, and never repeats what may hold a password."""
    with pytest.raises(ValidationError) as caught:
        Options.model_validate(written)
    assert words in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "place", "is_insecure"),
    [
        ("mqtts://hub.example", "hub.example:8883", False),
        ("mqtt://localhost", "localhost:1883", False),
        ("mqtt://127.0.0.2:1884", "127.0.0.2:1884", False),
        ("mqtt://[::1]", "::1:1883", False),
        ("mqtt://10.0.0.5", "10.0.0.5:1883", True),
    ],
)
def test_insecure_is_clear_text_off_this_machine(url: str, place: str, is_insecure: bool) -> None:
    """The flag in the status message follows from the url."""
    options = Options(url=url, insecure=is_insecure)
    (address,) = options.addresses
    assert (address.place, address.is_insecure) == (place, is_insecure)


def test_options_never_show_the_login() -> None:
    """A log of the configuration is safe."""
    options = Options(
        url="mqtts://hub.example", username=SecretStr("alice"), password=SecretStr("hunter2")
    )
    assert "hunter2" not in repr(options)
    assert "alice" not in repr(options)


def test_refused_connection_and_unknown_name_are_told_apart(tmp_path: Path) -> None:
    """Doctor says whether to look at the broker, or at the name server."""
    refused = probe(Options(url=f"mqtt://127.0.0.1:{free_port()}"), tmp_path)
    assert refused is not None
    assert "refused the connection: is the broker running" in refused
    unknown = _words.failure(socket.gaierror(-2, "unknown"), "hub.example:8883", is_tls=True)
    assert unknown.startswith("no address for hub.example (DNS)")


def test_server_that_never_answers_is_named(tmp_path: Path) -> None:
    """A port that accepts and says nothing is not waited for forever."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        answer = probe(Options(url=f"mqtt://127.0.0.1:{port}"), tmp_path, timeout_s=0.3)
    assert answer is not None
    assert "did not answer within" in answer


def test_missing_certificate_file_is_named(tmp_path: Path) -> None:
    """The engineer reads which option and which path."""
    options = Options(url="mqtts://127.0.0.1:1", ca_file=Path("tls/ca.pem"))
    assert probe(options, tmp_path) == f"ca_file {tmp_path}/tls/ca.pem: No such file or directory"


def test_states_keep_the_last_value_and_forget_only_what_the_broker_forgot() -> None:
    """Last value wins; a removal is kept until confirmed, and undone by a new value."""
    states = States()
    states.put("a", b"1")
    states.put("a", b"2")
    states.put("b", b"3")
    assert [states.next_changed(), states.next_changed(), states.next_changed()] == [
        ("a", b"2"),
        ("b", b"3"),
        None,
    ]
    states.put("a", b"2")
    assert not states.is_changed
    states.put("a", b"")
    assert states.next_changed() == ("a", b"")
    states.put("a", b"4")
    assert not states.confirm_removed("a")
    assert states.next_changed() == ("a", b"4")
    states.begin("status", b"online")
    assert [states.next_changed() for _ in range(3)] == [
        ("status", b"online"),
        ("a", b"4"),
        ("b", b"3"),
    ]
