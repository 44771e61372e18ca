"""`python -m tests.bench.detectors`: engines side by side, and what is around them.

All engines of a table take turns, run by run, so that a ratio holds on a noisy machine. Two times
are given: milliseconds a caller waits, and milliseconds of processor time, which other programs
disturb less. Nothing is held against a limit here.

`--int8 NAME=FILE` measures a quantised file beside the float one of that model; of several, each is
called by the words of `--int8 NAME:WORDS=FILE`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any, Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.detectors import Backend, Models, Tensor
from edge.detectors._card import Card, Input
from edge.detectors._heads import Head, detr, yolo, yolox
from edge.detectors._preprocess import Canvas
from edge.detectors.onnx import OnnxBackend
from edge.detectors.openvino import OpenvinoBackend
from edge.site.bench import describe
from tests.conftest import shared_folder
from tests.unit.detectors.tiny_model import frame

MODELS = ("yolox-nano", "deimv2-femto")
Row: TypeAlias = dict[str, str | int | float]
Work: TypeAlias = Callable[[], object]
Others: TypeAlias = dict[str, dict[str, Path]]
"""Further files of a model, by its name and what they are called."""


def take_turns(works: dict[str, Work], rounds: int) -> dict[str, tuple[float, float]]:
    """Median wall and processor milliseconds of each work, after two rounds to warm up."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    for _ in range(rounds + 2):
        for name, work in works.items():
            wall, cpu = time.perf_counter(), time.process_time()
            work()
            times[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return {
        name: (1e3 * median(w for w, _ in rows[2:]), 1e3 * median(c for _, c in rows[2:]))
        for name, rows in times.items()
    }


def inputs_of(card: Card, n: int = 1) -> dict[str, Tensor]:
    """Noise in the range the network expects."""
    width, height = card.input.size_wh
    noise = np.random.default_rng(0).integers(0, 256, (n, 3, height, width))
    inputs: dict[str, Tensor] = {card.tensors.image: (noise * card.input.scale).astype(np.float32)}
    if card.tensors.size is not None:
        inputs[card.tensors.size] = np.array([card.input.size_wh] * n, np.int64)
    return inputs


def engines(models: Models, int8: Others, n_threads: int, rounds: int) -> list[Row]:
    """One picture on each engine, precision and model."""
    rows: list[Row] = []
    for name in MODELS:
        path, card = models.find(name), models.card(name)
        backends: dict[str, Backend] = {}
        for words, file in {"f32": path, **int8.get(name, {})}.items():
            told: dict[str, Any] = {"path": file, "card": card, "threads": n_threads}
            backends[f"onnx {words}"] = OnnxBackend(**told)
            for precision in precisions():
                label = on_openvino(words, precision)
                backends[label] = OpenvinoBackend(**told, precision=precision)
        inputs = inputs_of(card)
        times = take_turns(
            {label: lambda b=b: b.run(inputs) for label, b in backends.items()},  # type: ignore[misc]  # noqa: B023
            rounds,
        )
        wall_one, cpu_one = times["onnx f32"]
        for label, (wall, cpu) in times.items():
            rows.append(
                {
                    "model": name,
                    "threads": n_threads,
                    "engine": label,
                    "ms": round(wall, 2),
                    "processor ms": round(cpu, 2),
                    "times as fast as onnx": round(wall_one / wall, 2),
                    "by processor time": round(cpu_one / cpu, 2),
                }
            )
        for backend in backends.values():
            backend.close()
    return rows


def overhead(models: Models, rounds: int) -> list[Row]:
    """What a call costs beyond the library's own run of the same tensors."""
    rows: list[Row] = []
    for name in MODELS:
        path, card = models.find(name), models.card(name)
        inputs = inputs_of(card)
        onnx = OnnxBackend(path, card, threads=1)
        session = onnx._session
        assert session is not None
        openvino = OpenvinoBackend(path, card, threads=1)
        pairs: dict[str, tuple[Work, Work]] = {
            "onnx": (lambda: onnx.run(inputs), lambda: session.run(None, inputs)),  # noqa: B023
            "openvino": (
                lambda: openvino.run(inputs),  # noqa: B023
                lambda: openvino._single.infer(inputs),  # noqa: B023
            ),
        }
        for kind, (ours, own) in pairs.items():
            times = take_turns({"ours": ours, "own": own}, rounds)
            (_, cpu_ours), (_, cpu_own) = times["ours"], times["own"]
            rows.append(
                {
                    "model": name,
                    "engine": kind,
                    "library's run, processor ms": round(cpu_own, 3),
                    "our call, processor ms": round(cpu_ours, 3),
                    "overhead %": round(100 * (cpu_ours / cpu_own - 1), 2),
                }
            )
    return rows


def batching(models: Models, n_threads: int, rounds: int) -> list[Row]:
    """Milliseconds a picture in runs of 1, 2, 4 and 8: what several cameras get."""
    rows: list[Row] = []
    for name in MODELS:
        path, card = models.find(name), models.card(name)
        backends: dict[str, Backend] = {
            "onnx f32": OnnxBackend(path, card, threads=n_threads),
            "openvino auto": OpenvinoBackend(path, card, threads=n_threads),
        }
        many = {n: inputs_of(card, n) for n in (1, 2, 4, 8)}
        works: dict[str, Work] = {
            f"{label} {n}": lambda b=backend, n=n: b.run(many[n])  # type: ignore[misc]  # noqa: B023
            for n in many
            for label, backend in backends.items()
        }
        times = take_turns(works, rounds)
        for n in many:
            for label, backend in backends.items():
                wall, cpu = times[f"{label} {n}"]
                wall_one, _ = times[f"{label} 1"]
                wall_onnx, cpu_onnx = times[f"onnx f32 {n}"]
                rows.append(
                    {
                        "model": name,
                        "engine": label,
                        "threads": n_threads,
                        "pictures at a time": backend.max_batch,
                        "pictures in a run": n,
                        "ms a picture": round(wall / n, 2),
                        "processor ms a picture": round(cpu / n, 2),
                        "gain": round(wall_one * n / wall, 2),
                        "times as fast as onnx": round(wall_onnx / wall, 2),
                        "by processor time": round(cpu_onnx / cpu, 2),
                    }
                )
        for backend in backends.values():
            backend.close()
    return rows


def heads(rounds: int) -> list[Row]:
    """Decoding and suppression with 300 candidates above the confidence, and with none."""
    rng = np.random.default_rng(0)
    size, n_labels, n_sure = (640, 640), 80, 300
    made: dict[str, tuple[Head, dict[str, NDArray[np.generic]]]] = {}
    grid = np.zeros((1, 8400, 85), np.float32)
    grid[..., 4:] = rng.random((1, 8400, 81)) * 0.3
    sure = rng.choice(8400, n_sure, replace=False)
    grid[0, sure, 4] = 0.9
    grid[0, sure, 5 + rng.integers(0, 80, n_sure)] = 0.95
    made["yolox"] = yolox.Head(size, n_labels), {"grid": grid}
    columns = (rng.random((1, 84, 8400)) * 0.3).astype(np.float32)
    columns[:, :4] = rng.uniform(20, 600, (1, 4, 8400))
    columns[0, 4 + rng.integers(0, 80, n_sure), sure] = 0.9
    made["yolo grid"] = yolo.Grid(size, n_labels), {"grid": columns}
    rows300 = rng.uniform(0, 600, (1, 300, 6)).astype(np.float32)
    rows300[..., 4], rows300[..., 5] = 0.9, 3
    made["yolo end to end"] = yolo.EndToEnd(size, n_labels), {"objects": rows300}
    made["detr deployed"] = (
        detr.Deployed(size, n_labels),
        {
            "labels": rng.integers(0, 80, (1, 300)),
            "boxes": rows300[..., :4],
            "scores": np.full((1, 300), 0.9, np.float32),
        },
    )
    logits = np.full((1, 300, n_labels), -6, np.float32)
    logits[0, np.arange(300), rng.integers(0, n_labels, 300)] = 2
    made["detr raw"] = (
        detr.Raw(size, n_labels),
        {"boxes": rng.random((1, 300, 4)).astype(np.float32), "logits": logits},
    )
    works: dict[str, Work] = {}
    for name, (head, outputs) in made.items():
        assert name.startswith("yolo") or len(head.decode(outputs, 0.35).xyxy) == n_sure
        works[f"{name}, 300 candidates"] = lambda h=head, o=outputs: h.decode(o, 0.35)  # type: ignore[misc]
        works[f"{name}, none"] = lambda h=head, o=outputs: h.decode(o, 0.98)  # type: ignore[misc]
    return [
        {"head": name, "ms": round(wall, 3), "processor ms": round(cpu, 3)}
        for name, (wall, cpu) in take_turns(works, rounds).items()
    ]


def preprocessing(models: Models, rounds: int) -> list[Row]:
    """1080p planes to a tensor, one thread, for each input that a card has.

    `cold` frames do not fit the caches together; `warm` is one frame again and again.
    """
    rng = np.random.default_rng(0)
    frames = [
        frame(rng.integers(16, 235, (1080, 1920), dtype=np.uint8), float(n)) for n in range(24)
    ]
    specs: dict[Input, list[str]] = {}
    for name in models.names():
        specs.setdefault(models.card(name).input, []).append(name)
    rows: list[Row] = []
    for spec, names in specs.items():
        canvas = Canvas(spec)
        turn = iter(range(10**9))
        cold = take_turns({"": lambda: canvas.draw(frames[next(turn) % len(frames)])}, rounds)  # noqa: B023
        warm = take_turns({"": lambda: canvas.draw(frames[0])}, rounds)  # noqa: B023
        (width, height), is_scaled = spec.size_wh, spec.scale != 1
        rows.append(
            {
                "cards": ", ".join(names),
                "input": f"{width}x{height} {spec.letterbox}{', fractions' * is_scaled}",
                "warm, processor ms": round(warm[""][1], 3),
                "cold, processor ms": round(cold[""][1], 3),
            }
        )
    return rows


def main() -> int:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.detectors", description=__doc__)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--table", action="append", help="only tables whose title begins so")
    parser.add_argument("--int8", action="append", default=[], metavar="NAME=FILE")
    parser.add_argument("--out", type=Path, help="keep the figures here, as JSON")
    args = parser.parse_args()
    cv2.setNumThreads(1)  # as the daemon does: cameras are the parallelism
    shared = shared_folder()
    models = Models([Path("models"), *([shared / "models"] if shared else [])])
    int8 = given_files(args.int8)
    tables: dict[str, list[Row]] = {}
    measures: dict[str, Callable[[], list[Row]]] = {
        "engines, 1 thread": lambda: engines(models, int8, 1, args.rounds),
        "engines, 2 threads": lambda: engines(models, int8, 2, args.rounds),
        "overhead": lambda: overhead(models, 3 * args.rounds),
        "batching": lambda: batching(models, 2, max(10, args.rounds // 3)),
        "heads": lambda: heads(5 * args.rounds),
        "preprocessing at 1080p": lambda: preprocessing(models, 4 * args.rounds),
    }
    for title, measure in measures.items():
        if args.table and not title.startswith(tuple(args.table)):
            continue
        tables[title] = measure()
        print(f"\n{title}")
        for row in tables[title]:
            print("  " + ", ".join(f"{name}: {value}" for name, value in row.items()))
    result: dict[str, object] = {
        "measured": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": {**describe(), "openvino": version("openvino"), "can": can()},
        **tables,
    }
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 0


def given_files(arguments: Sequence[str]) -> Others:
    """`NAME=FILE` and `NAME:WORDS=FILE` arguments, by name and by words."""
    found: Others = {}
    for named, _, file in (text.partition("=") for text in arguments):
        name, _, words = named.partition(":")
        found.setdefault(name, {})[words or "int8"] = Path(file)
    return found


def precisions() -> tuple[Literal["f32", "bf16"], ...]:
    """What OpenVINO can compute in here; the last is what `auto` takes."""
    return ("f32", "bf16") if "bf16" in can() else ("f32",)


def on_openvino(words: str, precision: str) -> str:
    """What a file on OpenVINO is called in a table: of INT8 too it computes the rest in a float."""
    return f"openvino {precision}" if words == "f32" else f"openvino {words}, {precision}"


def can() -> str:
    """What the processor has for networks."""
    cpuinfo = Path("/proc/cpuinfo")
    flags = set(cpuinfo.read_text(encoding="utf-8").split()) if cpuinfo.exists() else set()
    return ", ".join(sorted(flags & {"avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16"}))


if __name__ == "__main__":
    sys.exit(main())
