"""Cameras that fail while the box watches them, and a clock that jumps: the soak in short.

One box, three cameras on loopback, a plain MQTT subscriber. `scripts/soak` is the long version,
with many cameras and a network that can be broken.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import pytest
from pydantic import SecretStr

from edge.audit import read
from edge.config import load
from edge.errors import SourceLost
from edge.runtime.diagnosis import LOST_S
from edge.sources.rtsp import Options
from tests.rtsp_camera import RtspCamera
from tests.servers import eventually, mosquitto
from tests.soak import clock
from tests.soak.box import Box, Source, configuration
from tests.soak.film import Film
from tests.soak.room import ControlRoom, is_watching

pytestmark = [pytest.mark.alone, pytest.mark.network, pytest.mark.slow, pytest.mark.timeout(120)]

FILM = Film(size_wh=(320, 180), fps=10, loop_s=5, walk_s=3.0, gop_s=1)
STALL_MARGIN_S = 3.0


@dataclass(frozen=True)
class Street:
    """A box in service, and what it can be troubled with."""

    box: Box
    room: ControlRoom
    clock: clock.SteppedClock
    cameras: dict[str, RtspCamera]

    def states_but_watching(self, cameras: set[str], since: float) -> list[str]:
        return [
            f"{heard.body['camera']} {heard.body['state']} {heard.body.get('why')}"
            for heard in self.room.statuses
            if heard.body["camera"] in cameras and heard.t >= since
            if not is_watching(heard.body)
        ]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return FILM.encode(tmp_path_factory.mktemp("film") / "film.mp4")


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory, film: Path) -> Iterator[Street]:
    folder = tmp_path_factory.mktemp("street")
    with ExitStack() as stack:
        broker = stack.enter_context(mosquitto(folder))
        room = ControlRoom(broker.port)
        stack.callback(room.close)
        names = ("killed", "stalled", "healthy")
        cameras = {name: stack.enter_context(RtspCamera(film)) for name in names}
        sources = [Source(name, camera.url) for name, camera in cameras.items()]
        told = clock.SteppedClock(folder / "time")
        environment = told.environment if clock.LIBRARY is not None else {}
        settings = configuration(folder / "box", sources, broker.port, gate="always")
        box = stack.enter_context(Box(settings, environment))
        assert eventually(lambda: all(map(room.is_watched, names)), 20.0), box.output.read_text()
        yield Street(box, room, told, cameras)
        assert box.stop() == 0, box.output.read_text()
        assert "Traceback" not in box.output.read_text()
        assert eventually(lambda: _open_incidents(room) == [], 5.0), _open_incidents(room)


def _open_incidents(room: ControlRoom) -> list[str]:
    phases = {(heard.body["incident"], heard.body["phase"]) for heard in room.events}
    begun = {incident for incident, phase in phases if phase == "begin"}
    return sorted(begun - {incident for incident, phase in phases if phase == "end"})


def test_a_stall_fails_once_its_time_is_up(film: Path) -> None:
    """Nothing is handed out meanwhile that only looks as if it had just come."""
    with RtspCamera(film) as camera:
        source = Options(kind="rtsp", url=SecretStr(camera.url)).open(timeout_s=1.0)
        packets = source.packets()
        for _ in range(10):
            next(packets)
        camera.freeze()
        stalled, arrived = time.monotonic(), 0.0
        try:
            for _ in packets:
                arrived = time.monotonic()
        except SourceLost as lost:
            assert "nothing came in time" in str(lost)  # noqa: PT017  # raises() takes no loop
        assert time.monotonic() - stalled < 1.8
        assert arrived - stalled < 0.5


@pytest.mark.skipif(clock.LIBRARY is None, reason="no libfaketime; run: apt-get install faketime")
def test_a_step_of_the_clock_ends_no_stream_and_spoils_no_duration(street: Street) -> None:
    """An hour ahead, two hours back, 1970: the same stays, the same crossings; and it is said."""
    room = street.room
    began = time.monotonic()
    years = set()
    for to in clock.STEPS[:3]:
        street.clock.step(to)
        stepped = time.monotonic() + 1.5  # felt within a second, told within another
        assert eventually(
            lambda since=stepped: room.of("line_crossed", "pulse", "healthy", since),  # type: ignore[misc]
            FILM.loop_s + clock.HEARD_LIMIT_S + 1.5,
        )
        newest = room.of("line_crossed", "pulse", "healthy")[-1].body
        years.add(datetime.fromisoformat(newest["at"].replace("Z", "+00:00")).year)
    street.clock.step(clock.STEPS[-1])
    assert years == {1970, datetime.now(timezone.utc).year}  # the clock really was stepped
    assert street.box.is_running
    assert room.of("camera_lost", "begin", since=began) == []
    assert {one.body["camera"] for one in room.of("clock_unsure", "begin")} == set(street.cameras)
    steps = [
        record.facts["seconds"]
        for record in read(load(street.box.output.parent).appliance.storage.path / "audit")
        if record.kind == "clock.step"
    ]
    assert len(steps) >= len(clock.STEPS[:3])
    assert max(steps) == pytest.approx(3600, abs=60)
    # Stays that begin before the first step, last over a step, and begin after one.
    assert clock.most_apart_s(list(clock.stays_s(room))) <= clock.HEARD_LIMIT_S
    heard = [one.t for one in room.of("line_crossed", "pulse", "healthy", began - FILM.loop_s)]
    assert clock.longest_gap_s(heard) <= FILM.loop_s + clock.HEARD_LIMIT_S


def test_a_stall_is_said_and_ended_and_nobody_else_notices(street: Street) -> None:
    """TCP open, no data: `camera_lost` in time, not taken back before the data comes again."""
    room = street.room
    began = time.monotonic()
    street.cameras["stalled"].freeze()
    limit_s = LOST_S + STALL_MARGIN_S
    assert eventually(lambda: room.of("camera_lost", "begin", "stalled", began), limit_s + 1.0)
    assert room.of("camera_lost", "begin", "stalled", began)[0].t - began <= limit_s
    time.sleep(1.5)  # the reader gives up at the same time, and must not seem to have recovered
    assert room.of("camera_lost", "end", "stalled", began) == []
    back = time.monotonic()
    street.cameras["stalled"].thaw()
    assert eventually(lambda: room.of("camera_lost", "end", "stalled", back), 10.0)
    assert eventually(lambda: room.is_watched("stalled"), 5.0)
    assert len(room.of("camera_lost", "begin", "stalled", began)) == 1

    assert street.states_but_watching({"healthy"}, began) == []
    heard = [one.t for one in room.of("line_crossed", "pulse", "healthy", began - FILM.loop_s)]
    assert len(heard) >= 2
    assert clock.longest_gap_s(heard) <= FILM.loop_s + clock.HEARD_LIMIT_S


def test_a_camera_back_at_once_is_watched_again_within_two_seconds(street: Street) -> None:
    """The first wait is at most a second; opening and the first picture take the rest."""
    # A connection shorter than ten seconds would count as another failure in a row.
    since = min(heard.t for heard in street.room.statuses if is_watching(heard.body))
    time.sleep(max(0.0, since + 11.0 - time.monotonic()))
    street.cameras["killed"].kill()
    street.cameras["killed"].start()
    back = time.monotonic()
    assert eventually(lambda: street.room.watched_since("killed", back), 10.0), (
        street.box.output.read_text()
    )
    watched = street.room.watched_since("killed", back)
    assert watched is not None
    assert watched - back <= 2.0
