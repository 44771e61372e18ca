"""systemd hears that we are ready and alive, and nothing happens where there is no systemd."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from edge.runtime.supervisor import Watchdog, notify


def test_a_state_reaches_the_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One datagram a state."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        notify("READY=1")
        assert supervisor.recv(100) == b"READY=1"


def test_without_systemd_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    """The daemon runs in a terminal, too."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    notify("READY=1")
    watchdog = Watchdog()
    watchdog.feed({}, are_engines_able=True, status="")
    assert watchdog.tick_s == float("inf")


def test_the_watchdog_is_fed_only_for_what_got_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every camera since the last time, and every engine; the passing of time is not enough."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as supervisor:
        supervisor.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "60000000")

        def is_fed(north: int, south: int, *, able: bool = True) -> bool:
            watchdog.feed({"north": north, "south": south}, able, "watching 2 of 2 cameras")
            try:
                return supervisor.recv(100).startswith(b"WATCHDOG=1\n")
            except BlockingIOError:
                return False

        watchdog = Watchdog()
        assert watchdog.tick_s == 15.0  # half of the 30 s that sd_watchdog_enabled(3) advises
        assert not is_fed(5, 0)
        assert is_fed(6, 1)
        assert not is_fed(7, 1)
        assert not is_fed(900, 1)
        assert is_fed(901, 2)
        assert not is_fed(902, 3, able=False)
        assert is_fed(903, 4)
        assert is_fed(1, 1)  # both began anew
