"""`python -m tests.bench.accuracy`: mAP on coco-dev, against a plain reference and a precision.

First our whole path in float against the authors' own preprocessing done plainly with OpenCV; then
each engine in each of its precisions, and each file given with `--int8 NAME=FILE` (of several,
`NAME:WORDS=FILE`), against our float. Nothing is held against a limit here;
`pytest -m bench tests/unit/workbench/test_reference_map.py` does that.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

from edge.detectors import Models
from edge.site.bench import describe
from edge.workbench.annotations import Annotations
from edge.workbench.engines import opened, with_weights
from edge.workbench.evaluate import evaluate
from tests.bench.detectors import can, given_files, on_openvino, precisions
from tests.conftest import shared_folder
from tests.unit.workbench.test_reference_map import deim, scores, yolox

PLAINLY = {"yolox-nano": yolox, "deimv2-femto": deim}


def main() -> int:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.accuracy", description=__doc__)
    parser.add_argument("--int8", action="append", default=[], metavar="NAME=FILE")
    parser.add_argument("--out", type=Path, help="keep the figures here, as JSON")
    args = parser.parse_args()
    shared = shared_folder()
    if shared is None:
        parser.error("expected pictures and weights in ../shared or $EDGE_SHARED, got none")
    models, int8 = Models([Path("models"), shared / "models"]), given_files(args.int8)
    folder = shared / "images" / "coco-dev"
    annotations = Annotations(folder / "instances.json")
    rows: list[dict[str, str | float | None]] = []
    for name, plainly in PLAINLY.items():
        ours, plain = scores(shared, name, plainly, every=1)
        rows.append({"model": name, "engine": "plain reference, f32", "mAP": round(plain, 2)})
        rows.append({"model": name, "engine": "onnx f32", "mAP": round(ours, 2)})
        for words, file in {"f32": models.find(name), **int8.get(name, {})}.items():
            for kind, precision in (("onnx", None), *(("openvino", each) for each in precisions())):
                if (kind, words) == ("onnx", "f32"):
                    continue
                with (
                    with_weights(models.card(name), file, models) as candidate,
                    opened(kind, name, candidate, precision=precision) as engine,
                ):
                    found = evaluate(engine, annotations, folder).map
                assert found is not None
                rows.append(
                    {
                        "model": name,
                        "engine": on_openvino(words, precision) if precision else f"onnx {words}",
                        "mAP": round(found, 2),
                        "lost against onnx f32": round(ours - found, 2),
                    }
                )
    for row in rows:
        print("  " + ", ".join(f"{key}: {value}" for key, value in row.items()))
    if args.out:
        machine = {**describe(), "openvino": version("openvino"), "can": can()}
        result = {
            "measured": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "machine": machine,
            "pictures": "coco-dev: 200 of COCO val2017",
            "mAP 50-95": rows,
        }
        args.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
