"""systemd hears that we are ready and alive, and nothing happens where there is no systemd."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from edge.runtime.supervisor import notify, watchdog_s


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
    assert watchdog_s() is None


def test_the_watchdog_is_fed_twice_as_often_as_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half the time systemd gives, as sd_watchdog_enabled(3) advises."""
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    assert watchdog_s() == 15.0
