"""After days offline: a bounded rate, order on the events' topics, and alerts of now at once."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from edge.sinks import _delivery
from edge.sinks._outbox import MIB, Outbox
from tests.contracts.test_sinks import NODE, at, is_sent, publishing
from tests.servers import eventually, listening, mosquitto
from tests.soak.lives import run
from tests.unit.sinks.events_builder import ORIGIN, crossing, stay

pytestmark = pytest.mark.network

N = 2000


@pytest.fixture(autouse=True)
def faster(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backlog of ten seconds takes two."""
    monkeypatch.setattr(_delivery, "DRAIN_PER_S", N / 2)


def offline_for_days(folder: Path) -> None:
    """Leave `N` events of one camera on the disk."""
    outbox = Outbox(folder / "outbox.db", reserve_bytes=MIB)
    threads = [
        threading.Thread(
            target=lambda: [
                outbox.append(crossing(n, priority="review"), ORIGIN) for n in range(N // 50)
            ]
        )
        for _ in range(50)  # so that they share fsyncs
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    outbox.close()


def test_alert_of_now_does_not_wait_for_the_backlog_of_its_camera(tmp_path: Path) -> None:
    """It comes at once as a copy, and once more in its place; nothing overtakes on `event`."""
    offline_for_days(tmp_path)
    with mosquitto(tmp_path) as broker, listening(broker.port) as listener:
        started = time.monotonic()
        with publishing(tmp_path, at(broker.port)) as publisher:
            assert eventually(lambda: listener.matching("/event/"))
            publisher.emit(stay("begin", priority="alert"))
            assert eventually(lambda: listener.matching("/live/"), 1.0)
            copied_s = time.monotonic() - started
            publisher.emit(crossing(priority="review"))
            publisher.emit(stay("update", priority="alert"))
            assert eventually(is_sent(publisher), 20.0)
        drained_s = time.monotonic() - started
        assert eventually(lambda: len(listener.matching("/event/")) == N + 3)
        events = [message.json["seq"] for message in listener.matching("/event/")]
        assert events == list(range(1, N + 4))
        (copy,) = listener.matching("/live/")
        (alert,) = (m for m in listener.matching("/event/") if m.json["seq"] == N + 1)
        assert copy.payload == alert.payload
        assert copy.topic == f"{NODE}/camera/high-street-north/live/zone_entered"
        assert not copy.is_retained
        assert copied_s < 1.5 < drained_s, "the rate is bounded, and the alert did not wait"


def test_no_copy_where_there_is_no_backlog(tmp_path: Path) -> None:
    """In service nothing is sent twice."""
    with (
        mosquitto(tmp_path) as broker,
        listening(broker.port) as listener,
        publishing(tmp_path, at(broker.port)) as publisher,
    ):
        for n in range(100):
            publisher.emit(crossing(n))
        assert eventually(is_sent(publisher))
        assert eventually(lambda: len(listener.matching("/event/")) == 100)
        assert not listener.matching("/live/")


def test_full_outbox_says_what_it_threw_away(tmp_path: Path) -> None:
    """`events_dropped` begins with the first, and its end says how many; the gaps agree."""
    outbox = Outbox(tmp_path / "outbox.db", reserve_bytes=MIB, max_bytes=100_000)
    for n in range(400):
        camera = ("quay", "north")[n % 2]
        outbox.append(crossing(n, camera=camera, priority="review"), ORIGIN)
    outbox.close()
    with mosquitto(tmp_path) as broker, listening(broker.port) as listener:
        with publishing(tmp_path, at(broker.port)) as publisher:
            assert eventually(is_sent(publisher), 20.0)
            dropped = publisher.stats.dropped
        # The broker has acknowledged them; the subscriber may still be reading.
        assert eventually(lambda: len(listener.matching("/event/events_dropped")) == 4)
        events = [message.json for message in listener.matching("/event/")]
        reports = [event for event in events if event["kind"] == "events_dropped"]
        for camera in ("quay", "north"):
            begin, end = (event for event in reports if event["camera"] == camera)
            assert (begin["phase"], end["phase"]) == ("begin", "end")
            assert begin["incident"] == end["incident"]
            assert begin["priority"] == "alert"
            assert "outbox is full" in begin["reason"]
            heard = {event["seq"] for event in events}
            lost = set(range(end["lost"]["from"], end["lost"]["to"] + 1)) - heard
            assert end["lost"]["count"] <= len(lost), "every one of them is a gap in the numbers"
        assert sum(event["lost"]["count"] for event in reports if event["phase"] == "end") == len(
            set(range(1, max(heard) + 1)) - heard
        )
        assert dropped == {"review": len(set(range(1, max(heard) + 1)) - heard)}


def test_kill_9_at_ten_random_instants(tmp_path: Path) -> None:
    """The short form of `python -m tests.soak.killing`."""
    verdict = run(tmp_path, n_kills=10, seed=11)
    assert verdict.is_kept, verdict
    assert verdict.n_decided > 50
