"""The sample broker in configs/mosquitto: run as it is, and attacked with valid certificates."""

from __future__ import annotations

import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from edge.sinks.mqtt import Options, probe
from tests.conftest import REPOSITORY
from tests.contracts.test_sinks import Impatient, is_sent, publishing, sink_of
from tests.servers import Mosquitto, certificates, eventually, mosquitto
from tests.unit.sinks.events_builder import crossing

pytestmark = pytest.mark.network

SAMPLE = REPOSITORY / "configs" / "mosquitto"
OURS = "cctv/v1/westminster/cabinet-017"
OTHERS = "cctv/v1/westminster/cabinet-018"


@dataclass(frozen=True)
class Site:
    """A running broker and who may come to it."""

    broker: Mosquitto
    folder: Path

    def options(self, name: str) -> Impatient:
        return Impatient(
            url=f"mqtts://localhost:{self.broker.port}",
            ca_file=self.folder / "ca.pem",
            cert_file=self.folder / f"{name}.pem",
            key_file=self.folder / f"{name}.key",
        )


def _certify(folder: Path, name: str) -> None:
    """A certificate as the README makes it."""

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=folder)

    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-keyout", f"{name}.key", "-subj", f"/CN={name}", "-out", f"{name}.csr")  # fmt: skip
    openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-CAcreateserial", "-days", "2", "-out", f"{name}.pem")  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The sample as it is, but for its paths and its port."""
    folder = tmp_path_factory.mktemp("broker")
    made = certificates(folder)
    for name in ("cabinet-017", "cabinet-018", "control-room", "observer"):
        _certify(folder, name)
    rights = folder / "access.acl"
    rights.write_text((SAMPLE / "access.acl").read_text())
    rights.chmod(0o644)
    text = (SAMPLE / "edge.conf").read_text()
    for written, here in (
        ("/etc/mosquitto/access.acl", str(rights)),
        ("/etc/mosquitto/tls/ca.pem", str(made.ca)),
        ("/etc/mosquitto/tls/broker.pem", str(made.server)),
        ("/etc/mosquitto/tls/broker.key", str(made.server_key)),
        ("/var/lib/mosquitto/", f"{folder}/"),
    ):
        assert written in text
        text = text.replace(written, here)
    before, _, after = text.partition("listener 8883\n")
    with mosquitto(folder, after, before=before.splitlines()) as broker:
        yield Site(broker, folder)


class Client:
    """Anybody with a certificate, who does as he likes."""

    def __init__(self, site: Site, name: str, **will: str) -> None:
        options = site.options(name)
        self.heard: list[tuple[str, bytes]] = []
        self.codes: list[int] = []
        self._up = threading.Event()
        self.refusal = 0
        self.client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        context = ssl.create_default_context(cafile=str(options.ca_file))
        context.load_cert_chain(str(options.cert_file), str(options.key_file))
        self.client.tls_set_context(context)
        if will:
            self.client.will_set(will["topic"], b"lost", qos=1, retain=True)
        self.client.on_connect = self._on_connect
        self.client.on_subscribe = lambda *_: self._up.set()
        self.client.on_publish = lambda _c, _d, _mid, code, _p: self.codes.append(code.value)
        self.client.on_message = lambda _c, _d, m: self.heard.append((m.topic, bytes(m.payload)))
        self.client.connect("localhost", site.broker.port)
        self.client.loop_start()
        assert self._up.wait(5)

    def _on_connect(
        self, client: paho.Client, _d: object, _f: object, code: ReasonCode, _p: object
    ) -> None:
        self.refusal = code.value
        if self.refusal:
            self._up.set()
        else:
            client.subscribe("cctv/#", qos=1)

    def try_to_publish(self, topic: str, *, retain: bool = False) -> bool:
        """Whether the broker let it."""
        n_codes = len(self.codes)
        self.client.publish(topic, b"{}", qos=1, retain=retain)
        assert eventually(lambda: len(self.codes) > n_codes, 5)
        return self.codes[-1] < 0x80

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def intruder(site: Site) -> Iterator[Client]:
    """A box whose key somebody has."""
    client = Client(site, "cabinet-018")
    yield client
    client.close()


def test_a_box_is_at_home_there(site: Site, tmp_path: Path) -> None:
    """All that a box sends is allowed: status, events, health, doctor's question, commands."""
    options = site.options("cabinet-017")
    told = probe(
        options, tmp_path, may_publish=f"{OURS}/doctor", may_subscribe=f"{OURS}/cmd/+/+"
    )  # fmt: skip
    assert told is None
    room = Client(site, "control-room")
    with publishing(tmp_path, options) as publisher:
        for n in range(20):
            publisher.emit(crossing(n))
        assert eventually(is_sent(publisher))
        assert not sink_of(publisher).link.error
    assert eventually(lambda: sum("/event/" in topic for topic, _ in room.heard) == 20)
    room.close()


@pytest.mark.parametrize(
    "topic",
    [
        f"{OURS}/status",
        f"{OURS}/camera/gate/event/line_crossed",
        f"{OURS}/camera/gate/state/in",
        f"{OURS}/health",
        f"{OURS}/cmd/disarm/control-room",
        f"{OTHERS}/cmd/disarm/control-room",
        "cctv/v1/other-site/cabinet-017/status",
        "cctv/reply/control-room/cabinet-017/1",
        "cctv/onvif/westminster/cabinet-017/x",
        "cctv/anything",
    ],
)
def test_a_box_cannot_publish_as_another(intruder: Client, topic: str) -> None:
    """With a valid certificate of its own, a box says nothing in another's or a room's name."""
    assert not intruder.try_to_publish(topic)
    assert intruder.try_to_publish(f"{OTHERS}/health"), "its own voice it has"


def test_a_box_cannot_leave_a_will_for_another(site: Site) -> None:
    """Nor can it have the broker say that another one is lost."""
    observer = Client(site, "observer")
    intruder = Client(site, "cabinet-018", topic=f"{OURS}/status")
    intruder.client._sock_close()
    intruder.client.loop_stop()
    assert not eventually(lambda: (f"{OURS}/status", b"lost") in observer.heard, 1)
    observer.close()


def test_a_box_hears_no_other_and_no_command_but_its_own(site: Site, intruder: Client) -> None:
    """What one box sees is no other box's business."""
    room, observer = Client(site, "control-room"), Client(site, "observer")
    assert room.try_to_publish(f"{OURS}/cmd/ping/control-room")
    assert room.try_to_publish(f"{OTHERS}/cmd/ping/control-room")
    assert eventually(lambda: intruder.heard)
    assert eventually(lambda: len([t for t, _ in observer.heard if "/cmd/" in t]) == 2)
    assert {topic for topic, _ in intruder.heard} == {f"{OTHERS}/cmd/ping/control-room"}
    room.close()
    observer.close()


@pytest.mark.parametrize("name", ["control-room", "observer"])
def test_nobody_commands_in_another_s_name(site: Site, name: str) -> None:
    """The last level of a command's topic is the name in the sender's certificate."""
    client = Client(site, name)
    assert not client.try_to_publish(f"{OURS}/cmd/disarm/duty-desk")
    assert not client.try_to_publish(f"{OURS}/cmd/disarm")
    assert not client.try_to_publish(f"{OURS}/status", retain=True)
    client.close()


def test_nobody_comes_in_without_a_certificate(site: Site, tmp_path: Path) -> None:
    """And the box that tries is told what is missing."""
    url = f"mqtts://localhost:{site.broker.port}"
    told = probe(Options(url=url, ca_file=site.folder / "ca.pem"), tmp_path)
    assert told is not None
    assert "refused this box's certificate: there is none" in told
