"""What a gate saves and what it costs: `python -m tests.bench.gates`.

Each recording goes through a camera's own threads, as fast as it can be read, once with `always`
and once with `motion`: pictures analysed, times the detector looked, packets never decoded, CPU
seconds, and the events that are missing, additional or later than with `always`.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import yaml

from edge.config.schema import Camera as CameraOptions
from edge.demo.setting import setting
from edge.demo.street import cached
from edge.detectors import Engine, Models, unbatched
from edge.detectors.onnx import Options as OnnxOptions
from edge.event import Event
from edge.runtime.camera import Camera, Reports
from edge.runtime.reader import Reader
from edge.runtime.wiring import pipeline_of
from edge.sources.file import Options as FileOptions
from tests.conftest import REPOSITORY, shared_folder


def run(options: CameraOptions, clip: Path, engine: Engine, gate: str) -> dict[str, Any]:
    """One recording through one camera."""
    changed = options.model_dump(mode="json") | {"source": {"kind": "file", "path": str(clip)}}
    changed["analyse"]["gate"] = {"kind": gate}
    options = CameraOptions.model_validate(changed, strict=False)
    events: list[Event] = []
    source = FileOptions(kind="file", path=clip, realtime=False)
    camera = Camera(
        options.camera,
        Reader(options.camera, source),
        pipeline_of(options, engine),
        fps=options.analyse.fps,
        reports=Reports(events.append, lambda *_: None, lambda *_: None),
    )
    began = time.process_time()
    camera.start()
    while not camera.reader.has_ended or camera.status.why != "the recording ended":
        time.sleep(0.02)
    cpu = time.process_time() - began
    camera.stop("the end")
    return {
        "frames": camera.counters.n_frames,
        "looked": camera.counters.n_looked,
        "passed": camera.counters.n_passed,
        "cpu": cpu,
        "events": [e for e in events if e.rule and e.phase in ("pulse", "begin")],
    }


def compared(always: list[Event], gated: list[Event]) -> tuple[int, int, float]:
    """Events missing, additional, and the longest delay of a match in seconds of scene time."""
    left = list(gated)
    missing, latest = 0, 0.0
    for event in always:
        match = next(
            (
                other
                for other in left
                if (other.rule, other.direction) == (event.rule, event.direction)
                and abs((other.at - event.at).total_seconds()) <= 2.0
            ),
            None,
        )
        if match is None:
            missing += 1
        else:
            left.remove(match)
            latest = max(latest, (match.at - event.at).total_seconds())
    return missing, len(left), latest


def main() -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.gates", description=__doc__)
    parser.add_argument("--model", default="yolox-nano")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    shared = shared_folder()
    if shared is None:
        print("no shared material: set EDGE_SHARED", file=sys.stderr)
        return 3
    engine = OnnxOptions(kind="onnx", model=args.model).engine(
        Models([shared / "models"]), unbatched
    )
    street, _ = cached(Path(".cache"))
    cases = [
        (street, setting({"kind": "file", "path": "x"}, Path(), 1883, is_street=True).cameras[0])
    ]
    for path in sorted((REPOSITORY / "tests" / "truth").glob("*.yaml")):
        truth = yaml.safe_load(path.read_text(encoding="utf-8"))
        cases.append((shared / "clips" / truth["clip"], _camera(truth)))
    print("| clip | gate | analysed | looked | not decoded | CPU s | missing | extra | later |")
    print("|---|---|---|---|---|---|---|---|---|")
    for clip, options in cases:
        always = run(options, clip, engine, "always")
        for gate, found in (("always", always), ("motion", run(options, clip, engine, "motion"))):
            missing, extra, later = compared(always["events"], found["events"])
            print(
                f"| {clip.stem} | {gate} | {found['frames']} | {found['looked']} | "
                f"{found['passed']} | {found['cpu']:.1f} | {missing} of {len(always['events'])} | "
                f"{extra} | {later:.2f} s |"
            )
    engine.close()
    return 0


def _camera(truth: dict[str, Any]) -> CameraOptions:
    line = truth["line"]
    return CameraOptions.model_validate(
        {
            "version": 1,
            "camera": "bench",
            "source": {"kind": "file", "path": truth["clip"]},
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


if __name__ == "__main__":
    sys.exit(main())
