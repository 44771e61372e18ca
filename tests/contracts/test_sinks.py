"""What a subscriber at a real broker sees of this box: the promises of the MQTT contract."""

from __future__ import annotations

import json
import logging
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt import publish

from edge.demo.broker import DemoBroker
from edge.event import RuleState
from edge.message import CameraStatus, Health, Origin, encode, rule_status
from edge.sinks import Publisher, SinkOptions, _delivery
from edge.sinks._outbox import MIB, Outbox
from edge.sinks.jsonl import Options as JsonlOptions
from edge.sinks.mqtt import MqttSink, Options, probe
from edge.topics import camera_status_topic, rule_state_topic
from tests.servers import Listener, certificates, eventually, listening, mosquitto
from tests.unit.sinks.events_builder import AT, ORIGIN, crossing, stay

pytestmark = pytest.mark.network

CAMERA = "high-street-north"
NODE = "cctv/v1/westminster/cabinet-017"
STATUS = f"{NODE}/status"


class Impatient(Options):
    """Tries again at once instead of after a second or a minute."""

    def open(self, outbox: Outbox, origin: Origin, folder: Path) -> MqttSink:
        """Start sending."""
        return MqttSink(self, outbox, origin, folder, wait=lambda _: 0.05)


@contextmanager
def publishing(folder: Path, *sinks: SinkOptions) -> Iterator[Publisher]:
    """A publisher as the runtime holds it."""
    outbox = Outbox(folder / "outbox.db", reserve_bytes=MIB)
    publisher = Publisher(outbox, ORIGIN, sinks, folder)
    try:
        yield publisher
    finally:
        publisher.close()


def at(port: int, **options: Any) -> Impatient:
    return Impatient.model_validate({"url": f"mqtt://127.0.0.1:{port}", **options})


def sink_of(publisher: Publisher) -> MqttSink:
    sink = publisher.outlets[0]
    assert isinstance(sink, MqttSink)
    return sink


def is_sent(publisher: Publisher) -> Callable[[], bool]:
    return lambda: publisher.stats.depth == 0


def last(listener: Listener, topic: str) -> Any:
    """The last value on a topic, None while there is none, empty bytes after a removal."""
    values = [message for message in list(listener.received) if message.topic == topic]
    if not values:
        return None
    return values[-1].json if values[-1].payload else b""


def test_events_arrive_once_and_in_order(tmp_path: Path) -> None:
    """The plain case: every event, in order, on its topic, the same in the file beside it."""
    beside = JsonlOptions(path=Path("events.jsonl"))
    with (
        mosquitto(tmp_path) as broker,
        listening(broker.port) as listener,
        publishing(tmp_path, at(broker.port), beside) as publisher,
    ):
        for n in range(100):
            publisher.emit(crossing(n))
        assert eventually(is_sent(publisher))
        assert eventually(lambda: len(listener.matching("/event/")) == 100)
        assert sink_of(publisher).link.unheard == 0
    events = listener.matching("/event/")
    assert {event.topic for event in events} == {f"{NODE}/camera/{CAMERA}/event/line_crossed"}
    assert [event.json["seq"] for event in events] == list(range(1, 101))
    assert not any(event.is_retained for event in events)
    written = (tmp_path / "events.jsonl").read_bytes().splitlines()
    assert written == [event.payload for event in events]


def test_broker_killed_in_mid_stream_loses_nothing(tmp_path: Path) -> None:
    """Through three broker crashes every number arrives, and a duplicate has its old id."""
    may_dial = threading.Event()

    class Held(Options):
        """Dials only while the test allows it, so that a subscriber is there first."""

        def open(self, outbox: Outbox, origin: Origin, folder: Path) -> MqttSink:
            """Start sending."""

            def wait(_: int) -> float:
                may_dial.wait(5)
                return 0.01

            return MqttSink(self, outbox, origin, folder, wait=wait)

    ids: dict[int, set[str]] = {}
    n = 0
    with mosquitto(tmp_path) as broker:
        options = Held(url=f"mqtt://127.0.0.1:{broker.port}")
        with publishing(tmp_path, options) as publisher:
            for _ in range(3):
                with listening(broker.port) as listener:
                    may_dial.set()
                    assert eventually(lambda: sink_of(publisher).link.is_connected)
                    may_dial.clear()
                    for _ in range(60):
                        publisher.emit(crossing(n))
                        n += 1
                    broker.kill()
                    for _ in range(20):
                        publisher.emit(crossing(n))
                        n += 1
                    assert eventually(lambda: not sink_of(publisher).link.is_connected)
                    _note(ids, listener)
                broker.start()
            with listening(broker.port) as listener:
                may_dial.set()
                assert eventually(is_sent(publisher))
                assert eventually(lambda: any(m.json["seq"] == n for m in _events(listener)))
                _note(ids, listener)
    assert sorted(ids) == list(range(1, n + 1))
    assert all(len(same) == 1 for same in ids.values())


def _events(listener: Listener) -> list[Any]:
    return listener.matching("/event/")


def _note(ids: dict[int, set[str]], listener: Listener) -> None:
    for message in _events(listener):
        ids.setdefault(message.json["seq"], set()).add(message.json["id"])


EMITTER = """
import os, sys
from datetime import datetime, timezone
from pathlib import Path
from edge.sinks._outbox import MIB, Outbox
from edge.sinks import Publisher
from edge.sinks.mqtt import Options
from tests.unit.sinks.events_builder import ORIGIN, crossing, stay
folder, port = Path(sys.argv[1]), sys.argv[2]
outbox = Outbox(folder / "outbox.db", reserve_bytes=MIB)
options = Options(url=f"mqtt://127.0.0.1:{port}", lost_after_seconds=1)
publisher = Publisher(outbox, ORIGIN, [options], folder)
publisher.end_open("the appliance was restarted", datetime.now(timezone.utc))
publisher.emit(stay("begin"))
n = 0
while True:
    publisher.emit(crossing(n))
    n += 1
    os.write(1, b"%d\\n" % publisher.stats.seq)
"""


def _emitter(folder: Path, port: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", EMITTER, str(folder), str(port)], stdout=subprocess.PIPE
    )


def _kill_after(process: subprocess.Popen[bytes], n_lines: int) -> list[int]:
    """Let it decide some events, kill it as a power cut would, and give what it had decided."""
    assert process.stdout is not None
    decided = [int(process.stdout.readline()) for _ in range(n_lines)]
    process.kill()
    decided += [int(line) for line in process.stdout.read().splitlines()]
    process.stdout.close()
    process.wait()
    return decided


def test_kill_9_loses_no_decided_event(tmp_path: Path) -> None:
    """What `emit` has returned from arrives, whenever the process is killed; begins are ended."""
    decided: list[int] = []
    with mosquitto(tmp_path) as broker, listening(broker.port) as listener:
        for n_lines in (1, 60, 150, 300):
            decided += _kill_after(_emitter(tmp_path, broker.port), n_lines)
        with publishing(tmp_path, at(broker.port)) as publisher:
            publisher.end_open("the appliance was restarted", datetime.now(timezone.utc))
            assert eventually(is_sent(publisher))
            n_last = publisher.stats.seq
            assert eventually(lambda: any(m.json["seq"] == n_last for m in _events(listener)))
        messages = {message.json["id"]: message.json for message in _events(listener)}
    numbers = sorted(message["seq"] for message in messages.values())
    assert numbers == list(range(1, n_last + 1)), "a gap, or one number under two ids"
    assert set(decided) <= set(numbers)
    begun = {m["incident"] for m in messages.values() if m["phase"] == "begin"}
    ended = [m["incident"] for m in messages.values() if m["phase"] == "end"]
    assert sorted(ended) == sorted(begun)


def test_status_tells_a_stop_from_a_loss(tmp_path: Path) -> None:
    """Online while connected, `lost` after kill -9 by the Last Will, `stopped` after a close."""
    with mosquitto(tmp_path) as broker, listening(broker.port) as listener:
        process = _emitter(tmp_path, broker.port)
        assert eventually(lambda: (last(listener, STATUS) or {}).get("state") == "online")
        _kill_after(process, 1)
        assert eventually(lambda: last(listener, STATUS)["state"] == "lost")
        assert "online_since" in last(listener, STATUS)
        with publishing(tmp_path, at(broker.port)):
            assert eventually(lambda: last(listener, STATUS)["state"] == "online")
            assert last(listener, STATUS)["insecure"] is False
        assert eventually(lambda: last(listener, STATUS)["state"] == "stopped")
        with listening(broker.port, STATUS) as late:
            assert eventually(lambda: late.received)
            assert late.received[0].is_retained
            assert late.received[0].json["state"] == "stopped"


def test_late_subscriber_reads_every_state(tmp_path: Path) -> None:
    """A control room that starts after the box sees cameras and rules as they are."""
    status = CameraStatus(
        site="westminster", node="cabinet-017", camera=CAMERA, state="watching", since=AT
    )
    with mosquitto(tmp_path) as broker, publishing(tmp_path, at(broker.port)) as publisher:
        for count in range(5):
            rule = rule_status(ORIGIN, CAMERA, "gate-in", RuleState(count > 0, count))
            publisher.state(rule_state_topic(CAMERA, "gate-in"), rule)
        publisher.state(camera_status_topic(CAMERA), status)
        publisher.retain("about", b'{"v":1}')
        link = sink_of(publisher).link
        assert eventually(lambda: sink_of(publisher).link.acknowledged >= 4), link
        with listening(broker.port) as late:
            assert eventually(lambda: len(late.received) == 4)
            assert last(late, f"{NODE}/camera/{CAMERA}/state/gate-in")["count"] == 4
            assert last(late, f"{NODE}/camera/{CAMERA}/status")["state"] == "watching"
            assert last(late, f"{NODE}/about") == {"v": 1}
        broker.kill()
        broker.start()
        with listening(broker.port) as after:
            assert eventually(lambda: len(after.received) == 4), "states come back after a crash"


def test_state_of_a_removed_rule_is_emptied_at_the_next_start(tmp_path: Path) -> None:
    """No retained `active` stays behind for a rule that is no more, even across a restart."""
    gone, kept = (rule_state_topic(CAMERA, name) for name in ("gone", "kept"))
    with mosquitto(tmp_path) as broker:
        with publishing(tmp_path, at(broker.port)) as publisher:
            publisher.retain(gone, b'{"active":true}')
            publisher.retain(kept, b'{"active":true}')
            assert eventually(lambda: sink_of(publisher).link.acknowledged >= 3)
        with listening(broker.port) as listener, publishing(tmp_path, at(broker.port)) as publisher:
            publisher.keep_only({kept})
            publisher.retain(kept, b'{"active":false}')
            assert eventually(lambda: last(listener, f"{NODE}/{gone}") == b"")
            assert eventually(lambda: last(listener, f"{NODE}/{kept}") == {"active": False})
        with listening(broker.port) as late:
            assert eventually(lambda: late.received)
            assert sorted(m.topic for m in late.received) == [f"{NODE}/{kept}", STATUS]
        outbox = Outbox(tmp_path / "outbox.db", reserve_bytes=MIB)
        assert outbox.retained() == (f"{NODE}/{kept}", STATUS)
        outbox.close()


def test_wrong_password_is_said_and_never_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Link, log and doctor say what is wrong; none of them has the password."""
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-c", "-b", str(passwords), "edge", "right"], check=True)
    passwords.chmod(0o644)
    lines = ("allow_anonymous false", f"password_file {passwords}")
    with mosquitto(tmp_path, *lines) as broker, caplog.at_level(logging.DEBUG):
        login = {"username": "edge", "password": "hunter2"}
        wrong = at(broker.port, **login)
        with publishing(tmp_path, wrong) as publisher:
            publisher.emit(crossing())
            assert eventually(lambda: sink_of(publisher).link.error)
            assert eventually(lambda: sink_of(publisher).link.attempts > 3)
            link = sink_of(publisher).link
            assert not link.is_connected
            assert "check `username` and `password`" in link.error or "not authorised" in link.error
            assert publisher.stats.depth == 1
        assert "hunter2" not in caplog.text + repr(link) + str(probe(wrong, tmp_path))
        assert caplog.text.count("refused") == 1, "one line for a fault that lasts"
        right = at(broker.port, **{**login, "password": "right"})
        assert probe(right, tmp_path) is None
        with listening(broker.port, login=("edge", "right")) as listener:
            with publishing(tmp_path, right) as publisher:
                assert eventually(is_sent(publisher))
            assert eventually(lambda: _events(listener))


def test_tls_with_client_certificates(tmp_path: Path) -> None:
    """With the right authority it works; with another, or no certificate, the words say which."""
    (tmp_path / "other").mkdir()
    made, other = certificates(tmp_path), certificates(tmp_path / "other")
    lines = (
        f"cafile {made.ca}",
        f"certfile {made.server}",
        f"keyfile {made.server_key}",
        "require_certificate true",
        "allow_anonymous true",
    )

    def over_tls(*, host: str = "localhost", **files: Any) -> Impatient:
        url = f"mqtts://{host}:{broker.port}"
        return Impatient.model_validate({"url": url, **files})

    ours: dict[str, Any] = {"cert_file": made.client, "key_file": made.client_key}
    with mosquitto(tmp_path, *lines) as broker:
        good = over_tls(ca_file=Path("ca.pem"), **ours)
        assert probe(good, tmp_path) is None
        with publishing(tmp_path, good) as publisher:
            for n in range(50):
                publisher.emit(crossing(n))
            assert eventually(is_sent(publisher))
        stranger = probe(over_tls(ca_file=other.ca, **ours), tmp_path)
        assert stranger is not None
        assert "is not trusted" in stranger
        assert "`ca_file`" in stranger
        nobody = probe(over_tls(ca_file=made.ca), tmp_path)
        assert nobody is not None
        assert "refused this box's certificate: there is none" in nobody
        by_number = over_tls(host="127.0.0.1", ca_file=made.ca, **ours)
        mismatch = probe(by_number, tmp_path)
        assert mismatch is not None
        assert "the name in the certificate" in mismatch
        swapped = over_tls(ca_file=made.ca, cert_file=made.client, key_file=made.server_key)
        assert "not a PEM certificate and its unlocked key" in str(probe(swapped, tmp_path))
        plain = probe(at(broker.port), tmp_path)
        assert plain is not None
        assert "mqtts://" in plain


def test_topic_that_is_not_allowed_waits_and_is_said(tmp_path: Path) -> None:
    """An access list that forgot a topic loses nothing: once it is mended, all arrives in order."""
    rights = tmp_path / "acl"
    rights.write_text(f"topic read #\ntopic write {NODE}/status\n")
    rights.chmod(0o644)
    lines = ("allow_anonymous true", f"acl_file {rights}")
    with mosquitto(tmp_path, *lines) as broker, publishing(tmp_path, at(broker.port)) as publisher:
        for n in range(30):
            publisher.emit(crossing(n))
        assert eventually(lambda: "not authorised" in sink_of(publisher).link.error)
        assert "event/line_crossed" in sink_of(publisher).link.error
        assert sink_of(publisher).link.is_connected
        assert publisher.stats.depth == 30
        rights.write_text("topic readwrite #\n")
        broker.stop()
        broker.start()
        assert eventually(is_sent(publisher))
        assert publisher.stats.refused == 0


def test_message_larger_than_the_broker_takes_is_set_aside(tmp_path: Path) -> None:
    """One impossible message does not hold up the others, and is counted, not lost."""
    crowd = crossing().objects * 60
    with (
        mosquitto(tmp_path, "allow_anonymous true", "max_packet_size 2000") as broker,
        listening(broker.port) as listener,
        publishing(tmp_path, at(broker.port)) as publisher,
    ):
        publisher.emit(crossing(0))
        publisher.emit(crossing(1, objects=crowd))
        publisher.emit(crossing(2))
        assert eventually(is_sent(publisher))
        assert eventually(lambda: len(_events(listener)) == 2)
        assert [message.json["seq"] for message in _events(listener)] == [1, 3]
        assert publisher.outbox_health.refused == 1


def test_broker_that_hangs_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that takes messages and confirms none is not mistaken for a working one."""
    monkeypatch.setattr(_delivery, "_ACK_S", 0.3)
    with mosquitto(tmp_path) as broker, publishing(tmp_path, at(broker.port)) as publisher:
        assert eventually(lambda: sink_of(publisher).link.is_connected)
        broker.freeze()
        publisher.emit(crossing())
        assert eventually(lambda: "has confirmed nothing" in sink_of(publisher).link.error)
        assert publisher.stats.depth == 1
        broker.thaw()
        assert eventually(is_sent(publisher))


def test_nobody_subscribed_is_counted(tmp_path: Path) -> None:
    """The engineer can see that alerts leave the box and no control room listens."""
    with mosquitto(tmp_path) as broker, publishing(tmp_path, at(broker.port)) as publisher:
        publisher.emit(crossing())
        assert eventually(lambda: sink_of(publisher).link.unheard == 1)
        assert publisher.stats.depth == 0


def test_health_is_sent_when_connected_only(tmp_path: Path) -> None:
    """Vital signs are for now: not retained, not queued."""
    with mosquitto(tmp_path) as broker, listening(broker.port) as listener:
        with publishing(tmp_path, at(broker.port)) as publisher:
            assert eventually(lambda: sink_of(publisher).link.is_connected)
            health = Health(
                site="westminster",
                node="cabinet-017",
                at=AT,
                uptime_s=1,
                outbox=publisher.outbox_health,
                cameras={},
            )
            publisher.health(health)
            assert eventually(lambda: last(listener, f"{NODE}/health"))
        assert listener.matching("/health")[0].payload == encode(health)
        with listening(broker.port, f"{NODE}/#") as late:
            assert eventually(lambda: late.received)
            assert not late.matching("/health")


def test_emit_does_not_wait_for_an_unreachable_broker(tmp_path: Path) -> None:
    """Without a broker a camera loses only the time of a disk write, and closing is quick."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as silent:
        port = silent.getsockname()[1]
        with publishing(tmp_path, at(port)) as publisher:
            for n in range(20):
                publisher.emit(crossing(n))
            assert publisher.stats.depth == 20
            publisher.outlets[0].close()
        silent.close()


def test_reload_to_another_broker_takes_events_and_states_along(tmp_path: Path) -> None:
    """What the old broker never took goes to the new one, and states are said there too."""
    (tmp_path / "second").mkdir()
    with (
        mosquitto(tmp_path) as old,
        mosquitto(tmp_path / "second") as new,
        listening(new.port) as listener,
        publishing(tmp_path, at(old.port)) as publisher,
    ):
        publisher.retain(rule_state_topic(CAMERA, "gate-in"), b'{"active":true}')
        old.kill()
        assert eventually(lambda: not sink_of(publisher).link.is_connected)
        publisher.emit(stay("begin"))
        publisher.reopen(Origin("westminster", "cabinet-017", "f" * 64), [at(new.port)], tmp_path)
        publisher.emit(stay("end", 1))
        assert eventually(lambda: len(_events(listener)) == 2)
        begin, end = (message.json for message in _events(listener))
        assert begin["incident"] == end["incident"]
        assert (begin["config"], end["config"]) == ("9b1e77aa", "ffffffff")
        assert eventually(
            lambda: last(listener, f"{NODE}/camera/{CAMERA}/state/gate-in") == {"active": True}
        )


def test_demo_broker_carries_events_over_3_1_1(tmp_path: Path) -> None:
    """The embedded broker needs nothing installed but the extra, and says when asked for MQTT 5."""
    pytest.importorskip("amqtt", reason="the demo extra is not installed")
    with DemoBroker() as broker:
        refused = probe(at(broker.port), tmp_path, 2.0)
        assert refused is not None
        assert "set `protocol: 3.1.1`" in refused
        with listening(broker.port) as listener:
            options = at(broker.port, protocol=broker.protocol)
            with publishing(tmp_path, options) as publisher:
                for n in range(30):
                    publisher.emit(crossing(n))
                assert eventually(lambda: len(_events(listener)) == 30)
            assert eventually(lambda: last(listener, STATUS)["state"] == "stopped")
    assert json.loads(_events(listener)[0].payload)["seq"] == 1


@pytest.mark.parametrize("protocol", [5, "3.1.1"])
def test_listening_costs_no_event(tmp_path: Path, protocol: int | str) -> None:
    """Whoever wants to hear something, over MQTT 3.1.1 hears nothing, and events still arrive."""
    with (
        mosquitto(tmp_path) as broker,
        listening(broker.port) as listener,
        publishing(tmp_path, at(broker.port, protocol=protocol)) as publisher,
    ):
        publisher.listen(["review/+"], lambda _incoming, _answer: None)
        publisher.emit(crossing())
        assert eventually(lambda: len(listener.matching("/event/")) == 1)


def test_what_was_sent_while_the_box_was_away_is_heard_when_it_is_back(tmp_path: Path) -> None:
    """The broker keeps it, and delivers it with its first breath: somebody must listen by then."""
    heard: list[bytes] = []
    review = f"{NODE}/review/1"
    (tmp_path / "first").mkdir()
    with mosquitto(tmp_path) as broker:
        first = WENT_AWAY.format(folder=str(tmp_path / "first"), port=broker.port)
        subprocess.run([sys.executable, "-c", first], check=True, timeout=30)
        publish.single(review, b"it is true", qos=1, port=broker.port)
        outbox = Outbox(tmp_path / "outbox.db", reserve_bytes=MIB)
        publisher = Publisher(outbox, ORIGIN, [], tmp_path)
        publisher.listen(["review/+"], lambda incoming, _answer: heard.append(incoming.payload))
        publisher.reopen(ORIGIN, [at(broker.port)], tmp_path)
        try:
            assert eventually(lambda: heard == [b"it is true"]), heard
        finally:
            publisher.close()


# Without a farewell, as with the power.
WENT_AWAY = """
import os, time
from pathlib import Path
from edge.sinks import Publisher
from edge.sinks._outbox import MIB, Outbox
from edge.sinks.mqtt import Options
from tests.unit.sinks.events_builder import ORIGIN
folder = Path({folder!r})
publisher = Publisher(Outbox(folder / "outbox.db", reserve_bytes=MIB), ORIGIN, [], folder)
publisher.listen(["review/+"], lambda incoming, answer: None)
publisher.reopen(ORIGIN, [Options(url="mqtt://127.0.0.1:{port}")], folder)
while not publisher.outlets[0].link.is_connected:
    time.sleep(0.01)
time.sleep(0.5)  # for the broker to take the subscription
os._exit(0)
"""
