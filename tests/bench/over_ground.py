"""What the ground plane gives a tracker: `python -m tests.bench.over_ground [--out FILE]`.

Drawn squares whose true identities are known (`tests/scenes/square.py`), seen by three calibrated
cameras at 8 and at 4 frames a second, several times each: the tracker as it is without calibration,
with it, and, as a control, with the same extra step by distance in the picture, in box sizes.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.detections import Boxes
from edge.ground import Ground
from edge.site.bench import describe
from edge.trackers import Tracker
from edge.trackers.bytetrack import ByteTrack, Options
from tests.scenes.square import VIEWS, identities, square

REACH = 1.5  # of those tried (0.5, 1.0, 1.5) the best
SIZE_RATIO = 1.6


class InPicture:
    """In place of `OverGround`: distance in mean sizes of the two boxes."""

    def nearness(
        self,
        expected: NDArray[np.float64],
        boxes: Boxes,
        unseen_s: NDArray[np.float64],
        size_wh: tuple[int, int],
    ) -> NDArray[np.float64]:
        """As that of the ground; the last two arguments are not needed."""
        del unseen_s, size_wh
        a, b = expected[:, None], boxes.astype(np.float64)
        size_a, size_b = a[..., 2:] - a[..., :2], np.maximum(b[:, 2:] - b[:, :2], 1.0)
        apart = (b[:, :2] + b[:, 2:] - a[..., :2] - a[..., 2:]) / (size_a + size_b)
        ratio = size_b / size_a
        is_alike = (np.maximum(ratio, 1 / ratio) <= SIZE_RATIO).all(axis=-1)
        return np.where(is_alike, 1 - np.hypot(apart[..., 0], apart[..., 1]) / REACH, 0.0)


def in_picture(ground: Ground) -> ByteTrack:
    """The control."""
    tracker = Options().build(ground)
    tracker._over_ground = InPicture()  # type: ignore[assignment]
    return tracker


CASES: dict[str, Callable[[Ground], Tracker]] = {
    "not calibrated": lambda _: Options().build(),
    "by the ground": lambda ground: Options().build(ground),
    "control: by the picture": in_picture,
}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.over_ground", description=__doc__)
    parser.add_argument("--seeds", type=int, default=6, help="how many squares for each camera")
    parser.add_argument("--out", type=Path, help="keep the figures here, as JSON")
    args = parser.parse_args()
    rows: list[dict[str, object]] = []
    for name, view in VIEWS.items():
        for fps in (8.0, 4.0):
            squares = [list(square(view, seed, fps=fps)) for seed in range(args.seeds)]
            for case, make in CASES.items():
                began = time.thread_time()
                found = [
                    identities(make(view.ground(seed=seed)), frames)
                    for seed, frames in enumerate(squares)
                ]
                ms = 1e3 * (time.thread_time() - began) / sum(map(len, squares))
                row = {
                    "camera": name,
                    "fps": fps,
                    "tracker": case,
                    "IDF1": round(100 * float(np.mean([one.idf1 for one in found])), 1),
                    "switches": round(float(np.mean([one.n_switches for one in found])), 1),
                    "numbers of more than one": round(
                        float(np.mean([one.n_mixed for one in found])), 1
                    ),
                    "ms a frame, counting included": round(ms, 2),
                }
                rows.append(row)
                print("  ".join(f"{key} {value}" for key, value in row.items()), flush=True)
    if args.out:
        found_all = {"machine": describe(), "squares a camera": args.seeds, "rows": rows}
        args.out.write_text(json.dumps(found_all, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
