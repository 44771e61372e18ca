"""`python -m tests.bench`: print all figures; with `--out FILE` keep them as JSON."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path

import cv2

from edge.detectors import Models
from edge.site.bench import describe, efficiency, stages_ms
from tests.conftest import shared_folder


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--clip", type=Path, help="a recording (default: the rendered street)")
    parser.add_argument("--model", default="yolox-nano")
    parser.add_argument("--engine", default="auto", help="kind of detector (default: auto)")
    parser.add_argument("--frames", type=int, default=400)
    parser.add_argument("--seconds", type=float, default=9.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, help="keep the figures here, as JSON")
    args = parser.parse_args()
    cv2.setNumThreads(1)  # as the daemon does: cameras are the parallelism
    shared = shared_folder()
    folders = [Path("models"), *([shared / "models"] if shared else [])]
    models = Models(folders)
    clip = args.clip or _street()
    result: dict[str, object] = {
        "measured": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": describe(),
        "clip": clip.name,
        "model": args.model,
        "engine": args.engine,
    }
    times = stages_ms(clip, models, args.model, args.frames, args.engine)
    result["stages, median ms"] = times
    for stage, ms in times.items():
        print(f"{stage:32} {ms:9.4f} ms")
    rows = []
    for n_cameras in (1, 4):
        row = asdict(
            efficiency(
                clip,
                models,
                args.model,
                n_cameras,
                args.seconds,
                rounds=args.rounds,
                kind=args.engine,
            )
        )
        rows.append(row)
        print("  ".join(f"{name}: {value:g}" for name, value in row.items()))
    result["efficiency"] = rows
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 0


def _street() -> Path:
    """The rendered street, made once."""
    from edge.demo.street import cached

    return cached(Path(".cache"))[0]


if __name__ == "__main__":
    sys.exit(main())
