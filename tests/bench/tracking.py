"""How well identities are kept: `python -m tests.bench.tracking`, against a well-kept library.

HOTA, IDF1 and MOTA on MOT17 with the same recorded detections for every tracker, at the recorded
rate and thinned to 10 and 5 frames a second. Scoring and the two other trackers are roboflow's
`trackers` (Apache-2.0); it is no dependency of the project: `pip install trackers==2.6.1`.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edge.detections import Boxes, Detections, Ids, ModelRef
from edge.frame import Stamp
from edge.trackers.bytetrack import Options
from tests.conftest import shared_folder

SEQUENCES = (("02", 30, (1920, 1080)), ("05", 14, (640, 480)), ("09", 30, (1920, 1080)))
CONFIDENCE = 0.35  # what a detector of ours lets through
MODEL = ModelRef("yolox-x", "0" * 64, ("person",))
AT = datetime(2026, 1, 1, tzinfo=timezone.utc)

Update: TypeAlias = Callable[[Detections], tuple[Ids, Boxes]]
Make: TypeAlias = Callable[[float], Update]
"""Makes a tracker for a frame rate."""


def ours(_fps: float) -> Update:
    """The tracker of this project, which needs no frame rate."""
    tracker = Options().build()

    def update(detections: Detections) -> tuple[Ids, Boxes]:
        tracks = tracker.update(detections)
        return tracks.track_id, tracks.xyxy

    return update


def roboflow(kind: Any) -> Make:
    """One of the library's trackers."""
    import supervision

    def make(fps: float) -> Update:
        tracker = kind(frame_rate=fps)

        def update(detections: Detections) -> tuple[Ids, Boxes]:
            found = tracker.update(
                supervision.Detections(
                    xyxy=detections.xyxy.copy(),
                    confidence=detections.confidence.copy(),
                    class_id=detections.class_id.copy(),
                )
            )
            known = found.tracker_id >= 0
            return found.tracker_id[known], found.xyxy[known]

        return update

    return make


def score(folder: Path, make: Make, fps: float | None) -> str:
    """One line of figures over the three sequences together.

    Args:
        folder: Holds `MOT17-02` and so on.
        make: The tracker.
        fps: Frames a second to thin to; None keeps all.
    """
    from trackers.eval import evaluate_mot_sequences

    seconds, n_frames = 0.0, 0
    with tempfile.TemporaryDirectory() as scratch:
        truth, found = Path(scratch, "truth"), Path(scratch, "found")
        truth.mkdir()
        found.mkdir()
        for name, rate, size_wh in SEQUENCES:
            step = 1 if fps is None else max(1, round(rate / fps))
            real = np.loadtxt(folder / f"MOT17-{name}" / "gt.txt", delimiter=",")
            seen = np.loadtxt(folder / f"MOT17-{name}" / "det_yolox_x.txt", delimiter=",")
            seen = seen[seen[:, 6] >= CONFIDENCE]
            update = make(rate / step)
            lines, real_lines = [], []
            for number, frame in enumerate(range(1, int(real[:, 0].max()) + 1, step), 1):
                detections = _detections(seen[seen[:, 0] == frame], number, frame / rate, size_wh)
                began = time.perf_counter()
                ids, boxes = update(detections)
                seconds += time.perf_counter() - began
                n_frames += 1
                for track, (left, top, right, bottom) in zip(ids, boxes, strict=True):
                    box = f"{left:.2f},{top:.2f},{right - left:.2f},{bottom - top:.2f}"
                    lines.append(f"{number},{track},{box},1,-1,-1,-1")
                for row in real[real[:, 0] == frame]:
                    box = ",".join(f"{value:g}" for value in row[2:6])
                    real_lines.append(f"{number},{int(row[1])},{box},{int(row[6])},{int(row[7])},1")
            (truth / f"{name}.txt").write_text("\n".join(real_lines) + "\n", encoding="utf-8")
            (found / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        total = evaluate_mot_sequences(
            truth, found, metrics=["HOTA", "CLEAR", "Identity"]
        ).aggregate
    return (
        f"{100 * total.HOTA.HOTA:.1f} | {100 * total.Identity.IDF1:.1f} | "
        f"{100 * total.CLEAR.MOTA:.1f} | {1e3 * seconds / n_frames:.2f}"
    )


def _detections(
    rows: NDArray[np.float64], index: int, pts: float, size_wh: tuple[int, int]
) -> Detections:
    xyxy = rows[:, 2:6].copy()
    xyxy[:, 2:] += xyxy[:, :2]
    return Detections(
        Stamp("mot", index, pts, AT, 0),
        size_wh,
        MODEL,
        xyxy.astype(np.float32),
        rows[:, 6].astype(np.float32),
        np.zeros(len(rows), np.int32),
    )


def main() -> int:
    """Measure and print a table."""
    shared = shared_folder()
    if shared is None:
        print("no shared material: set EDGE_SHARED", file=sys.stderr)
        return 3
    try:
        import trackers
    except ImportError:
        print("this needs roboflow's trackers: pip install trackers==2.6.1", file=sys.stderr)
        return 3
    print("| tracker | fps | HOTA | IDF1 | MOTA | ms a frame |\n|---|---|---|---|---|---|")
    for name, make in (
        ("ours", ours),
        ("roboflow ByteTrack", roboflow(trackers.ByteTrackTracker)),
        ("roboflow OC-SORT", roboflow(trackers.OCSORTTracker)),
    ):
        for fps in (None, 10, 5):
            print(f"| {name} | {fps or 'all'} | {score(shared / 'tracking', make, fps)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
