"""The listener for those who look after many boxes."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable

import pytest

from edge.runtime.monitor import STUCK_S, Monitor, MonitorUnavailable, Progress


def asked(monitor: Monitor, path: str) -> tuple[int, str]:
    """Status and text."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{monitor.port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.read().decode()


def opened(
    metrics: Callable[[], str] = str,
    unready: Callable[[], str] = str,
    trouble: Callable[[], str] = str,
    listen: str = "127.0.0.1:0",
) -> Monitor:
    """A listener; what it is not told of is well."""
    return Monitor(listen, metrics=metrics, unready=unready, trouble=trouble)


def test_it_answers_three_questions_and_no_other() -> None:
    """Each with its own status; why not is in words."""
    monitor = opened(lambda: "edge_ready 1\n", lambda: "not yet seen: yard", str)
    try:
        assert asked(monitor, "/metrics") == (200, "edge_ready 1\n")
        assert asked(monitor, "/readyz") == (503, "not yet seen: yard\n")
        assert asked(monitor, "/healthz?verbose") == (200, "ok\n")
        assert asked(monitor, "/")[0] == 404
        assert asked(monitor, "/../etc/passwd")[0] == 404
    finally:
        monitor.close()


def test_what_cannot_be_told_is_an_error_and_no_empty_answer() -> None:
    """A scraper that gets nothing would take it for silence."""

    def broken() -> str:
        raise ValueError(json.dumps({"secret": 1}))

    monitor = opened(broken)
    try:
        status, text = asked(monitor, "/metrics")
        assert status == 500
        assert "secret" not in text
    finally:
        monitor.close()


def test_a_port_that_is_taken_is_said() -> None:
    """With the command that shows who has it."""
    monitor = opened()
    try:
        with pytest.raises(MonitorUnavailable, match=f"ss -ltnp 'sport = :{monitor.port}'"):
            opened(listen=f"127.0.0.1:{monitor.port}")
    finally:
        monitor.close()


def test_a_camera_that_stands_still_is_no_health() -> None:
    """Judged by what was seen before; one that is gone is not missed."""
    now, steps, is_able = [0.0], {"yard": 1, "gate": 1}, [True]
    progress = Progress(lambda: steps, lambda: is_able[0], lambda: now[0])
    assert not progress.trouble()
    now[0], steps["yard"] = STUCK_S - 1, 2
    assert not progress.trouble()
    now[0] = STUCK_S + 1
    assert progress.trouble() == f"no progress for {STUCK_S:.0f} s: gate"
    del steps["gate"]
    assert not progress.trouble()
    is_able[0] = False
    assert "engine" in progress.trouble()
