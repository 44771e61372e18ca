"""What the motion gate saves and what it costs: `python -m tests.bench.gates`.

Recordings packet by packet through attention, gate, detector, tracker and rules, against `always`;
quiet scenes under rain, wind and changing light with somebody who walks in; what packet sizes
foretell; and each setting of the gate in turn. `--svg FILE` draws the trade-off.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import yaml

from edge.config.schema import Camera as CameraOptions
from edge.demo.setting import setting
from edge.demo.street import cached
from edge.detectors import Engine, Models, unbatched
from edge.detectors.onnx import Options as OnnxOptions
from edge.gates.motion import Options as MotionOptions
from tests.bench.gate_curve import Point, drawn
from tests.bench.gate_runs import Remembering, Run, compared, run
from tests.bench.packet_sizes import foretold, recoded
from tests.conftest import REPOSITORY, shared_folder
from tests.scenes.disturbances import PASSING, QUIET, Picture
from tests.scenes.quiet import FPS, Quiet, encoded, frame, remembered, watch

ALWAYS = {"kind": "always"}
DEFAULT: dict[str, Any] = MotionOptions().model_dump()
TURNED: dict[str, tuple[float, ...]] = {
    "changed": (0.0002, 0.0008, 0.002, 0.005, 0.012),
    "look_seconds": (1.0, 2.0, 5.0, 10.0, 30.0, 60.0),
    "linger_seconds": (0.0, 0.5, 1.0, 2.0, 4.0),
}
WALK_AT, END = 64.3, 74.3


@dataclass
class Case:
    """One recording, the camera that watches it, and its detector's answers."""

    clip: Path
    camera: CameraOptions
    engine: Remembering
    always: Run


def clips_table(cases: Sequence[Case]) -> None:
    """Each recording with `always` and with the default."""
    _head("clip", "gate", "analysed", "looked", "passed over", "CPU s", "inference s", "missing",
          "extra", "later", "sent later")  # fmt: skip
    for case in cases:
        look_s = case.engine.cpu_s / case.engine.n_computed
        gated = run(case.camera, case.clip, case.engine, DEFAULT)
        for gate, found in (("always", case.always), ("motion", gated)):
            missing, extra, later = compared(case.always, found)
            print(
                f"| {case.clip.stem} | {gate} | {found.n_analysed} | {found.n_looked} | "
                f"{found.n_passed} | {found.cpu_s:.1f} | {found.n_looked * look_s:.1f} | "
                f"{missing} of {len(case.always.events)} | {extra} | {later:.2f} s | "
                f"{found.latest_s:.2f} s |",
                flush=True,
            )


def quiet_table(still: Picture, settings: Sequence[dict[str, Any]]) -> list[list[float]]:
    """Nobody for a minute, then somebody for ten seconds, under each disturbance.

    Returns:
        For each setting: looks as a share of those of `always` while nobody is there, and the
        share of the walker's pictures that were not looked at, both over all `QUIET` scenes.
    """
    _head("quiet scene", "decoded whole", "looks a minute", "walker seen", "first after")
    totals = [[0.0, 0.0] for _ in settings]
    for name, disturbance in {**QUIET, **PASSING}.items():
        luma = remembered(Quiet(still, disturbance, walk_at=WALK_AT))
        for number, options in enumerate(settings):
            looks = watch(MotionOptions.model_validate(options).build(), luma, END + 1)
            nobody = looks.looks(10.0, 60.0)
            walker = looks.looks(WALK_AT, END)
            n_walker = len(walker) / ((END - WALK_AT) * FPS)
            if name in QUIET:
                totals[number][0] += len(nobody) / (50 * FPS) / len(QUIET)
                totals[number][1] += max(0.0, 1 - n_walker) / len(QUIET)
            if number == 0:
                first = f"{walker[0] - WALK_AT:.2f} s" if walker else "never"
                print(
                    f"| {name} | {looks.awake_share(10.0, 60.0):.0%} | "
                    f"{len(nobody) / 50 * 60:.0f} | {min(1.0, n_walker):.0%} | {first} |",
                    flush=True,
                )
    return totals


def curve(cases: Sequence[Case], still: Picture) -> dict[str, list[Point]]:
    """Turn one setting at a time; the others stay at their default."""
    turned = [(name, value) for name, values in TURNED.items() for value in values]
    settings = [DEFAULT, *(DEFAULT | {name: value} for name, value in turned)]
    quiet = quiet_table(still, settings)[1:]
    _head("setting", "value", "analysed", "looked", "CPU s", "missing", "sent later",
          "quiet: looked", "quiet: walker unseen")  # fmt: skip
    points: dict[str, list[Point]] = {name: [] for name in TURNED}
    n_always = sum(case.always.n_looked for case in cases)
    n_events = sum(len(case.always.events) for case in cases)
    for (name, value), (n_quiet, unseen) in zip(turned, quiet, strict=True):
        n_analysed = n_looked = missing = 0
        cpu_s = latest_s = 0.0
        for case in cases:
            found = run(case.camera, case.clip, case.engine, DEFAULT | {name: value})
            n_analysed += found.n_analysed
            n_looked += found.n_looked
            missing += compared(case.always, found)[0]
            cpu_s += found.cpu_s + found.n_looked * case.engine.cpu_s / case.engine.n_computed
            latest_s = max(latest_s, found.latest_s)
        print(f"| `{name}` | {value:g} | {n_analysed} | {n_looked} | {cpu_s:.1f} | "
              f"{missing} of {n_events} | {latest_s:.1f} s | {n_quiet:.1%} | {unseen:.0%} |",
              flush=True)  # fmt: skip
        lost = max(missing / n_events, unseen)
        points[name].append(Point(value, n_looked / n_always, n_quiet, lost))
    return points


def sizes_table(shared: Path, still: Picture) -> None:
    """Real recordings and drawn scenes, a keyframe every 2 s, at constant quality and rate."""
    _head("source", "encoded at", "movements told in time", "false stirs", "in quiet")
    rates = (None, 500)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "camera.mp4"
        for name, fps in (("car-detection", 12), ("one-by-one-person-detection", 10)):
            for kbit_s in rates:
                clip = shared / "clips" / f"{name}.mp4"
                _sizes_row(name, recoded(clip, path, fps=fps, kbit_s=kbit_s, seconds=70), kbit_s)
        for name in ("noise", "tree", "night"):
            scene = Quiet(still, QUIET[name], walk_at=35.3)
            for kbit_s in rates:
                clip = encoded(path, scene, 45, fps=12, gop=24, kbit_s=kbit_s)
                _sizes_row(f"drawn: {name}", clip, kbit_s)


def _sizes_row(name: str, clip: Path, kbit_s: int | None) -> None:
    found = foretold(clip)
    rate = "quality" if kbit_s is None else f"{kbit_s} kbit/s"
    print(f"| {name} | {rate} | {found.n_told} of {found.n_movements} | {found.n_false} | "
          f"{found.quiet_s:.0f} s |", flush=True)  # fmt: skip


def look_ms() -> float:
    """Milliseconds of one look of the gate at 1080p, decoding left out; median of 500."""
    random = np.random.default_rng(0)
    lumas = [random.integers(100, 130, (1080, 1920)).astype(np.uint8) for _ in range(4)]
    gate, taken = MotionOptions().build(), []
    for number in range(500):
        picture = frame(lumas[number % 4], number / FPS)
        began = time.perf_counter()
        gate.is_open(picture, is_following=False)
        taken.append(time.perf_counter() - began)
    return 1000 * float(np.median(taken))


def cases_of(shared: Path, engine: Engine) -> list[Case]:
    """The rendered street, then every clip there is."""
    street, _ = cached(Path(".cache"))
    cameras = [
        (street, setting({"kind": "file", "path": "x"}, Path(), 1883, is_street=True).cameras[0])
    ]
    truths = {}
    for path in sorted((REPOSITORY / "tests" / "truth").glob("*.yaml")):
        truth = yaml.safe_load(path.read_text(encoding="utf-8"))
        truths[truth["clip"]] = truth["line"]
    cameras += [
        (clip, _camera(truths.get(clip.name, [[0.1, 0.6], [0.9, 0.6]])))
        for clip in sorted((shared / "clips").glob("*.mp4"))
    ]
    cases = []
    for clip, camera in cameras:
        remembering = Remembering(engine)
        cases.append(Case(clip, camera, remembering, run(camera, clip, remembering, ALWAYS)))
    return cases


def _head(*columns: str) -> None:
    print(f"\n| {' | '.join(columns)} |\n{'|---' * len(columns)}|")


def _camera(line: list[list[float]]) -> CameraOptions:
    return CameraOptions.model_validate(
        {
            "version": 1,
            "camera": "bench",
            "source": {"kind": "file", "path": "x"},
            "analyse": {"detector": "street", "fps": 8},
            "lines": {"line": line},
            "zones": {"middle": [[0.2, 0.2], [0.8, 0.2], [0.8, 0.98], [0.2, 0.98]]},
            "rules": [
                {"name": "crossing", "kind": "line_crossing", "line": "line"},
                {"name": "entry", "kind": "zone_entry", "zone": "middle"},
            ],
        },
        strict=False,
    )


def main() -> int:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.gates", description=__doc__)
    parser.add_argument("--model", default="yolox-nano")
    parser.add_argument("--svg", type=Path, help="where to draw the trade-off")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    shared = shared_folder()
    if shared is None:
        print("no shared material: set EDGE_SHARED", file=sys.stderr)
        return 3
    engine = OnnxOptions(kind="onnx", model=args.model).engine(
        Models([shared / "models"]), unbatched
    )
    print(f"one look of the gate at 1080p: {look_ms():.3f} ms")
    cases = cases_of(shared, engine)
    with av.open(str(cases[0].clip)) as street:
        picture = next(street.decode(video=0)).to_ndarray(format="gray")
    still = cv2.resize(picture, (640, 360), interpolation=cv2.INTER_AREA).astype(np.float32)
    clips_table(cases)
    points = curve(cases, still)
    sizes_table(shared, still)
    if args.svg:
        args.svg.write_text(drawn(points, DEFAULT), encoding="utf-8")
    engine.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
