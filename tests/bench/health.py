"""What the scene checks can tell apart, and what a look costs: `python -m tests.bench.health`.

For each clip and alteration: the weakest figure of an altered picture, or the worst of an unaltered
one, against the thresholds of `edge.health.view`; for `camera_frozen` the change between pictures
through an encoder. Medians of CPU time on one thread.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from itertools import cycle, islice
from pathlib import Path

import cv2
import numpy as np

from edge.frame import Frame, Plane, Stamp
from edge.health import Checks
from edge.health.frozen import Frozen, _change, _sample, _speaks
from edge.health.view import BETTER, CONTRAST, FOUND, RECOGNISED, View
from edge.runtime.wiring import checks
from tests.conftest import shared_folder
from tests.golden.test_scene_health import (
    BENIGN,
    CLIPS,
    COVERED,
    DOUBTFUL,
    MOVED,
    SMALL_WH,
    TOO_EMPTY,
)
from tests.scenes.alterations import Alteration, clocked, looks, noisy, through_encoder

N_LEARN, N_ALTERED = 45, 16
AT = datetime(2026, 1, 1, tzinfo=timezone.utc)


def frame(luma: Plane, look: int) -> Frame:
    """One look a second."""
    grey = np.full(((luma.shape[0] + 1) // 2, (luma.shape[1] + 1) // 2), 128, np.uint8)
    return Frame(Stamp("c", look, float(look), AT, 0), luma, grey, grey)


def sights(
    pictures: Sequence[Plane], alteration: Alteration
) -> list[tuple[float, float, float, float]]:
    """Recognised, contrast, blank, and share found elsewhere, once the window is altered."""
    view, found = View(Frozen()), []
    for look, luma in enumerate(islice(cycle(pictures), N_LEARN + N_ALTERED)):
        is_altered = look >= N_LEARN
        sight = view.look(frame(alteration(luma, look) if is_altered else luma, look))
        if look >= N_LEARN + 5:
            share = sight.elsewhere.share if sight.elsewhere else 0.0
            found.append((sight.recognised, sight.contrast, sight.blank, share))
    return found


def view_table(folder: Path) -> None:
    """How far unaltered and altered pictures are from the thresholds."""
    footage = {clip: looks(folder / f"{clip}.mp4", size_wh=SMALL_WH) for clip in CLIPS}
    apart = TOO_EMPTY | DOUBTFUL
    print(f"thresholds: recognised {RECOGNISED}, contrast {CONTRAST}, elsewhere {FOUND}/{BETTER}")
    print("| picture | recognised | contrast | blank | found elsewhere |\n|---|---|---|---|---|")

    def row(name: str, figures: Sequence[tuple[float, ...]]) -> None:
        columns = np.array(figures).T
        cells = (f"{column.min():.2f} to {column.max():.2f}" for column in columns)
        print(f"| {name} | {' | '.join(cells)} |")

    unaltered: dict[str, Alteration] = {"unaltered": lambda luma, _: luma}
    for name, alteration in (unaltered | BENIGN | COVERED | MOVED).items():
        claimed = [clip for clip in CLIPS if (clip, name) not in apart]
        row(name, [s for clip in claimed for s in sights(footage[clip], alteration)])
    for clip, name in sorted(apart):
        row(f"{name}, {clip}", sights(footage[clip], COVERED[name]))


def frozen_table(folder: Path) -> None:
    """By how much pictures a few seconds apart differ, live and frozen."""
    print("\n| picture | least | median | most |\n|---|---|---|---|")

    def row(name: str, pictures: Sequence[Plane], apart: int) -> None:
        rows = [_sample(picture) for picture in pictures]
        pairs = zip(rows, rows[apart:], strict=False)
        levels = [_change(one, other, _speaks(one)) for one, other in pairs]
        figures = (min(levels), statistics.median(levels), max(levels))
        print(f"| {name} | {' | '.join(f'{level:.2f}' for level in figures)} |")

    for clip in CLIPS:
        for apart in (1, 5, 20):
            row(f"{clip}, {apart} s apart", looks(folder / f"{clip}.mp4"), apart)
    still = looks(folder / "one-by-one-person-detection.mp4")[5]
    sensors: dict[str, Callable[[int], Plane]] = {
        "frozen": lambda _: still,
        "frozen with a clock": lambda look: clocked(still, look),
        "still, noise 0.5": lambda look: noisy(still, look, 0.5),
        "still, noise 1": lambda look: noisy(still, look, 1.0),
        "still, noise 2": lambda look: noisy(still, look, 2.0),
    }
    with tempfile.TemporaryDirectory() as scratch:
        for bit_rate in (150_000, 300_000, 600_000):
            for gop in (2, 10):
                for name, sensor in sensors.items():
                    pictures = [sensor(look) for look in range(30)]
                    path = Path(scratch) / "clip.mp4"
                    seen = through_encoder(pictures, path, gop=gop, bit_rate=bit_rate)
                    row(f"{name}, {bit_rate // 1000} kbit/s, GOP {gop / 2:.0f} s", seen[5:], 10)


def cost_table(folder: Path) -> None:
    """CPU milliseconds a look at 1080p, all checks together."""
    clip = looks(folder / "traffic_camera.mp4", size_wh=(1920, 1080))
    moved = [np.ascontiguousarray(np.roll(luma, 200, 1)) for luma in clip]
    running, spent = Checks(checks()), []
    for look, luma in enumerate((3 * clip)[:70] + moved):
        began = time.process_time()
        running.look(frame(luma, look))
        spent.append(1000 * (time.process_time() - began))
    usual, searching = spent[35:70], spent[75:]
    print(f"\na look at 1080p: {statistics.median(usual):.2f} ms as usual, ", end="")
    print(f"{statistics.median(searching):.2f} ms while the view is not recognised")


def main() -> int:
    """Measure and print the tables."""
    cv2.setNumThreads(1)
    shared = shared_folder()
    if shared is None:
        print("no shared material: set EDGE_SHARED", file=sys.stderr)
        return 3
    cost_table(shared / "clips")
    view_table(shared / "clips")
    frozen_table(shared / "clips")
    return 0


if __name__ == "__main__":
    sys.exit(main())
