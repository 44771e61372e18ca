"""Bench: how many cameras this box can carry, measured on the box itself.

Nothing is needed but this package: the cameras are simulated, their streets are drawn once and
kept. Idle cameras say how many can be watched while nothing happens, stages and efficiency what
it takes when something does.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import cv2

from edge.demo.street import Scene, cached, clip_path
from edge.detectors import Models
from edge.runtime.memory import share_one_heap
from edge.site import _busy, _idle
from edge.site._busy import Efficiency
from edge.site._idle import Idle

__all__ = ["Bench", "Efficiency", "Idle", "bench", "describe", "efficiency", "stages_ms"]

efficiency, stages_ms = _busy.efficiency, _busy.stages_ms

Say = Callable[[str], None]


@dataclass(frozen=True)
class _Effort:
    """How long to look, in seconds unless said otherwise."""

    settle: float
    idle: float
    rate: float
    rounds: int
    n_frames: int
    busy_cameras: tuple[int, ...]
    street: Scene


_FULL = _Effort(12.0, 30.0, 9.0, 3, 400, (1, 4), Scene())
"""Settling takes longer than a ring does to fill, 10 s, so that memory is what it will stay."""

_QUICK = _Effort(3.0, 4.0, 0.5, 1, 60, (2,), Scene(seconds=6.0))


@dataclass(frozen=True)
class Bench:
    """Everything measured.

    Attributes:
        machine: What it was measured on.
        model: What looked; the motion detector where `idle.trouble` says so.
        clip: What the cameras showed: the name of a recording, or `drawn streets`.
        idle: Idle cameras, in the daemon's own service.
        stages_ms: Median milliseconds of each stage of one camera: a keyframe of an idle one,
            which is most of what such a camera costs, then all that a busy one needs.
        efficiency: Busy cameras against decode and inference alone.
    """

    machine: dict[str, str]
    model: str
    clip: str
    idle: Idle
    stages_ms: dict[str, float]
    efficiency: tuple[Efficiency, ...]


def bench(
    n_cameras: int,
    model: str,
    storage: Path,
    *,
    seconds: float | None = None,
    clip: Path | None = None,
    is_quick: bool = False,
    say: Say,
) -> Bench:
    """Measure this box; takes minutes, and wants the box to itself.

    Args:
        n_cameras: Idle cameras to run at once.
        model: Name of a detector's card; without its weights the motion detector is measured.
        storage: Of this box: weights are sought in `models` below it, too.
        seconds: How long to measure idle cameras; None for 30 s, or 4 s where it is quick.
        clip: H.264 in MP4 or Matroska that every camera shows instead of a drawn street.
        is_quick: Shorter everywhere: shows that all works, gives no figures to quote.
        say: Takes what goes on, in words.

    Raises:
        ModelError: There is no card of that name.
        InputError: The clip cannot be served.
        SourceError: The clip cannot be read, or a camera did not come up.
    """
    # As the daemon does.
    cv2.setNumThreads(1)
    share_one_heap()
    effort = _QUICK if is_quick else _FULL
    models = Models.on_this_machine(storage)
    models.card(model)
    idle_clip = clip or _drawn(_idle.STREET, say)
    idle = _idle.measure(
        idle_clip,
        n_cameras,
        model,
        storage,
        settle_s=effort.settle,
        seconds=effort.idle if seconds is None else seconds,
        say=say,
    )
    busy_clip = clip or _drawn(effort.street, say)
    say("stages of a busy camera")
    times = {"decode, an idle keyframe": _busy.keyframe_ms(idle_clip)}
    times |= stages_ms(busy_clip, models, model, effort.n_frames)
    rows = []
    for n_busy in effort.busy_cameras:
        say(f"{n_busy} busy: decode alone, inference alone, the whole; {effort.rate:g} s each")
        rows.append(efficiency(busy_clip, models, model, n_busy, effort.rate, rounds=effort.rounds))
    name = "drawn streets" if clip is None else clip.name
    return Bench(describe(), model, name, idle, times, tuple(rows))


def describe() -> dict[str, str]:
    """The machine and the libraries that matter, for people and for comparison."""
    cpu = "unknown"
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                cpu = line.partition(":")[2].strip()
                break
    found = []
    for name in ("av", "numpy", "onnxruntime", "opencv-python-headless", "scipy"):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:  # JetPack brings some of them without pip's notice
            continue
    return {
        "cpu": cpu,
        "cores": str(len(os.sched_getaffinity(0))),
        "machine": platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "libraries": ", ".join(found),
    }


def _drawn(scene: Scene, say: Say) -> Path:
    """A street's clip, drawn once and kept where the demo keeps its own."""
    folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "edge"
    if not clip_path(folder, scene).exists():
        say("drawing a street, once; this takes about half a minute")
    return cached(folder, scene)[0]
