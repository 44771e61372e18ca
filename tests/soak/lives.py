"""Lives of a box that is killed at random instants, and what a control room has heard of them.

A process holds the real publisher: three cameras decide as fast as they can, the outbox is on a
real disk, the broker is a real mosquitto. Before and after each `emit` the camera writes a line to
a pipe whose other end outlives it: that journal, not the outbox, says what was decided. In one life
in four the broker is out of reach, so that the next one finds a backlog. At last one life is left
alone until the outbox is empty, and journal and broker are compared.
"""

from __future__ import annotations

import multiprocessing
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from edge.event import Event, Phase
from edge.message import Origin
from edge.sinks import _delivery, open_publisher
from edge.sinks.mqtt import Options
from tests.servers import Listener, Received, eventually, listening, mosquitto

CAMERAS = ("north", "south", "quay")
LIFE_S = (0.0, 0.5)  # after the start; opening, ending what was open and dialling included
ORIGIN = Origin("soak", "killed", "0" * 64)


@dataclass(frozen=True)
class Verdict:
    """What the comparison found; everything but the first four must be empty or 0.

    Attributes:
        n_kills: Lives ended with SIGKILL.
        n_decided: Events whose `emit` had returned.
        n_unsure: Events whose `emit` had begun and had not returned when the process was killed.
        n_duplicates: Messages that came more than once, under their old id.
        missing: Decided and never heard.
        invented: Heard, and in no journal.
        gaps: Numbers that were never heard.
        clashes: Numbers heard under two ids, or ids with two texts.
        unordered: Messages of a camera first heard after a later one.
        unended: Begins without exactly one end, and ends without a begin.
    """

    n_kills: int
    n_decided: int
    n_unsure: int
    n_duplicates: int
    missing: Sequence[str] = ()
    invented: Sequence[str] = ()
    gaps: Sequence[int] = ()
    clashes: Sequence[int] = ()
    unordered: Sequence[int] = ()
    unended: Sequence[str] = ()

    @property
    def is_kept(self) -> bool:
        """Every promise was kept."""
        return not any(
            (self.missing, self.invented, self.gaps, self.clashes, self.unordered, self.unended)
        )


@dataclass
class Journal:
    """What the cameras wrote: a tag before `emit`, and once more after it returned."""

    begun: list[str] = field(default_factory=list)
    decided: set[str] = field(default_factory=set)

    def read(self, pipe: Connection) -> None:
        """Take in lines until nobody can write any more."""
        with suppress(EOFError, OSError):
            while True:
                mark, tag = pipe.recv_bytes().decode().split(" ", 1)
                if mark == "begun":
                    self.begun.append(tag)
                else:
                    self.decided.add(tag)


def live(folder: str, port: int, life: int, pipe: Connection, until_empty: bool) -> None:
    """One life of the box: end what is open, then decide until killed, or send until empty."""
    options = Options(url=f"mqtt://127.0.0.1:{port}")
    publisher = open_publisher(
        Path(folder), ORIGIN, [options], folder=Path(folder), max_bytes=1 << 26
    )
    publisher.end_open("the appliance was restarted", datetime.now(timezone.utc))
    if until_empty:
        _delivery.DRAIN_PER_S = 2000.0  # the proof is in what comes, not in how long it takes
        is_empty = eventually(lambda: publisher.stats.depth == 0, 300.0)
        publisher.close()
        raise SystemExit(0 if is_empty else "the outbox was not emptied")
    lock = threading.Lock()  # two lines must not be mixed; it is not held over `emit`

    def write(line: str) -> None:
        with lock:
            pipe.send_bytes(line.encode())

    def watch(camera: str) -> None:
        chance = random.Random(f"{life} {camera}")
        is_open = False
        for n in range(100_000):
            phase: Phase = "pulse"
            if chance.random() < 0.3:
                phase, is_open = ("end", False) if is_open else ("begin", True)
            tag = f"{life}-{camera}-{n}"
            event = Event(
                camera,
                "line_crossed" if phase == "pulse" else "zone_entered",
                phase,
                datetime.now(timezone.utc),
                40,
                priority=chance.choice(("info", "review", "alert")),
                rule="any",
                key="" if phase == "pulse" else "17",
                where=tag,
            )
            write(f"begun {tag}")
            publisher.emit(event)
            write(f"decided {tag}")

    for camera in CAMERAS:
        threading.Thread(target=watch, args=(camera,), daemon=True).start()
    threading.Event().wait()


def run(folder: Path, n_kills: int, seed: int) -> Verdict:
    """Live and die `n_kills` times, live once more, and compare."""
    chance = random.Random(seed)
    start = multiprocessing.get_context("forkserver")
    start.set_forkserver_preload(["tests.soak.lives"])
    storage = folder / "storage"
    journal = Journal()
    with mosquitto(folder) as broker, listening(broker.port, "cctv/#") as listener:
        for life in range(n_kills + 1):
            is_last = life == n_kills
            ours, theirs = start.Pipe(duplex=False)
            port = broker.port if is_last or chance.random() < 0.75 else 1
            process = start.Process(
                target=live, args=(str(storage), port, life, theirs, is_last), daemon=True
            )
            process.start()
            theirs.close()
            reader = threading.Thread(target=journal.read, args=(ours,))
            reader.start()
            if not is_last:
                time.sleep(chance.uniform(*LIFE_S))
                process.kill()
            process.join()
            assert process.exitcode == (0 if is_last else -signal.SIGKILL), process.exitcode
            reader.join()
            ours.close()
        _wait_for_the_last(listener)
        return judge(journal, listener.matching("/event/"), n_kills)


def _wait_for_the_last(listener: Listener) -> None:
    """Until nothing has come for a second."""
    n = -1
    while n != len(listener.received):
        n = len(listener.received)
        time.sleep(1.0)


def judge(journal: Journal, received: Sequence[Received], n_kills: int) -> Verdict:
    """Compare what was decided with what arrived."""
    by_seq: dict[int, dict[str, Any]] = {}
    payloads: dict[int, bytes] = {}
    clashes: set[int] = set()
    unordered: list[int] = []
    newest: Counter[str] = Counter()
    for message in received:
        body = message.json
        seq = body["seq"]
        if seq in by_seq:
            if payloads[seq] != message.payload:
                clashes.add(seq)
            continue
        by_seq[seq], payloads[seq] = body, message.payload
        if seq < newest[body["camera"]]:
            unordered.append(seq)
        newest[body["camera"]] = max(seq, newest[body["camera"]])
    n_ids = len({body["id"] for body in by_seq.values()})
    if n_ids != len(by_seq):
        clashes.add(-1)
    # An end nobody saw repeats its begin's `where`; it has a reason, the camera's own have not.
    heard = {body["where"] for body in by_seq.values() if "reason" not in body}
    begins = Counter(body["id"] for body in by_seq.values() if body["phase"] == "begin")
    ends = Counter(body["incident"] for body in by_seq.values() if body["phase"] == "end")
    return Verdict(
        n_kills=n_kills,
        n_decided=len(journal.decided),
        n_unsure=len(set(journal.begun) - journal.decided),
        n_duplicates=len(received) - len(by_seq),
        missing=sorted(journal.decided - heard),
        invented=sorted(heard - set(journal.begun)),
        gaps=sorted(set(range(1, max(by_seq, default=0) + 1)) - set(by_seq)),
        clashes=sorted(clashes),
        unordered=unordered,
        unended=sorted((begins - ends) + (ends - begins)),
    )
