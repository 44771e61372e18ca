"""The box's clock jumps while events wait, go out and are acknowledged."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path

import pytest

from tests.contracts.test_sinks import NODE, last
from tests.servers import Listener, eventually, listening, mosquitto
from tests.soak.clock import LIBRARY, STEPS, SteppedClock

pytestmark = [
    pytest.mark.network,
    pytest.mark.skipif(LIBRARY is None, reason="no libfaketime; run: apt-get install faketime"),
]

BOX = """
import sys, threading
from datetime import datetime, timezone
from pathlib import Path
from edge.sinks import open_publisher
from edge.sinks.mqtt import Options
from tests.unit.sinks.events_builder import ORIGIN, crossing, stay
folder, port = Path(sys.argv[1]), sys.argv[2]
publisher = open_publisher(folder, ORIGIN, [Options(url=f"mqtt://127.0.0.1:{port}")], folder=folder)
told_to_stop, pause = threading.Event(), threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), told_to_stop.set()), daemon=True).start()
while not told_to_stop.is_set():
    now = datetime.now(timezone.utc)
    publisher.emit(stay("begin", at=now))
    publisher.emit(crossing(at=now))
    publisher.emit(stay("begin", at=now))  # ends the first at this moment, whatever it is now
    pause.wait(0.02)  # time.sleep fails under libfaketime when the clock steps
publisher.end_open("the run is over", datetime.now(timezone.utc))
while publisher.stats.depth:
    pause.wait(0.01)
print(publisher.stats.seq)
publisher.close()
"""


def is_ahead(listener: Listener, hours: int | None) -> bool:
    """Whether the newest event is, by this process's clock, which nobody steps.

    Args:
        listener: Who hears the events.
        hours: How far; None for as far back as 1970.
    """
    heard = listener.matching("/event/")
    if not heard:
        return False
    at = datetime.fromisoformat(heard[-1].json["at"].replace("Z", "+00:00"))
    if hours is None:
        return at.year == 1970
    return round((at - datetime.now(timezone.utc)) / timedelta(hours=1)) == hours


def test_steps_of_the_clock_lose_and_reorder_nothing(tmp_path: Path) -> None:
    """Ahead, back, 1970 and right again: numbers, ids and order hold, nothing ends early."""
    clock = SteppedClock(tmp_path / "time")
    with mosquitto(tmp_path) as broker, listening(broker.port) as listener:
        arguments = [str(tmp_path / "box"), str(broker.port)]
        box = subprocess.Popen(
            [sys.executable, "-c", BOX, *arguments],
            env={**os.environ, **clock.environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert eventually(lambda: last(listener, f"{NODE}/status"))
        for step, hours in zip(STEPS, (1, -1, None, 0), strict=True):
            clock.step(step)
            assert eventually(partial(is_ahead, listener, hours), 20.0), step
        n_last = int(box.communicate(timeout=30)[0])
        assert box.returncode == 0
        assert eventually(lambda: len(listener.matching("/event/")) >= n_last)
    messages = [message.json for message in listener.matching("/event/")]
    assert [message["seq"] for message in messages] == list(range(1, n_last + 1))
    assert len({message["id"] for message in messages}) == n_last
    begins = {m["id"]: m["at"] for m in messages if m["phase"] == "begin"}
    ends = {m["incident"]: m["at"] for m in messages if m["phase"] == "end"}
    assert begins.keys() == ends.keys()
    assert all(ends[incident] >= at for incident, at in begins.items())
