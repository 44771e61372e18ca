"""`edge check` on 64 cameras: the median wall time, and as a ratio to starting Python.

    python -m tests.bench.check [RUNS]

Bytecode is compiled first, as in an installed package; where PYTHONDONTWRITEBYTECODE is set and it
is not, every start compiles the package's sources anew. Prints one JSON object, which
`tests/bench/results/x86-2core-check.json` keeps.
"""

from __future__ import annotations

import compileall
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CAMERAS = 64
APPLIANCE = """\
version: 1
site: harbour
node: cabinet-017
mqtt: {url: "mqtt://127.0.0.1:1883", root: cctv}
storage: {path: var}
detectors:
  street: {kind: auto, model: yolox-nano, confidence: 0.35}
web: {listen: "127.0.0.1:8080"}
"""
CAMERA = """\
version: 1
camera: cam-%(n)02d
name: Camera %(n)d
source: {kind: rtsp, url: "rtsp://10.0.0.%(n)d:554/stream1", transport: tcp}
analyse: {detector: street, fps: 8, gate: motion}
zones:
  yard: [[0.10, 0.50], [0.90, 0.50], [0.90, 1.00], [0.10, 1.00]]
lines:
  gate: [[0.20, 0.80], [0.80, 0.80]]
masks:
  flats: [[0.0, 0.0], [0.3, 0.0], [0.3, 0.2], [0.0, 0.2]]
rules:
  - {name: gate-in, kind: line_crossing, line: gate, direction: right, classes: [person]}
  - {name: yard-entry, kind: zone_entry, zone: yard, classes: [person, car]}
  - {name: yard-loiter, kind: loitering, zone: yard, seconds: 30, classes: [person]}
"""


def folder(root: Path, n_cameras: int) -> Path:
    """A configuration folder that has nothing wrong with it."""
    (root / "cameras").mkdir(parents=True)
    (root / "appliance.yaml").write_text(APPLIANCE, encoding="utf-8")
    for n in range(n_cameras):
        (root / "cameras" / f"cam-{n:02}.yaml").write_text(CAMERA % {"n": n}, encoding="utf-8")
    return root


def timed(command: list[str]) -> tuple[float, float]:
    """Seconds of one run: on the clock, and of the processor."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    assert status == 0, f"{command} failed"
    return time.perf_counter() - begun, used.ru_utime + used.ru_stime


def main() -> None:
    """Take turns, so that what else the machine does falls on all alike."""
    compileall.compile_dir(Path(__file__).parents[2] / "edge", quiet=1)
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    python = [sys.executable]
    with tempfile.TemporaryDirectory() as place:
        check = [*python, "-m", "edge", "check", "--config"]
        commands = {
            "python": [*python, "-c", "pass"],
            "one_camera": [*check, str(folder(Path(place, "one"), 1))],
            f"{CAMERAS}_cameras": [*check, str(folder(Path(place, "many"), CAMERAS))],
        }
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for _ in range(runs):
            for name, command in commands.items():
                taken[name].append(timed(command))
    medians = {
        name: {
            "wall_s": round(statistics.median(wall for wall, _ in times), 3),
            "cpu_s": round(statistics.median(cpu for _, cpu in times), 3),
        }
        for name, times in taken.items()
    }
    ratio = medians[f"{CAMERAS}_cameras"]["cpu_s"] / medians["python"]["cpu_s"]
    print(json.dumps({"runs": runs, "median": medians, "to_python": round(ratio, 1)}, indent=1))


if __name__ == "__main__":
    main()
