"""The same promises at a broker that shares no line of code with mosquitto."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.event import RuleState
from edge.message import rule_status
from edge.sinks.mqtt import Options, probe
from edge.topics import rule_state_topic
from tests.contracts.test_mqtt5 import check_properties, check_short_break
from tests.contracts.test_sinks import CAMERA, NODE, STATUS, at, is_sent, last, publishing, sink_of
from tests.ejabberd import LOGIN, Ejabberd, ejabberd
from tests.servers import Listener, eventually, listening
from tests.unit.sinks.events_builder import ORIGIN, crossing

pytestmark = pytest.mark.network


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ejabberd]:
    with ejabberd(tmp_path_factory.mktemp("ejabberd")) as running:
        yield running


def options(broker: Ejabberd) -> Options:
    return at(broker.port, username=LOGIN[0], password=LOGIN[1])


def test_doctor_asks_all_its_questions(broker: Ejabberd, tmp_path: Path) -> None:
    """Login, publishing and subscribing are answered as the standard says."""
    doctor, commands = f"{NODE}/doctor", f"{NODE}/cmd/+"
    told = probe(options(broker), tmp_path, may_publish=doctor, may_subscribe=commands)
    assert told is None
    nameless = probe(at(broker.port), tmp_path)
    assert "not authorised" in str(nameless)


def test_events_states_and_farewell(broker: Ejabberd, tmp_path: Path) -> None:
    """Events once and in order, a state retained, `online`, and `stopped` in the end."""
    with listening(broker.port, "cctv/#", LOGIN) as listener:
        with publishing(tmp_path, options(broker)) as publisher:
            publisher.state(
                rule_state_topic(CAMERA, "gate-in"),
                rule_status(ORIGIN, CAMERA, "gate-in", RuleState(True, 2)),
            )
            for n in range(100):
                publisher.emit(crossing(n))
            assert eventually(is_sent(publisher))
            assert eventually(lambda: len(listener.matching("/event/")) == 100)
            assert last(listener, STATUS)["state"] == "online"
        assert eventually(lambda: last(listener, STATUS)["state"] == "stopped")
    assert [m.json["seq"] for m in listener.matching("/event/")] == list(range(1, 101))
    with listening(broker.port, "cctv/#", LOGIN) as late:
        assert eventually(lambda: len(late.received) >= 2)
        assert all(message.is_retained for message in late.received)
        assert last(late, f"{NODE}/{rule_state_topic(CAMERA, 'gate-in')}")["count"] == 2


def test_broker_killed_in_mid_stream_loses_nothing(tmp_path: Path) -> None:
    """What it had not acknowledged when it died comes again, under the same id."""
    with ejabberd(tmp_path) as broker, publishing(tmp_path, options(broker)) as publisher:
        seen: dict[int, set[str]] = {}

        def note(listener: Listener) -> None:
            for message in listener.matching("/event/"):
                seen.setdefault(message.json["seq"], set()).add(message.json["id"])

        with listening(broker.port, "cctv/#", LOGIN) as listener:
            assert eventually(lambda: sink_of(publisher).link.is_connected)
            for n in range(50):
                publisher.emit(crossing(n))
            assert eventually(lambda: listener.matching("/event/"))
            broker.kill()
            for n in range(20):
                publisher.emit(crossing(50 + n))
            time.sleep(0.2)
            note(listener)
        under_way = publisher.stats.depth
        assert under_way >= 20
        broker.start()
        assert eventually(is_sent(publisher), 20)
    missing = set(range(1, 71)) - set(seen)
    assert len(missing) <= under_way, "lost what the first broker had acknowledged"
    assert all(len(ids) == 1 for ids in seen.values())


def test_short_break_is_no_loss(broker: Ejabberd, tmp_path: Path) -> None:
    """Session, clean start and the Will's delay work together here too."""
    check_short_break(broker.port, tmp_path, LOGIN)


def test_properties_arrive(broker: Ejabberd, tmp_path: Path) -> None:
    """Content type, payload format and expiry pass through this broker too."""
    check_properties(broker.port, tmp_path, LOGIN)
