"""A reader keeps knocking, and never in a hurry."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Literal

import pytest

from edge.errors import SourceLost, SourceRefused
from edge.packet import Packet, Stream
from edge.runtime import reader as reader_module
from edge.runtime.reader import Reader
from edge.sources import SourceOptions
from tests.servers import eventually

AT = datetime(2026, 1, 1, tzinfo=timezone.utc)


class Line:
    """A connection that gives some packets and breaks."""

    stream = Stream("h264", b"", (320, 180), 25.0)
    is_live = True
    clock_doubt = ""

    def __init__(self, n_packets: int, pause_s: float, n_headless: int = 0) -> None:
        self._n_packets, self._pause_s = n_packets, pause_s
        self._n_headless = n_headless

    def packets(self) -> Iterator[Packet]:
        for number in range(self._n_packets):
            yield Packet(b"x", float(number), float(number), number >= self._n_headless, AT, 0)
            time.sleep(self._pause_s)
        raise SourceLost("yard: the line broke")

    def close(self) -> None:
        """Nothing is held."""


class Script(SourceOptions):
    """A camera whose connections end as a test wants."""

    kind: Literal["script"] = "script"
    n_packets: int = 1
    pause_s: float = 0.0
    refuses: bool = False
    n_headless: int = 0

    @property
    def address(self) -> str:
        return "yard"

    def open(self, *, timeout_s: float = 5.0, not_before: float = 0.0) -> Line:
        del timeout_s, not_before
        if self.refuses:
            raise SourceRefused("yard: the camera refused (wrong password)")
        return Line(self.n_packets, self.pause_s, self.n_headless)


def waits_of(script: Script, count: int) -> list[int]:
    """The failure numbers the first `count` waits were asked for."""
    failures: list[int] = []

    def wait(n_failures: int) -> float:
        failures.append(n_failures)
        return 0.0 if len(failures) < count else 60.0

    reader = Reader("yard", script, wait)
    reader.start()
    try:
        assert eventually(lambda: len(failures) >= count, 10)
    finally:
        reader.stop()
    return failures[:count]


def test_a_camera_that_breaks_at_once_is_left_alone_for_longer_and_longer() -> None:
    """It connects each time, and yet every break is one more failure in a row."""
    assert waits_of(Script(), 4) == [1, 2, 3, 4]


def test_a_steady_connection_makes_the_next_failure_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What held for a while is tried again at the first step."""
    monkeypatch.setattr(reader_module, "STEADY_S", 0.05)
    assert waits_of(Script(n_packets=4, pause_s=0.03), 3) == [1, 1, 1]


def test_a_refusal_is_not_knocked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cameras lock out who tries too often, so a wrong password waits longest."""
    monkeypatch.setattr(reader_module, "REFUSED_S", 0.4)
    failures: list[float] = []

    def wait(_: int) -> float:
        failures.append(time.monotonic())
        return 0.0

    reader = Reader("yard", Script(refuses=True), wait)
    reader.start()
    try:
        assert eventually(lambda: len(failures) >= 2, 5)
    finally:
        reader.stop()
    assert failures[1] - failures[0] >= 0.39


def test_what_comes_before_the_first_keyframe_is_counted_while_it_comes() -> None:
    """Not only once the connection has ended, which may be never."""
    reader = Reader("yard", Script(n_packets=500, pause_s=0.01, n_headless=20))
    reader.start()
    try:
        assert eventually(lambda: reader.n_headless == 20, 5)
        assert reader.n_connections == 1
    finally:
        reader.stop()
    assert reader.n_headless == 20
