"""`edge discover` against a camera simulated on loopback."""

from __future__ import annotations

import hashlib
import json
import re
import socket
import threading
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from edge.cli import main
from edge.site import _onvif

pytestmark = pytest.mark.network

PASSWORD = "hunter2&x"  # noqa: S105 - of nothing real
BOMB = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><x>&b;</x>'
)
MATCHES = """<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"
 xmlns:w="http://schemas.xmlsoap.org/ws/2004/08/addressing"
 xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"><e:Body><d:ProbeMatches><d:ProbeMatch>
<w:EndpointReference><w:Address>urn:uuid:1</w:Address></w:EndpointReference><d:Scopes>
onvif://www.onvif.org/name/North%20gate%1b[31m onvif://www.onvif.org/hardware/M12
onvif://www.onvif.org/location/city/Harbour onvif://www.onvif.org/location/country/X</d:Scopes>
<d:XAddrs>XADDR</d:XAddrs></d:ProbeMatch></d:ProbeMatches></e:Body></e:Envelope>"""
ANSWERS = {
    "GetCapabilities": '<r xmlns="http://www.onvif.org/ver10/schema"><Media><XAddr>'
    "http://192.0.2.1/media</XAddr></Media></r>",
    "GetProfiles": '<r xmlns="http://www.onvif.org/ver10/media/wsdl"><Profiles token="a&lt;b"/>'
    '<Profiles token="sub"/></r>',
    "a&lt;b": '<r xmlns="http://www.onvif.org/ver10/schema"><Uri>'
    "rtsp://viewer:hunter2%26x@127.0.0.1/main?user=viewer&amp;password=hunter2&amp;x</Uri></r>",
    "sub": '<r xmlns="http://www.onvif.org/ver10/schema"><Uri>rtsp://127.0.0.1/sub</Uri></r>',
}


class Device:
    """A camera: answers a Probe twice over UDP, and three requests over HTTP with a good login."""

    def __init__(self) -> None:
        self.body: Callable[[str], bytes] | None = None
        self.drips = False
        self.asked: list[str] = []
        device = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
                device.asked.append(self.path)
                status, answer = device.answer(asked)
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                try:
                    for byte in answer if device.drips else b"":
                        self.wfile.write(bytes([byte]))
                        time.sleep(0.05)
                    if not device.drips:
                        self.wfile.write(answer)
                except OSError:
                    return

            def log_message(self, *_: Any) -> None:
                return

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.udp.settimeout(0.1)
        self.is_on = True
        self.service = f"http://127.0.0.1:{self.http.server_port}/onvif/device_service"
        self.matches = MATCHES.replace("XADDR", f"http://[fe80::1]/x {self.service}").encode()
        self.threads = [
            threading.Thread(target=self.http.serve_forever, args=(0.05,)),
            threading.Thread(target=self.respond),
        ]
        for thread in self.threads:
            thread.start()

    def respond(self) -> None:
        while self.is_on:
            try:
                asked, sender = self.udp.recvfrom(65535)
            except TimeoutError:
                continue
            if b"NetworkVideoTransmitter" in asked:
                self.udp.sendto(self.matches, sender)
                self.udp.sendto(self.matches, sender)

    def answer(self, asked: str) -> tuple[int, bytes]:
        if self.body is not None:
            return 200, self.body(asked)

        def said(name: str) -> str:
            found = re.search(rf"<{name}\b[^>]*>([^<]*)<", asked)
            assert found
            return found[1]

        good = b64decode(said("Nonce")) + said("Created").encode() + PASSWORD.encode()
        digest = b64encode(hashlib.sha1(good).digest()).decode()  # noqa: S324 - the protocol's
        if said("Username") != "viewer" or said("Password") != digest:
            return 400, b"<Fault>ter:NotAuthorized</Fault>"
        names = [name for name in ANSWERS if f"<{name} " in asked or f">{name}</Pro" in asked]
        return 200, ANSWERS[names[-1]].encode()

    def close(self) -> None:
        self.is_on = False
        self.http.shutdown()
        for thread in self.threads:
            thread.join()
        self.http.server_close()
        self.udp.close()


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Iterator[Device]:
    monkeypatch.setenv("EDGE_CAMERA_PASSWORD", PASSWORD)
    monkeypatch.setattr(_onvif, "ANSWER_S", 1.0)
    made = Device()
    yield made
    made.close()


def discover(device: Device, *arguments: str) -> int:
    port = device.udp.getsockname()[1]
    return main(["discover", "--address", f"127.0.0.1:{port}", "--seconds", "0.4", *arguments])


def camera(device: Device, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The one camera found, asked for its streams."""
    assert discover(device, "--json", "--user", "viewer") == 0
    out, err = capsys.readouterr()
    assert "hunter2" not in out + err
    (found,) = json.loads(out)
    assert isinstance(found, dict)
    return found


def test_a_camera_is_found_once(device: Device, capsys: pytest.CaptureFixture[str]) -> None:
    """Four answers, one camera; without a user nothing is asked of it; no escape gets through."""
    assert discover(device) == 0
    out, _ = capsys.readouterr()
    assert out.count("urn:uuid:1") == 1
    assert "North gate?[31m; M12; city/Harbour, country/X" in out
    assert device.service in out
    assert not device.asked


def test_streams_come_without_credentials(
    device: Device, capsys: pytest.CaptureFixture[str]
) -> None:
    """The digest is right, the login stays with who answered, and no address tells a password."""
    found = camera(device, capsys)
    assert found["refusal"] == ""
    assert found["streams"] == [
        "rtsp://127.0.0.1/main?user=***&password=***",
        "rtsp://127.0.0.1/sub",
    ]
    assert device.asked == ["/onvif/device_service", "/media", "/media", "/media"]


def test_a_wrong_password_is_said(
    device: Device, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The camera is listed all the same."""
    monkeypatch.setenv("EDGE_CAMERA_PASSWORD", "hunter2")
    found = camera(device, capsys)
    assert "refused user and password" in found["refusal"]
    assert found["streams"] == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"<open>", "broken XML"),
        (b"\xff\xfe<\x00", "cannot be read"),
        (BOMB.encode(), "DOCTYPE"),
        (
            b'<r xmlns="http://www.onvif.org/ver10/schema"><Media><XAddr>http://[/</XAddr></Media></r>',
            "no address",
        ),
        (b"<a>" * 400_000, "more than 1024 KiB"),
    ],
    ids=["broken", "utf-16", "bomb", "media", "oversize"],
)
def test_an_answer_that_cannot_be_used_is_said(
    device: Device, capsys: pytest.CaptureFixture[str], body: bytes, expected: str
) -> None:
    """Nothing of it is expanded, and nothing raises."""
    device.body = lambda _: body
    assert expected in camera(device, capsys)["refusal"]


def test_a_dripping_answer_ends(device: Device, capsys: pytest.CaptureFixture[str]) -> None:
    """A byte now and then does not keep the command."""
    device.body, device.drips = lambda _: b" " * 400, True
    began = time.monotonic()
    assert "no whole answer within 1 s" in camera(device, capsys)["refusal"]
    assert time.monotonic() - began < 4


def test_a_login_goes_to_nobody_else(device: Device, capsys: pytest.CaptureFixture[str]) -> None:
    """Who answers may name any host; it is not asked."""
    device.matches = MATCHES.replace("XADDR", "http://localhost:1/x").encode()
    assert "not asked for streams" in camera(device, capsys)["refusal"]


@pytest.mark.parametrize("answer", [b"<open>", BOMB.encode(), b"\xff\x00"])
def test_unreadable_answers_are_nothing_found(
    device: Device, capsys: pytest.CaptureFixture[str], answer: bytes
) -> None:
    """Said in words, with what to try."""
    device.matches = answer
    assert discover(device) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "answers could not be read" in err
    assert "no camera answered; look whether" in err


def test_wrong_arguments_are_said(device: Device, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2."""
    assert main(["discover", "--address", "host:x"]) == 2
    assert main(["discover", "--address", "a..b"]) == 2
    assert main(["discover", "--seconds", "0"]) == 2
    assert "expected HOST or HOST:PORT" in capsys.readouterr().err
