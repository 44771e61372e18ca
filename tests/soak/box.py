"""The box: `edge run` as a process of its own, and what the kernel says of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.soak.film import LINE_X, ZONE_X
from tests.soak.room import NODE, ROOT, SITE

LOITER_S = 1.0
FPS = 8.0


@dataclass(frozen=True)
class Source:
    """One camera as the box is told of it.

    Attributes:
        camera: Its id.
        url: Its address.
        transport: `tcp` or `udp`.
    """

    camera: str
    url: str
    transport: str = "tcp"


@dataclass(frozen=True)
class Sample:
    """The process at one moment.

    Attributes:
        t: Monotonic, seconds.
        rss_mib: Resident memory.
        n_threads: Threads.
        n_fds: Open file descriptors.
        cpu_s: Processor time used since its start.
    """

    t: float
    rss_mib: float
    n_threads: int
    n_fds: int
    cpu_s: float


def configuration(
    folder: Path, sources: Sequence[Source], broker_port: int, *, gate: str = "motion"
) -> Path:
    """A box whose cameras all have the same line, zone and rules.

    The detector is `motion`: what it costs is small, and the processor is left to the cameras.
    """
    (folder / "cameras").mkdir(parents=True)
    appliance: dict[str, Any] = {
        "version": 1,
        "site": SITE,
        "node": NODE,
        "mqtt": {"url": f"mqtt://127.0.0.1:{broker_port}", "root": ROOT},
        "storage": {"path": str(folder / "var")},
        "detectors": {"street": {"kind": "motion"}},
    }
    (folder / "appliance.yaml").write_text(yaml.safe_dump(appliance))
    for source in sources:
        camera = {
            "version": 1,
            "camera": source.camera,
            "source": {"kind": "rtsp", "url": source.url, "transport": source.transport},
            "analyse": {"detector": "street", "fps": FPS, "gate": gate},
            "zones": {"right": [[ZONE_X, 0.0], [1.0, 0.0], [1.0, 1.0], [ZONE_X, 1.0]]},
            "lines": {"middle": [[LINE_X, 1.0], [LINE_X, 0.0]]},
            "rules": [
                {"name": "across", "kind": "line_crossing", "line": "middle"},
                {"name": "inside", "kind": "zone_entry", "zone": "right"},
                {
                    "name": "stays",
                    "kind": "loitering",
                    "zone": "right",
                    "seconds": LOITER_S,
                    "grace_seconds": 1.0,
                },
            ],
        }
        (folder / "cameras" / f"{source.camera}.yaml").write_text(yaml.safe_dump(camera))
    return folder


class Box:
    """`edge run` on a configuration folder; used as a context manager.

    Args:
        folder: The configuration.
        environment: On top of this process's own.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self.samples: list[Sample] = []
        self.output = folder / "output.txt"
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "edge", "run", "--config", str(folder)],
                stdout=output,
                stderr=output,
                env={**os.environ, **(environment or {})},
            )
        self._stopping = threading.Event()

    def __enter__(self) -> Box:  # noqa: PYI034  # typing.Self came with Python 3.11
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)

    @property
    def is_running(self) -> bool:
        """It has not ended."""
        return self.process.poll() is None

    def stop(self, timeout_s: float = 60.0) -> int:
        """SIGTERM, and its exit status.

        Raises:
            subprocess.TimeoutExpired: It would not stop.
        """
        self._stopping.set()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout_s)

    def sample_every(self, seconds: float) -> None:
        """Note `sample` again and again, in a thread, until it stops."""

        def run() -> None:
            while not self._stopping.wait(seconds):
                try:
                    self.samples.append(self.sample())
                except (OSError, KeyError):  # it has ended; whoever waits for it will say so
                    return

        threading.Thread(target=run, name="sampler", daemon=True).start()

    def sample(self) -> Sample:
        """What /proc says now.

        Raises:
            OSError: The process is gone.
        """
        place = Path("/proc", str(self.process.pid))
        lines = (place / "status").read_text().splitlines()
        status = dict(line.split(":", 1) for line in lines)
        # After the name, which may hold anything: fields 14 and 15 of proc(5) are the 12th, 13th.
        user, system = (place / "stat").read_text().rpartition(") ")[2].split()[11:13]
        return Sample(
            t=time.monotonic(),
            rss_mib=int(status["VmRSS"].split()[0]) / 1024,
            n_threads=int(status["Threads"]),
            n_fds=len(os.listdir(place / "fd")),  # noqa: PTH208  # the kernel's, not a folder
            cpu_s=(int(user) + int(system)) / os.sysconf("SC_CLK_TCK"),
        )
