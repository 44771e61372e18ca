"""Idle cameras: what one more of them costs this box, in the daemon's own service.

The service is the daemon's, with everything but an MQTT connection: engine, reader and watcher
threads, gates, rules, outbox. The cameras are simulated ones on loopback, in another process whose
cost is not counted. They show a still street with sensor noise, and nobody passes.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge.config import Config
from edge.config.schema import Appliance, Camera
from edge.demo.rtsp import RtspCameras
from edge.demo.street import DEMO_LINE, DEMO_ZONE, Scene
from edge.demo.street import Camera as Lens
from edge.errors import SourceLost
from edge.runtime.service import Service, origin_of
from edge.sinks import open_publisher
from edge.site._usage import Usage, process_cpu_s, usage

STREET = Scene(camera=Lens(width=1920, height=1080), seconds=20.0, walks=(), drives=())
"""Empty, 1080p, 15 pictures a second, a keyframe every two; 2 Mbit/s, which the noise fills."""

START_S = 60.0
"""Longest wait for all cameras; 32 of them are there within 10 s."""

SAMPLE_S = 1.0
MIB = 2**20

Say = Callable[[str], None]


@dataclass(frozen=True)
class Idle:
    """What was measured; processor time is in cores, 1.0 being one core fully busy.

    Attributes:
        cameras: How many.
        trouble: Why they watched with less than was asked for; empty if they did not.
        start_s: From loading the engine until all were watching. A simulated camera, like a real
            one, makes each wait for its next keyframe.
        seconds: How long was measured, after settling.
        mbit_s: Of one camera.
        keyframe_s: Time between keyframes.
        packets_s: Arrived a second, all cameras.
        analysed_s: Pictures analysed a second, all cameras; while idle all are keyframes.
        looked_s: Looks of the detector a second, all cameras.
        undecoded: Share of packets that were kept and not decoded.
        n_skipped: Packets lost to a watcher that fell behind.
        n_events: Events, those of the box's own honesty among them.
        cpu_demux: Of the reader threads.
        cpu_gate: Of the watcher threads: keyframes decoded, gate, looks without inference.
        cpu_engine: Of the engine's thread and everything else in the process.
        cpu_servers: Of the simulated cameras; counted nowhere.
        per_core: Cameras one core carries, extrapolated: `cameras / (cpu_demux + cpu_gate)`.
        per_core_all: The same with the engine and everything else counted.
        mib_each: Memory one more camera takes beyond the ring; None for a single camera.
        ring_mib_each: Packets kept of one camera, at the end.
        slope_kib_s: Growth of memory beyond the rings, all cameras.
        n_threads: At the end.
        n_handles: Open files and sockets at the end.
        n_threads_more: Threads that came while it was measured.
        n_handles_more: Open files and sockets that came while it was measured.
    """

    cameras: int
    trouble: str
    start_s: float
    seconds: float
    mbit_s: float
    keyframe_s: float
    packets_s: float
    analysed_s: float
    looked_s: float
    undecoded: float
    n_skipped: int
    n_events: int
    cpu_demux: float
    cpu_gate: float
    cpu_engine: float
    cpu_servers: float
    per_core: float
    per_core_all: float
    mib_each: float | None
    ring_mib_each: float
    slope_kib_s: float
    n_threads: int
    n_handles: int
    n_threads_more: int
    n_handles_more: int


@dataclass(frozen=True)
class Moment:
    """The process and its cameras at one time."""

    usage: Usage
    ring_bytes: int
    counters: Counter[str]

    @property
    def beyond_rings(self) -> int:
        """Bytes of the process without the packets it keeps."""
        return self.usage.rss_bytes - self.ring_bytes


def measure(
    clip: Path, n_cameras: int, model: str, box: Path, *, settle_s: float, seconds: float, say: Say
) -> Idle:
    """Run the cameras and measure.

    Args:
        clip: What they show.
        n_cameras: How many.
        model: Name of the detector's card.
        box: Storage of this box, for its weights and engines; nothing else of it is touched.
        settle_s: Time between all watching and the measurement.
        seconds: Length of the measurement.
        say: Takes what goes on, in words.

    Raises:
        SourceLost: A camera did not come up.
        InputError: The clip cannot be served.
    """
    with RtspCameras(clip, n_cameras) as cameras:
        alone = None
        if n_cameras > 1:
            say("1 idle camera, for what the first of them takes")
            with _watched(cameras, 1, model, box) as (service, _):
                time.sleep(settle_s)
                alone = _moment(service)
        say(f"{n_cameras} idle cameras: starting")
        with _watched(cameras, n_cameras, model, box) as (service, start_s):
            say(f"all watching after {start_s:.1f} s; settling for {settle_s:g} s")
            time.sleep(settle_s)
            say(f"measuring for {seconds:g} s")
            served_s = process_cpu_s(cameras.process.pid)
            moments = list(_moments(service, seconds))
            served_s = process_cpu_s(cameras.process.pid) - served_s
            trouble = next((c.status.why for c in service.cameras if c.status.why), "")
        return _idle(
            cameras, n_cameras, moments, alone, trouble=trouble, start_s=start_s, served_s=served_s
        )


@contextmanager
def _watched(
    cameras: RtspCameras, n_cameras: int, model: str, box: Path
) -> Iterator[tuple[Service, float]]:
    """The daemon's service with all cameras watching, and the seconds that took."""
    with tempfile.TemporaryDirectory(prefix="edge-bench-") as storage:
        for name in ("models", "engines"):
            if (box / name).is_dir():
                (Path(storage) / name).symlink_to((box / name).absolute())
        config = _config(cameras, n_cameras, model, Path(storage))
        publisher = open_publisher(Path(storage), origin_of(config), [], folder=config.folder)
        service = Service(config, publisher)
        began = time.monotonic()
        service.start()
        try:
            while lost := [c for c in service.cameras if c.status.state == "lost"]:
                if time.monotonic() - began > START_S:
                    raise SourceLost(
                        f"{len(lost)} of {n_cameras} simulated cameras did not come up within "
                        f"{START_S:.0f} s; the first says: {lost[0].status.why}"
                    )
                time.sleep(0.02)
            yield service, time.monotonic() - began
        finally:
            service.stop("the benchmark ended")
            publisher.close()


def _config(cameras: RtspCameras, n_cameras: int, model: str, storage: Path) -> Config:
    """What a technician would write for these cameras."""
    appliance: dict[str, Any] = {
        "version": 1,
        "site": "bench",
        "node": "this-machine",
        "mqtt": {"url": "mqtt://127.0.0.1"},  # never opened: the publisher is told of no sink
        "storage": {"path": str(storage)},
        "detectors": {"street": {"kind": "auto", "model": model}},
    }
    each = [
        {
            "version": 1,
            "camera": f"camera-{number}",
            "source": {"kind": "rtsp", "url": cameras.url(number)},
            "analyse": {"detector": "street", "fps": 8, "gate": "motion"},
            "lines": {"line": DEMO_LINE},
            "zones": {"zone": DEMO_ZONE},
            "rules": [
                {"name": "crossing", "kind": "line_crossing", "line": "line"},
                {"name": "entry", "kind": "zone_entry", "zone": "zone"},
            ],
        }
        for number in range(n_cameras)
    ]
    return Config(
        folder=storage,
        appliance=Appliance.model_validate_json(json.dumps(appliance)),
        cameras=tuple(Camera.model_validate_json(json.dumps(camera)) for camera in each),
        sha256=hashlib.sha256(json.dumps([appliance, each]).encode()).hexdigest(),
    )


def _moments(service: Service, seconds: float) -> Iterator[Moment]:
    """One every second, the first at once and the last at the end."""
    end = time.monotonic() + seconds
    yield _moment(service)
    while (left_s := end - time.monotonic()) > 0:
        time.sleep(min(SAMPLE_S, left_s))
        yield _moment(service)


def _moment(service: Service) -> Moment:
    counters: Counter[str] = Counter()
    ring_bytes = 0
    for camera in service.cameras:
        counters.update({name: int(value) for name, value in camera.figures().items()})
        feed = camera.reader.next_feed(None, 0)
        ring_bytes += 0 if feed is None else feed.ring.n_bytes
    return Moment(usage(), ring_bytes, counters)


def _idle(
    cameras: RtspCameras,
    n_cameras: int,
    moments: list[Moment],
    alone: Moment | None,
    *,
    trouble: str,
    start_s: float,
    served_s: float,
) -> Idle:
    first, last = moments[0], moments[-1]
    seconds = last.usage.at - first.usage.at
    cpu = {
        group: (cpu_s - first.usage.cpu_s[group]) / seconds
        for group, cpu_s in last.usage.cpu_s.items()
    }
    counted = last.counters - first.counters  # what did not rise is not in it, and reads as 0
    slope, _ = np.polyfit([m.usage.at for m in moments], [m.beyond_rings for m in moments], 1)
    each = None
    if alone is not None:
        each = (last.beyond_rings - alone.beyond_rings) / (n_cameras - 1) / MIB
    engine = cpu["engine"] + cpu["other"]
    return Idle(
        cameras=n_cameras,
        trouble=trouble,
        start_s=start_s,
        seconds=seconds,
        mbit_s=cameras.mbit_s,
        keyframe_s=cameras.keyframe_s,
        packets_s=counted["packets"] / seconds,
        analysed_s=counted["frames"] / seconds,
        looked_s=counted["looked"] / seconds,
        undecoded=counted["passed"] / max(1, counted["packets"]),
        n_skipped=counted["skipped"],
        n_events=counted["events"],
        cpu_demux=cpu["demux"],
        cpu_gate=cpu["gate"],
        cpu_engine=engine,
        cpu_servers=served_s / seconds,
        per_core=n_cameras / (cpu["demux"] + cpu["gate"]),
        per_core_all=n_cameras / (cpu["demux"] + cpu["gate"] + engine),
        mib_each=each,
        ring_mib_each=last.ring_bytes / n_cameras / MIB,
        slope_kib_s=float(slope) / 1024,
        n_threads=last.usage.n_threads,
        n_handles=last.usage.n_handles,
        n_threads_more=last.usage.n_threads - first.usage.n_threads,
        n_handles_more=last.usage.n_handles - first.usage.n_handles,
    )
