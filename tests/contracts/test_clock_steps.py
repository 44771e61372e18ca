"""The box's clock jumps while events wait, go out and are acknowledged."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.contracts.test_sinks import NODE, last
from tests.servers import eventually, listening, mosquitto
from tests.soak.clock import LIBRARY, STEPS, SteppedClock

pytestmark = [
    pytest.mark.network,
    pytest.mark.skipif(LIBRARY is None, reason="no libfaketime; run: apt-get install faketime"),
]

BOX = """
import sys, threading, time
from datetime import datetime, timezone
from pathlib import Path
from edge.sinks import open_publisher
from edge.sinks.mqtt import Options
from tests.unit.sinks.events_builder import ORIGIN, crossing, stay
folder, port, seconds = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
publisher = open_publisher(folder, ORIGIN, [Options(url=f"mqtt://127.0.0.1:{port}")], folder=folder)
end, pause = time.monotonic() + seconds, threading.Event()
while time.monotonic() < end:
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


def test_steps_of_the_clock_lose_and_reorder_nothing(tmp_path: Path) -> None:
    """Ahead, back, 1970 and right again: numbers, ids and order hold, nothing ends early."""
    clock = SteppedClock(tmp_path / "time")
    with mosquitto(tmp_path) as broker, listening(broker.port) as listener:
        arguments = [str(tmp_path / "box"), str(broker.port), "6"]
        box = subprocess.Popen(
            [sys.executable, "-c", BOX, *arguments],
            env={**os.environ, **clock.environment},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert eventually(lambda: last(listener, f"{NODE}/status"))
        for step in STEPS:
            clock.step(step)
            time.sleep(1.2)
        n_last = int(box.communicate(timeout=30)[0])
        assert box.returncode == 0
        assert eventually(lambda: len(listener.matching("/event/")) >= n_last)
    messages = [message.json for message in listener.matching("/event/")]
    assert [message["seq"] for message in messages] == list(range(1, n_last + 1))
    assert len({message["id"] for message in messages}) == n_last
    assert {message["at"][:4] for message in messages} >= {"1970"}
    begins = {m["id"]: m["at"] for m in messages if m["phase"] == "begin"}
    ends = {m["incident"]: m["at"] for m in messages if m["phase"] == "end"}
    assert begins.keys() == ends.keys()
    assert all(ends[incident] >= at for incident, at in begins.items())
