"""What a line can do to delivery: the broker in one network namespace, the box in another.

    python -m tests.soak.outage --json result.json        (as root)

Three cameras decide ten events a second throughout. Each run breaks the line in one way for a while
and mends it; then the outbox must empty. A journal beside the box says what was decided, a
subscriber beside the broker what arrived.
"""

from __future__ import annotations

import argparse
import json
import queue
import random
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from edge.event import Event
from edge.message import Origin
from edge.sinks import Publisher, open_publisher
from edge.sinks.mqtt import MqttSink, Options
from tests.servers import Listener, Mosquitto, eventually
from tests.soak.lives import CAMERAS, Journal, Verdict, judge
from tests.soak.network import Cable, Network, box_namespace, inside

PORT = 18830
PER_S = 10.0
ORIGIN = Origin("soak", "line", "0" * 64)


@dataclass
class Slow:
    """A relay on the box's side that lets every byte take `delay_s` longer, both ways.

    In place of `tc netem delay`, which not every kernel has.
    """

    address: tuple[str, int]
    delay_s: float = 0.0
    _server: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    def __post_init__(self) -> None:
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        """Where it listens on the loopback."""
        return int(self._server.getsockname()[1])

    def close(self) -> None:
        """Take no more connections."""
        self._server.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._server.accept()
                try:
                    far = socket.create_connection(self.address, timeout=5.0)
                except OSError:
                    near.close()
                    continue
                far.settimeout(None)
                for source, target in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(source, target), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        under_way: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()

        def write() -> None:
            with suppress(OSError):
                while True:
                    due, content = under_way.get()
                    time.sleep(max(0.0, due - time.monotonic()))
                    if not content:
                        break
                    target.sendall(content)
            with suppress(OSError):
                target.shutdown(socket.SHUT_RDWR)

        threading.Thread(target=write, daemon=True).start()
        content = b"."
        while content:
            try:
                content = source.recv(65536)
            except OSError:
                content = b""
            under_way.put((time.monotonic() + self.delay_s, content))


@dataclass
class Site:
    """Everything a fault may touch."""

    network: Network
    box: str
    cable: Cable
    broker: Mosquitto
    relay: Slow
    listener: Listener

    def pull_the_plug(self) -> None:
        """The interface goes down, and the box is told by its kernel."""
        subprocess.run(
            ["ip", "-n", self.box, "link", "set", self.cable.box_end, "down"], check=True
        )

    def plug_in(self) -> None:
        """It is up again."""
        subprocess.run(["ip", "-n", self.box, "link", "set", self.cable.box_end, "up"], check=True)

    def kill_broker(self) -> None:
        """It dies; the line is closed too, so that the subscriber is back before the box."""
        self.broker.kill()
        self.cable.refuse()

    def restore_broker(self) -> None:
        """It starts with nothing remembered."""
        n = self.listener.n_subscribed
        with self.network.inside():
            self.broker.start()
        assert eventually(lambda: self.listener.n_subscribed > n)
        self.cable.mend()

    def _set_link(self, state: str) -> None:
        end = self.cable.box_end
        subprocess.run(["ip", "-n", self.box, "link", "set", end, state], check=True)


@dataclass(frozen=True)
class Fault:
    """One way in which a line breaks.

    Attributes:
        name: For the table.
        begin: Breaks it; may say what did it.
        end: Mends it.
    """

    name: str
    begin: Callable[[Site], Any]
    end: Callable[[Site], Any]


def _delay(seconds: float) -> Callable[[Site], None]:
    def set_delay(site: Site) -> None:
        site.relay.delay_s = seconds

    return set_delay


FAULTS = (
    Fault("link cut (interface down)", Site.pull_the_plug, Site.plug_in),
    Fault(
        "half-open (packets dropped silently)",
        lambda site: site.cable.cut(),
        lambda site: site.cable.mend(),
    ),
    Fault("30 % loss", lambda site: site.cable.lose(0.3), lambda site: site.cable.mend()),
    Fault("2 s delay each way", _delay(2.0), _delay(0.0)),
    Fault("broker killed and restored", Site.kill_broker, Site.restore_broker),
)


@dataclass(frozen=True)
class Outcome:
    """One row of the table.

    Attributes:
        fault: Its name.
        fault_s: How long it lasted.
        verdict: What the comparison found.
        n_waiting: The most messages that waited on the disk.
        connections: Tried in all.
        recovered_s: From the mending until the outbox was empty, with the cameras going on.
    """

    fault: str
    fault_s: float
    verdict: Verdict
    n_waiting: int
    connections: int
    recovered_s: float


@contextmanager
def site(folder: Path) -> Iterator[Site]:
    """A broker in one namespace, with a subscriber beside it; the box's end in another."""
    with Network(1) as network, box_namespace(network.cables[0]) as box:
        cable = network.cables[0]
        lines = ("allow_anonymous true", f"listener {PORT} {cable.camera_address}")
        with network.inside():
            broker = Mosquitto(folder, lines)
            listener = Listener(broker.port, "cctv/#")
        try:
            with inside(box), closing(Slow((cable.camera_address, PORT))) as relay:
                yield Site(network, box, cable, broker, relay, listener)
        finally:
            listener.close()
            broker.kill()


def emit_until(publisher: Publisher, camera: str, journal: Journal, over: threading.Event) -> None:
    """One camera: pulses, and begins with their ends."""
    chance = random.Random(camera)
    is_open, n = False, 0
    while not over.wait(chance.expovariate(PER_S / len(CAMERAS))):
        n += 1
        is_pulse = chance.random() < 0.5
        phase: Any = "pulse" if is_pulse else "end" if is_open else "begin"
        is_open = is_open if is_pulse else not is_open
        tag = f"{camera}-{n}"
        journal.begun.append(tag)
        publisher.emit(
            Event(
                camera,
                "line_crossed" if is_pulse else "zone_entered",
                phase,
                datetime.now(timezone.utc),
                40,
                rule="any",
                key="" if is_pulse else "17",
                where=tag,
            )
        )
        journal.decided.add(tag)


def run(folder: Path, fault: Fault, fault_s: float, calm_s: float = 3.0) -> Outcome:
    """Break the line once, and judge."""
    journal, over = Journal(), threading.Event()
    with site(folder) as here:
        options = Options(url=f"mqtt://127.0.0.1:{here.relay.port}")
        publisher = open_publisher(folder / "storage", ORIGIN, [options], folder=folder)
        sink = publisher.outlets[0]
        assert isinstance(sink, MqttSink)
        cameras = [
            threading.Thread(target=emit_until, args=(publisher, camera, journal, over))
            for camera in CAMERAS
        ]
        try:
            assert eventually(lambda: sink.link.is_connected)
            for camera in cameras:
                camera.start()
            time.sleep(calm_s)
            fault.begin(here)
            n_waiting, end = 0, time.monotonic() + fault_s
            while time.monotonic() < end:
                n_waiting = max(n_waiting, publisher.stats.depth)
                time.sleep(0.05)
            fault.end(here)
            mended = time.monotonic()
            assert eventually(lambda: publisher.stats.depth < 5, 180.0), sink.link
            recovered_s = time.monotonic() - mended
            time.sleep(calm_s)
        finally:
            over.set()
            for camera in cameras:
                if camera.ident is not None:
                    camera.join()
        publisher.end_open("the run is over", datetime.now(timezone.utc))
        assert eventually(lambda: publisher.stats.depth == 0, 60.0), sink.link
        connections = sink.link.attempts
        publisher.close()
        time.sleep(0.5)
        verdict = judge(journal, here.listener.matching("/event/"), 0)
    return Outcome(fault.name, fault_s, verdict, n_waiting, connections, round(recovered_s, 1))


def main() -> int:
    """All faults, one after the other."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.outage", description=__doc__)
    parser.add_argument("--seconds", type=float, default=40.0, help="how long each fault lasts")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    rows = []
    is_kept = True
    for fault in FAULTS:
        with tempfile.TemporaryDirectory() as folder:
            outcome = run(Path(folder), fault, args.seconds)
        verdict = outcome.verdict
        is_kept = is_kept and verdict.is_kept
        rows.append(
            {
                "fault": outcome.fault,
                "seconds": outcome.fault_s,
                "decided": verdict.n_decided,
                "lost": len(verdict.missing) + len(verdict.gaps),
                "out_of_order": len(verdict.unordered),
                "unended": len(verdict.unended),
                "clashes": len(verdict.clashes),
                "duplicates": verdict.n_duplicates,
                "most_waiting": outcome.n_waiting,
                "connections": outcome.connections,
                "recovered_s": outcome.recovered_s,
            }
        )
        print(json.dumps(rows[-1]), flush=True)
    if args.json:
        args.json.write_text(json.dumps({"runs": rows}, indent=1) + "\n")
    return 0 if is_kept else 1


if __name__ == "__main__":
    raise SystemExit(main())
