"""What MQTT 5 is used for: short breaks, several brokers, limits, and refusals in words."""

from __future__ import annotations

import json
import logging
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from edge.config import load
from edge.message import Health
from edge.runtime.about import broker_health
from edge.sinks import Publisher
from edge.sinks._address import Address
from edge.sinks._session import Introduction, Session
from edge.sinks.mqtt import MqttSink, Options, probe
from edge.site.doctor import Check, brokers
from tests.contracts.test_sinks import STATUS, Impatient, at, is_sent, last, publishing, sink_of
from tests.scripted_broker import scripted
from tests.servers import Certificates, certificates, eventually, free_port, listening, mosquitto
from tests.unit.message.test_message import MESSAGES
from tests.unit.sinks.events_builder import AT, crossing, stay

pytestmark = pytest.mark.network

NODE = "cctv/v1/westminster/cabinet-017"


@contextmanager
def hearing_properties(
    port: int, topic: str, login: tuple[str, str] | None = None
) -> Iterator[list[paho.MQTTMessage]]:
    """An MQTT 5 subscriber that keeps whole messages."""
    got: list[paho.MQTTMessage] = []
    subscribed = threading.Event()
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    if login is not None:
        client.username_pw_set(*login)
    client.on_connect = lambda client, *_: client.subscribe(topic, qos=1)
    client.on_subscribe = lambda *_: subscribed.set()
    client.on_message = lambda _client, _data, message: got.append(message)
    client.connect("127.0.0.1", port)
    client.loop_start()
    assert subscribed.wait(5)
    try:
        yield got
    finally:
        client.disconnect()
        client.loop_stop()


def say_health(publisher: Publisher) -> None:
    publisher.health(
        Health(
            site="westminster",
            node="cabinet-017",
            at=AT,
            uptime_s=1,
            outbox=publisher.outbox_health,
            broker=broker_health(publisher),
            cameras={},
        )
    )


def is_connected(publisher: Publisher) -> bool:
    return sink_of(publisher).link.is_connected


def check_short_break(port: int, folder: Path, login: tuple[str, str] | None = None) -> None:
    """A box that is back within its delay is never said to be lost; one that is not, is."""
    address = Address.of(f"mqtt://127.0.0.1:{port}")
    names = dict(zip(("username", "password"), login or (), strict=False))

    def dial(delay_s: int) -> Session:
        options = at(port, lost_after_seconds=delay_s, **names)
        will = Introduction("edge-westminster-cabinet-017", (STATUS, b'{"state":"lost"}'))
        session = Session(options, address, folder, will)
        session.connect(5)
        return session

    with listening(port, STATUS, login) as listener:

        def n_lost() -> int:
            live = [m for m in list(listener.received) if not m.is_retained]
            return sum(m.payload == b'{"state":"lost"}' for m in live)

        dial(2).close()
        back = dial(2)
        time.sleep(2.5)
        assert n_lost() == 0
        began = time.monotonic()
        back.close()
        assert eventually(n_lost, 6)
        assert 1.5 < time.monotonic() - began < 4
        dial(1).close(is_farewell=True)
        time.sleep(1.5)
        assert n_lost() == 1, "a farewell discards the Will"


def test_short_break_is_no_loss(tmp_path: Path) -> None:
    """Session, clean start and the Will's delay work together."""
    with mosquitto(tmp_path) as broker:
        check_short_break(broker.port, tmp_path)


def check_properties(port: int, folder: Path, login: tuple[str, str] | None = None) -> None:
    """Content type and UTF-8 on each; health alone has an end of life."""
    names = dict(zip(("username", "password"), login or (), strict=False))
    with (
        hearing_properties(port, f"{NODE}/#", login) as got,
        publishing(folder, at(port, **names)) as publisher,
    ):
        publisher.emit(crossing())
        assert eventually(lambda: is_connected(publisher))
        say_health(publisher)
        wanted = {"status", "health", "line_crossed"}
        assert eventually(lambda: wanted <= {message.topic.rpartition("/")[2] for message in got})
    by_topic = {message.topic.rpartition("/")[2]: message.properties for message in got}
    for properties in by_topic.values():
        assert properties is not None
        assert properties.ContentType == "application/json"  # type: ignore[attr-defined]
        assert properties.PayloadFormatIndicator == 1  # type: ignore[attr-defined]
    assert by_topic["health"].MessageExpiryInterval <= 120  # type: ignore[union-attr]
    assert not hasattr(by_topic["line_crossed"], "MessageExpiryInterval")


def test_every_message_says_what_it_is_and_health_expires(tmp_path: Path) -> None:
    """A subscriber need not guess what is in a payload."""
    with mosquitto(tmp_path) as broker:
        check_properties(broker.port, tmp_path)


def test_cbor_carries_the_same_and_says_so(tmp_path: Path) -> None:
    """The option changes bytes and content type, nothing else; the Will is written so too."""
    cbor2 = pytest.importorskip("cbor2")
    with (
        mosquitto(tmp_path) as broker,
        hearing_properties(broker.port, f"{NODE}/#") as got,
        publishing(tmp_path, at(broker.port, encoding="cbor")) as publisher,
    ):
        publisher.emit(crossing())
        assert eventually(is_sent(publisher))
        assert eventually(lambda: len(got) == 2)
    event = next(message for message in got if "/event/" in message.topic)
    assert event.properties is not None
    assert event.properties.ContentType == "application/cbor"  # type: ignore[attr-defined]
    assert event.properties.PayloadFormatIndicator == 0  # type: ignore[attr-defined]
    read = cbor2.loads(event.payload)
    assert (read["kind"], read["seq"]) == ("line_crossed", 1)
    assert read["objects"][0]["box"] == [0.412, 0.503, 0.061, 0.214]


def test_another_broker_is_taken_while_the_first_is_away(tmp_path: Path) -> None:
    """Events go to the second, and the first is preferred again when the link breaks."""
    (tmp_path / "second").mkdir()
    with mosquitto(tmp_path) as first, mosquitto(tmp_path / "second") as second:
        first.kill()
        options = at(first.port, fallback_urls=(f"mqtt://127.0.0.1:{second.port}",))
        with publishing(tmp_path, options) as publisher:
            publisher.emit(crossing(1))
            assert eventually(is_sent(publisher))
            assert sink_of(publisher).link.place == f"127.0.0.1:{second.port}"
            assert f"127.0.0.1:{first.port} refused" in sink_of(publisher).link.last_error
            first.start()
            second.kill()
            with listening(first.port, "#") as listener:
                publisher.emit(crossing(2))
                assert eventually(is_sent(publisher))
                assert eventually(lambda: (last(listener, STATUS) or {}).get("state") == "online")
                assert listener.matching("/event/")[-1].json["seq"] == 2


@pytest.mark.parametrize("limit", [1, 3])
def test_no_more_is_under_way_than_the_broker_allows(tmp_path: Path, limit: int) -> None:
    """The broker's receive maximum is kept, also where it is below our own window."""
    with scripted(receive_maximum=limit) as broker, publishing(tmp_path, at(broker.port)) as box:
        for n in range(10):
            box.emit(crossing(n))
        assert eventually(is_sent(box))
    assert broker.most_under_way == limit


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0x84, "it does not speak MQTT 5: set `protocol: 3.1.1`"),
        (0x85, "does not accept this client's identifier"),
        (0x86, "check `username` and `password`"),
        (0x87, "not authorised: check the broker's access list"),
        (0x89, "the broker is busy"),
        (0x8A, "this client is banned: ask the broker's administrator why"),
        (0x9C, "use another server for now"),
        (0x9F, "connections come too fast"),
    ],
)
def test_refusal_is_said_in_words(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, code: int, words: str
) -> None:
    """Doctor, link and log name the reason, its number and what the broker adds."""
    with scripted(code, words="too many\nboxes") as broker:
        doctor = probe(at(broker.port), tmp_path, 2)
        with publishing(tmp_path, at(broker.port)) as publisher, caplog.at_level(logging.WARNING):
            assert eventually(lambda: sink_of(publisher).link.error)
            link = sink_of(publisher).link
    for said in (str(doctor), link.error, caplog.text):
        assert words in said
        assert f"(0x{code:02x})" in said
        assert 'it says: "too many boxes"' in said


def test_broker_that_hangs_up_says_why(tmp_path: Path) -> None:
    """An administrator's DISCONNECT is told from a broken line."""
    with scripted(goodbye=0x98) as broker, publishing(tmp_path, at(broker.port)) as publisher:
        assert eventually(lambda: "closed by the broker's administrator" in _error(publisher))


def _error(publisher: Publisher) -> str:
    return sink_of(publisher).link.error


def test_health_tells_what_was_wrong_with_the_link(tmp_path: Path) -> None:
    """After a refusal that is over, the control room can still read that it was, and when."""
    with scripted(0x8A) as banning, mosquitto(tmp_path) as broker:
        options = at(banning.port, fallback_urls=(f"mqtt://127.0.0.1:{broker.port}",))
        with listening(broker.port) as listener, publishing(tmp_path, options) as publisher:
            assert eventually(lambda: is_connected(publisher))
            say_health(publisher)
            assert eventually(lambda: listener.matching("/health"))
    told = listener.matching("/health")[0].json["broker"]
    assert told["place"] == f"127.0.0.1:{broker.port}"
    assert told["attempts"] == 2
    assert "this client is banned" in told["trouble"]
    assert told["trouble_at"] >= "2026"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(tmp_path_factory.mktemp("keys"))


def _expired(folder: Path, name: str) -> Path:
    """The same key under a certificate that ended yesterday."""
    if subprocess.run(["which", "faketime"], capture_output=True, check=False).returncode:
        pytest.skip("faketime is not installed; run: apt-get install faketime")
    subprocess.run(
        ["faketime", "-f", "-3d", "openssl", "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem",
         "-CAkey", "ca.key", "-CAcreateserial", "-out", f"{name}-old.pem", "-days", "1",
         "-extfile", f"{name}.ext"],
        check=True, capture_output=True, cwd=folder,
    )  # fmt: skip
    return folder / f"{name}-old.pem"


def _tls_lines(keys: Certificates, server: Path) -> tuple[str, ...]:
    return (
        f"cafile {keys.ca}",
        f"certfile {server}",
        f"keyfile {keys.server_key}",
        "require_certificate true",
        "use_identity_as_username true",
    )


def test_expired_certificates_are_said_on_both_sides(tmp_path: Path, keys: Certificates) -> None:
    """Whose certificate has expired is told apart: the broker's, or this box's."""
    folder = keys.ca.parent

    def dial(port: int, **files: Path) -> str | None:
        identity = {"ca_file": keys.ca, "cert_file": keys.client, "key_file": keys.client_key}
        options = Options.model_validate({"url": f"mqtts://localhost:{port}", **identity, **files})
        return probe(options, tmp_path)

    with mosquitto(tmp_path, *_tls_lines(keys, keys.server)) as broker:
        assert dial(broker.port) is None
        ours = dial(broker.port, cert_file=_expired(folder, "client"))
        assert "refused this box's certificate: it has expired: renew `cert_file`" in str(ours)
    with mosquitto(tmp_path, *_tls_lines(keys, _expired(folder, "server"))) as broker:
        theirs = dial(broker.port)
        assert f"the certificate of localhost:{broker.port} has expired" in str(theirs)


def _folder(tmp_path: Path, urls: list[str]) -> Path:
    """A configuration folder with some brokers."""
    folder = tmp_path / "etc"
    (folder / "cameras").mkdir(parents=True)
    mqtt: dict[str, Any] = {"url": urls[0], "fallback_urls": urls[1:]}
    appliance = {
        "version": 1,
        "site": "westminster",
        "node": "cabinet-017",
        "mqtt": mqtt,
        "detectors": {"street": {"kind": "motion"}},
        "storage": {"path": str(tmp_path)},
    }
    (folder / "appliance.yaml").write_text(json.dumps(appliance))
    return folder


def test_doctor_says_that_the_access_list_denies_publishing(tmp_path: Path) -> None:
    """A box that may connect and not publish is red before its first alert is due."""
    rights = tmp_path / "acl"
    rights.write_text("topic read #\n")
    rights.chmod(0o644)

    def examine(*urls: str) -> list[Check]:
        folder = _folder(tmp_path / str(free_port()), list(urls))
        return list(brokers(load(folder)))

    lines = ("allow_anonymous true", f"acl_file {rights}")
    with mosquitto(tmp_path, *lines) as broker, listening(broker.port) as listener:
        url = f"mqtt://127.0.0.1:{broker.port}"
        (red,) = examine(url)
        assert red.level == "red"
        assert f"did not take {NODE}/doctor: not authorised" in red.found
        rights.write_text("topic readwrite #\n")
        broker.stop()
        broker.start()
        (green,) = examine(url)
        assert green.level == "green"
        away = f"mqtt://127.0.0.1:{free_port()}"
        assert [check.level for check in examine(away, url)] == ["amber", "green"]
        assert [check.level for check in examine(away)] == ["red"]
        assert not any(message.is_retained for message in listener.received)


def test_sink_is_an_outlet_of_the_publisher(tmp_path: Path) -> None:
    """Health knows the link only through what the publisher has open."""
    with publishing(tmp_path, at(free_port())) as publisher:
        assert isinstance(publisher.outlets[0], MqttSink)
        assert broker_health(publisher) is None


def test_views_go_out_beside_every_event(tmp_path: Path) -> None:
    """Each event is there in every view, in order, over a broker that allows little at once."""
    views = [{"kind": "cloudevents", "mode": "binary"}, {"kind": "onvif"},
             {"kind": "home_assistant"}]  # fmt: skip
    url = {"insecure": False, "views": views}
    with (
        mosquitto(tmp_path, "allow_anonymous true", "max_inflight_messages 5") as broker,
        hearing_properties(broker.port, "cctv/cloudevents/#") as cloud,
        listening(broker.port, "#") as listener,
    ):
        said = json.dumps({"url": f"mqtt://127.0.0.1:{broker.port}", **url})
        with publishing(tmp_path, Impatient.model_validate_json(said)) as publisher:
            publisher.about(MESSAGES["about"])  # type: ignore[arg-type]
            publisher.keep_only(())
            for n in range(40):
                publisher.emit(crossing(n))
            publisher.emit(stay("begin"))
            assert eventually(is_sent(publisher))
            assert eventually(lambda: len(listener.matching("/event/")) == 41)
            assert eventually(lambda: len(cloud) == 41)
            assert eventually(lambda: len(listener.matching("LineDetector/Crossed")) == 40)
            assert eventually(lambda: listener.matching("ObjectsInside"))
        with listening(broker.port, "#") as late:
            assert eventually(lambda: late.matching("homeassistant/"))
            assert eventually(lambda: late.matching("ObjectsInside"))
            assert late.matching("ObjectsInside")[0].is_retained
    numbers = [dict(m.properties.UserProperty)["sequence"] for m in cloud]  # type: ignore[union-attr]
    assert numbers == [f"{n:020}" for n in range(1, 42)]
