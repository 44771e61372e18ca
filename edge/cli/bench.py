"""`edge bench`: how many cameras this box can carry."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edge.cli import FINE
from edge.cli._storage import add_storage, storage_of
from edge.site.bench import Bench, Idle, bench

HELP = "measure how many cameras this box can carry: idle cameras, time of each stage, efficiency"
EXAMPLE = "edge bench --cameras 32"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--cameras",
        type=_count,
        default=8,
        metavar="N",
        help="simulated cameras to watch at once (default: 8)",
    )
    parser.add_argument(
        "--seconds",
        type=_seconds,
        metavar="S",
        help="how long to measure them, once all are watching (default: 30)",
    )
    parser.add_argument(
        "--model",
        default="yolox-nano",
        metavar="MODEL",
        help="the detector; without its weights, motion (default: yolox-nano)",
    )
    parser.add_argument(
        "--clip",
        type=Path,
        metavar="FILE",
        help="what the cameras show: H.264 in MP4 or Matroska (default: drawn streets, 1080p at "
        "15 fps with nobody in it for the idle cameras, 720p with passers-by for the busy ones)",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="half a minute, to see that it works; the figures are not for quoting",
    )
    add_storage(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object for scripts")


def run(args: argparse.Namespace) -> int:
    """Measure and print."""
    logging.basicConfig(level=logging.ERROR, format="%(message)s", stream=sys.stderr)
    logging.getLogger("edge.service").setLevel(logging.CRITICAL)  # the table says it too
    found = bench(
        args.cameras,
        args.model,
        storage_of(args),
        seconds=args.seconds,
        clip=args.clip,
        is_quick=args.quick,
        say=lambda words: print(f"... {words}", file=sys.stderr, flush=True),
    )
    if args.json:
        print(json.dumps(_rounded(asdict(found)), indent=2))
    else:
        print("\n".join(_table(found)))
    return FINE


def _table(found: Bench) -> Iterator[str]:
    """The figures for people."""
    machine = found.machine
    yield f"{machine['cpu']}, {machine['cores']} cores, {machine['system']} {machine['machine']}"
    yield f"Python {machine['python']}, {machine['libraries']}"
    yield f"model {found.model}, {found.clip}"
    if found.idle.trouble:
        yield f"NOTE: {found.idle.trouble}"
    yield ""
    yield from _idle_rows(found.idle)
    yield ""
    yield "one camera alone, median"
    for stage, ms in found.stages_ms.items():
        yield _row(stage, f"{ms:.3f} ms")
    for row in found.efficiency:
        yield ""
        yield f"busy cameras: {row.cameras}"
        yield _row("decode alone", f"{row.decode_fps:.0f} fps")
        yield _row("inference alone", f"{row.infer_fps:.0f} fps")
        yield _row("the whole", f"{row.whole_fps:.0f} fps")
        yield _row("efficiency", f"{row.of_slower:.2f} of the slower alone")
        yield _row("", f"{row.of_shared:.2f} of both sharing the cores")
        yield _row("CPU of a frame", f"{row.decode_ms:.1f} ms to decode it, {row.infer_ms:.1f} ms")
        yield _row("", f"of inference, {row.outside_ms:.2f} ms for all else, in place")


def _idle_rows(idle: Idle) -> Iterator[str]:
    n = idle.cameras

    def each(cores: float) -> str:
        return f"{1e3 * cores / n:.1f}"

    yield f"idle cameras: {n}, {idle.mbit_s:.1f} Mbit/s each, measured for {idle.seconds:.0f} s"
    yield _row(
        "start until all watch",
        f"{idle.start_s:.1f} s; up to {idle.keyframe_s:g} s of it for a keyframe",
    )
    yield _row(
        "packets",
        f"{idle.packets_s:.0f} a second; {100 * idle.undecoded:.1f} % not decoded, "
        f"{idle.n_skipped} skipped",
    )
    yield _row(
        "pictures",
        f"{idle.analysed_s:.1f} a second analysed, {idle.looked_s:.1f} looked at; "
        f"{idle.n_events} events",
    )
    yield _row(
        "CPU, ms a second each",
        f"demux {each(idle.cpu_demux)}, gate {each(idle.cpu_gate)}, "
        f"engine and rest {each(idle.cpu_engine)}; not counted: "
        f"simulated camera {each(idle.cpu_servers)}",
    )
    yield _row("one core carries", f"{idle.per_core:.0f} idle cameras by demux and gate")
    yield _row("", f"{n / idle.cpu_demux:.0f} by demux alone, which is the limit")
    yield _row("", f"{idle.per_core_all:.0f} with engine and rest; extrapolated from {n}")
    mib = "not known of one alone" if idle.mib_each is None else f"{idle.mib_each:.1f} MiB each"
    yield _row(
        "memory beyond the ring",
        f"{mib}, {idle.slope_kib_s:+.1f} KiB a second in all; "
        f"ring {idle.ring_mib_each:.1f} MiB each",
    )
    yield _row(
        "threads, handles",
        f"{idle.n_threads} ({idle.n_threads_more:+d}), {idle.n_handles} ({idle.n_handles_more:+d})",
    )


def _row(name: str, value: str) -> str:
    return f"  {name:26}{value}"


def _rounded(value: Any) -> Any:
    """The same with every float to four places: more was not measured."""
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list | tuple) else value


def _count(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 256:
        raise argparse.ArgumentTypeError(f"expected 1 to 256 cameras, got {text!r}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds <= 86400:
        raise argparse.ArgumentTypeError(f"expected 1 to 86400 seconds, got {text!r}")
    return seconds
