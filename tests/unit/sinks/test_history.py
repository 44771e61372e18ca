"""What was delivered is kept for a while, for a control room that asks again."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from edge.sinks import _history
from edge.sinks._outbox import MIB, Outbox, Stored
from tests.unit.sinks.events_builder import AT, ORIGIN, crossing


def delivered(outbox: Outbox, n: int) -> list[Stored]:
    """Decide and acknowledge `n` crossings, a second apart."""
    stored = [outbox.append(crossing(second), ORIGIN)[0] for second in range(n)]
    outbox.acknowledge([one.seq for one in stored])
    return stored


def test_delivered_messages_can_be_had_again_by_number(tmp_path: Path) -> None:
    """The same bytes on the same topic, in order, in pages, also after a restart."""
    outbox = Outbox(tmp_path / "outbox.db", reserve_bytes=MIB)
    stored = delivered(outbox, 10)
    waiting = outbox.append(crossing(), ORIGIN)
    outbox.close()
    outbox = Outbox(tmp_path / "outbox.db", reserve_bytes=MIB)
    assert outbox.delivered_since(4) == tuple(stored[3:]), "what still waits is not among them"
    assert outbox.delivered_since(4, limit=2) == tuple(stored[3:5])
    assert outbox.delivered_since(4, after=5, limit=2) == tuple(stored[5:7])
    assert outbox.delivered_since(11) == ()
    assert outbox.delivered_from == 1
    assert outbox.pending(9) == waiting
    outbox.close()


def test_delivered_messages_can_be_had_again_by_time() -> None:
    """By when the scene happened, not by when it was sent."""
    outbox = Outbox(None)
    delivered(outbox, 10)
    found = outbox.delivered_since(AT + timedelta(seconds=7))
    assert [json.loads(one.payload)["seq"] for one in found] == [8, 9, 10]
    outbox.close()


def test_refused_message_was_not_delivered() -> None:
    """What the broker never took is not given as if it had."""
    outbox = Outbox(None)
    outbox.append(crossing(), ORIGIN)
    outbox.refuse(1, "payload invalid")
    assert outbox.delivered_since(0) == ()
    assert outbox.delivered_from is None
    outbox.close()


@pytest.mark.parametrize("bound", ["count", "bytes"])
def test_history_is_bounded(tmp_path: Path, bound: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest go, in count and in bytes, and the numbers are true after a restart."""
    monkeypatch.setattr(_history, "MAX_KEPT", 200 if bound == "count" else 10_000)
    monkeypatch.setattr(_history, "MAX_KEPT_BYTES", 8 * MIB if bound == "count" else 100_000)
    outbox = Outbox(tmp_path / "outbox.db", reserve_bytes=MIB)
    for _ in range(10):
        delivered(outbox, 100)
    kept = outbox.delivered_since(0)
    assert 100 <= len(kept) <= 264
    assert kept[-1].seq == 1000
    assert outbox.delivered_from == kept[0].seq
    assert outbox.stats.kept == len(kept)
    outbox.close()
    outbox = Outbox(tmp_path / "outbox.db", reserve_bytes=MIB)
    assert outbox.stats.kept == len(kept)
    outbox.close()
