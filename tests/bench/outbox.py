"""What delivery costs: the sustained rate to a real broker, and what a message waits on its way.

    python -m tests.bench.outbox --json result.json

On the disk of --folder, with 16 cameras and mosquitto on the loopback:

- sustained: all cameras emit as fast as they can; messages a second from the first `emit` to the
  last acknowledgement, and how many shared an fsync;
- calm: 50 events a second in all; what `emit` takes, and how long from `emit` to the subscriber;
- the disk itself: a write of 4 KiB and an fsync, beside it, in the same run.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from edge.event import Event, Sighting
from edge.message import Origin
from edge.sinks import Publisher, open_publisher
from edge.sinks.mqtt import Options
from tests.servers import Listener, eventually, mosquitto

N_CAMERAS = 16
CALM_S = 10.0
ORIGIN = Origin("bench", "outbox", "0" * 64)
EVENT = Event(
    camera="camera-0",
    kind="line_crossed",
    phase="pulse",
    at=datetime(2026, 1, 1, tzinfo=timezone.utc),
    clock_ms=40,
    rule="gate-in",
    where="gate",
    direction="right",
    objects=(Sighting(17, "person", 0.87, (0.412, 0.503, 0.061, 0.214)),),
    model="yolox-nano@3fa1c2d4",
)


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """Median, 95th and 99th, and the worst, in milliseconds."""
    cuts = statistics.quantiles(values, n=100)
    found = {"p50": cuts[49], "p95": cuts[94], "p99": cuts[98], "max": max(values)}
    return {name: round(1000 * value, 2) for name, value in found.items()}


def fsync_s(folder: Path, n: int = 100) -> list[float]:
    """What the disk alone takes for 4 KiB at the end of a file and an fsync."""
    taken = []
    with (folder / "probe").open("wb", buffering=0) as file:
        for _ in range(n):
            started = time.perf_counter()
            file.write(bytes(4096))
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - started)
    return taken


def emit_from(
    publisher: Publisher, camera: int, n: int, period_s: float, took: list[float]
) -> None:
    """Emit `n` events, one each `period_s`; 0 for as fast as it goes."""
    due = time.monotonic() + period_s * camera / N_CAMERAS
    for _ in range(n):
        if period_s:
            time.sleep(max(0.0, due - time.monotonic()))
            due += period_s
        event = replace(EVENT, camera=f"camera-{camera}", where=f"{time.perf_counter():.6f}")
        started = time.perf_counter()
        publisher.emit(event)
        took.append(time.perf_counter() - started)


def emit_all(publisher: Publisher, n_each: int, period_s: float) -> list[float]:
    """From all cameras at once; gives what each `emit` took."""
    took: list[float] = []
    threads = [
        threading.Thread(target=emit_from, args=(publisher, camera, n_each, period_s, took))
        for camera in range(N_CAMERAS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return took


class Stopwatch(Listener):
    """A subscriber that notes when each message came."""

    def __init__(self, port: int) -> None:
        self.took: list[float] = []
        super().__init__(port, "cctv/v1/+/+/camera/+/event/#")

    def _on_message(self, _client: Any, _data: object, got: Any) -> None:
        now = time.perf_counter()
        self.took.append(now - float(json.loads(got.payload)["where"]))


def measure(folder: Path, seconds: float) -> dict[str, Any]:
    """One run of everything."""
    figures: dict[str, Any] = {"n_cameras": N_CAMERAS, "fsync_ms": percentiles(fsync_s(folder))}
    # Without, the broker holds a message back until the subscriber's kernel has confirmed the last
    # one (Nagle), which a subscriber that says nothing does after 40 ms: not of our making.
    with mosquitto(folder, "allow_anonymous true", "set_tcp_nodelay true") as broker:
        options = Options(url=f"mqtt://127.0.0.1:{broker.port}")
        publisher = open_publisher(folder / "storage", ORIGIN, [options], folder=folder)
        assert eventually(lambda: publisher.outlets[0].link.is_connected)  # type: ignore[attr-defined]
        emit_all(publisher, 20, 0.0)  # warm
        eventually(lambda: publisher.stats.depth == 0)
        n_each = int(2500 * seconds / N_CAMERAS)
        started = time.perf_counter()
        took = emit_all(publisher, n_each, 0.0)
        emitted_s = time.perf_counter() - started
        eventually(lambda: publisher.stats.depth == 0, 60.0)
        sent_s = time.perf_counter() - started
        n = n_each * N_CAMERAS
        figures["sustained"] = {
            "n_messages": n,
            "seconds": round(sent_s, 2),
            "emitted_per_s": round(n / emitted_s),
            "delivered_per_s": round(n / sent_s),
            "emit_ms": percentiles(took),
        }
        watch = Stopwatch(broker.port)
        took = emit_all(publisher, int(50 * CALM_S / N_CAMERAS), N_CAMERAS / 50)
        eventually(lambda: publisher.stats.depth == 0)
        time.sleep(0.5)
        watch.close()
        figures["calm_50_per_s"] = {
            "emit_ms": percentiles(took),
            "emit_to_subscriber_ms": percentiles(watch.took),
        }
        publisher.close()
    return figures


def main() -> None:
    """Measure a few times, print and keep all runs."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.outbox")
    parser.add_argument("--folder", type=Path, help="on the disk to be measured")
    parser.add_argument("--seconds", type=float, default=10.0, help="of 2,500 messages each")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--pause-s", type=float, default=2.0, help="between runs")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    runs = []
    for _ in range(args.runs):
        with tempfile.TemporaryDirectory(dir=args.folder) as folder:
            runs.append(measure(Path(folder), args.seconds))
            print(json.dumps(runs[-1], indent=1))
            time.sleep(args.pause_s)
    if args.json:
        args.json.write_text(json.dumps({"runs": runs}, indent=1) + "\n")


if __name__ == "__main__":
    main()
