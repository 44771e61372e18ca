"""What an operator at a terminal sees of alerts that overtake a backlog."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

from edge.site.watching import Filter, Watch
from tests.conftest import REPOSITORY

NOW = datetime(2026, 11, 23, 9, 27, 40, tzinfo=timezone.utc)
TOPIC = "cctv/v1/westminster/cabinet-017/camera/high-street-north/{}/line_crossed"
MESSAGE = json.loads((REPOSITORY / "tests/golden/messages/line_crossed.json").read_bytes())


def _numbered(seq: int) -> dict[str, Any]:
    return {**MESSAGE, "seq": seq, "id": f"{MESSAGE['id'][:-4]}{seq:04x}"}


def _texts(watch: Watch, level: str, seq: int) -> list[str]:
    return [line.text for line in watch.take(TOPIC.format(level), _numbered(seq), NOW)]


def test_an_alert_ahead_of_its_backlog_is_shown_at_once_and_once() -> None:
    """Its copy is shown; when it comes in its place it counts, and is not shown again."""
    watch = Watch(Filter())
    (text,) = _texts(watch, "live", 9)
    assert text.endswith("[ahead of its backlog]")
    assert _texts(watch, "live", 9) == []
    assert watch.accounts() == {}  # a copy is no arrival: the audit waits for the message itself
    assert len(_texts(watch, "event", 8)) == 1
    assert _texts(watch, "event", 9) == []
    (account,) = watch.accounts().values()
    assert (account.first, account.last, account.n_duplicates) == (8, 9, 0)
    assert account.is_whole


def test_a_copy_that_comes_last_shows_nothing() -> None:
    """The broker may hand it over after the message."""
    watch = Watch(Filter())
    assert len(_texts(watch, "event", 9)) == 1
    assert _texts(watch, "live", 9) == []


def test_a_copy_nobody_wants_is_not_shown() -> None:
    """The filter is for both."""
    watch = Watch(Filter(kinds=frozenset({"loitering"})))
    assert _texts(watch, "live", 9) == []
    assert _texts(watch, "event", 9) == []
