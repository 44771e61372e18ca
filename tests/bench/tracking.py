"""How well identities are kept: `python -m tests.bench.tracking`, against a well-kept library.

The same recorded detections for every tracker, those of confidence 0.35 and above: MOT17's second
halves of 02, 05 and 09 at the recorded rate and thinned to about 10 and 5 frames a second (every
third and sixth of 30, every and every third of 14), and the rendered street as YOLOX-Nano sees it
at 8, thinned to 4 and 2.7. HOTA, IDF1 and MOTA by TrackEval, protocol in `tests/bench/mot.py`.
Rows of one rate can be compared; fewer frames are another task.

All trackers take turns at each frame, so that what else the machine does disturbs all alike.

`--ablation` takes one idea of ours out at a time. So that chance does not decide, it scores three
replicas at each rate: other phases when thinning, 2 % of the boxes dropped at full rate. `--hours`
runs simulated traffic and prints what a frame costs and how large the tracker is, by the hour.

No dependencies of the project: `pip install trackeval==1.3.0 trackers==2.6.1`.
"""

from __future__ import annotations

import argparse
import json
import pickle
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias
from unittest.mock import patch

import numpy as np

from edge.demo.street import cached
from edge.detections import Boxes, Detections, Floats, Ids, Ints, ModelRef
from edge.detectors._coco import COCO80
from edge.frame import Stamp
from edge.geometry import iou
from edge.site.bench import describe
from edge.trackers import _kalman, bytetrack
from tests.bench.mot import PEDESTRIAN, Clip, Score, score
from tests.conftest import REPOSITORY, shared_folder

SEQUENCES = {"02": (30, (1920, 1080)), "05": (14, (640, 480)), "09": (30, (1920, 1080))}
CONFIDENCE = 0.35  # what a detector of ours lets through
AT = datetime(2026, 1, 1, tzinfo=timezone.utc)
STREET = REPOSITORY / "tests" / "golden" / "street-detections.jsonl"

Update: TypeAlias = Callable[[Detections], tuple[Ids, Boxes]]
Make: TypeAlias = Callable[[float], Update]
"""Makes a tracker for a frame rate."""


@dataclass(frozen=True)
class Picture:
    """One frame: what a detector saw, and MOT17 rows of truth without the frame's number."""

    detections: Detections
    truth: list[tuple[float, ...]]


def ours(_fps: float) -> Update:
    """The tracker of this project, which needs no frame rate."""
    tracker = bytetrack.Options().build()

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


@cache
def mot17(name: str) -> list[Picture]:
    """All frames of one sequence."""
    shared = shared_folder()
    assert shared is not None
    folder, (rate, size_wh) = shared / "tracking" / f"MOT17-{name}", SEQUENCES[name]
    real = np.loadtxt(folder / "gt.txt", delimiter=",")
    seen = np.loadtxt(folder / "det_yolox_x.txt", delimiter=",")
    seen = seen[seen[:, 6] >= CONFIDENCE]
    model = ModelRef("yolox-x", "0" * 64, ("person",))
    pictures = []
    for frame in range(1, int(real[:, 0].max()) + 1):
        rows = seen[seen[:, 0] == frame]
        xyxy = np.concatenate([rows[:, 2:4], rows[:, 2:4] + rows[:, 4:6]], axis=1)
        found = _detections(
            frame / rate, size_wh, model, xyxy, rows[:, 6], np.zeros(len(rows), np.int32)
        )
        pictures.append(
            Picture(found, [tuple(row[1:9].tolist()) for row in real[real[:, 0] == frame]])
        )
    return pictures


@cache
def street() -> list[Picture]:
    """The rendered street at 8 frames a second, people and cars alike."""
    _, truth = cached(REPOSITORY / ".cache")
    model = ModelRef("yolox-nano", "0" * 64, COCO80)
    pictures = []
    for line in STREET.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        boxes = np.array(row["xyxy"]).reshape(-1, 4)
        found = _detections(
            row["pts"],
            (truth.width, truth.height),
            model,
            boxes,
            np.array(row["confidence"]),
            np.array(row["class_id"], np.int32),
        )
        frame = round(row["pts"] * truth.fps)
        real: list[tuple[float, ...]] = []
        for number, track in enumerate(truth.tracks, 1):
            if 0 <= frame - track.first < len(track.boxes):
                left, top, right, bottom = track.boxes[frame - track.first]
                w, h = truth.width, truth.height
                box = (left * w, top * h, (right - left) * w, (bottom - top) * h)
                real.append((number, *box, 1, PEDESTRIAN, 1))
        pictures.append(Picture(found, real))
    return pictures


def tracked(
    pictures: Sequence[Picture],
    trackers: Mapping[str, Make],
    rate: float,
    replica: int = 0,
    step: int = 1,
) -> dict[str, tuple[Clip, list[float]]]:
    """Run some trackers over one sequence, in turns at each frame: what disturbs, disturbs all.

    Args:
        pictures: The sequence.
        trackers: By name.
        rate: Frames a second of the sequence.
        replica: 0 is the sequence itself; others begin later or miss some boxes.
        step: Every how many frames one is taken.

    Returns:
        For each tracker truth and tracks, and the processor seconds of each frame.
    """
    updates = {name: make(rate / step) for name, make in trackers.items()}
    found: dict[str, tuple[Clip, list[float]]] = {name: (Clip(), []) for name in trackers}
    random = np.random.default_rng(replica)
    for picture in pictures[replica % step :: step]:
        detections = picture.detections
        if replica and step == 1:
            detections = detections[random.random(len(detections)) >= 0.02]
        for name, update in updates.items():
            clip, seconds = found[name]
            began = time.thread_time()
            ids, boxes = update(detections)
            seconds.append(time.thread_time() - began)
            clip.n_frames += 1
            for track, (left, top, right, bottom) in zip(ids, boxes.astype(float), strict=True):
                clip.found.append((clip.n_frames, track, left, top, right - left, bottom - top))
            clip.truth += [(clip.n_frames, *row) for row in picture.truth]
    return found


def on_mot17(
    trackers: Mapping[str, Make], fps: float | None, replica: int = 0
) -> dict[str, tuple[Score, float]]:
    """Score and mean milliseconds a frame of each tracker over the three sequences together."""
    clips: dict[str, dict[str, Clip]] = {name: {} for name in trackers}
    seconds: dict[str, list[float]] = {name: [] for name in trackers}
    for sequence, (rate, _) in SEQUENCES.items():
        step = 1 if fps is None else max(1, round(rate / fps))
        for name, (clip, taken) in tracked(mot17(sequence), trackers, rate, replica, step).items():
            clips[name][sequence] = clip
            seconds[name] += taken
    return {name: (score(clips[name]), 1e3 * float(np.mean(seconds[name]))) for name in trackers}


def comparison(trackers: Mapping[str, Make]) -> list[dict[str, object]]:
    """Each tracker at each rate."""
    rows: list[dict[str, object]] = []
    _head("MOT17", "fps", "HOTA", "DetA", "AssA", "IDF1", "MOTA", "02", "05", "09", "ms a frame")
    on_mot17(trackers, 5)  # what is imported at the first frame is nobody's time
    for fps in (None, 10, 5):
        for name, (found, ms) in on_mot17(trackers, fps).items():
            _row(name, fps or "all", *_figures(found), *found.each.values(), f"{ms:.2f}")
            rows.append(_kept("MOT17", name, fps or "all", found) | {"ms a frame": round(ms, 3)})
    _head("street, YOLOX-Nano", "fps", "HOTA", "DetA", "AssA", "IDF1", "MOTA")
    for step in (1, 2, 3):
        for name, (clip, _) in tracked(street(), trackers, 8, step=step).items():
            found = score({"street": clip})
            _row(name, f"{8 / step:.2g}", *_figures(found))
            rows.append(_kept("street", name, f"{8 / step:.2g}", found))
    return rows


def _kept(on: str, name: str, fps: object, found: Score) -> dict[str, object]:
    """A row as it is kept."""
    figures = zip(("HOTA", "DetA", "AssA", "IDF1", "MOTA"), _figures(found), strict=True)
    kept: dict[str, object] = {"on": on, "tracker": name, "fps": fps}
    return kept | {key: round(value, 1) for key, value in figures}


def ablation() -> list[dict[str, object]]:
    """Ours, and ours without one idea, mean HOTA of three replicas."""
    plain = patch.object(bytetrack, "fit", lambda *boxes: (iou(*boxes), iou(*boxes)))
    wide = [
        patch.object(_kalman, "DRIFT_PER_ROOT_S", 0.27),
        patch.object(_kalman, "SPEED_PER_ROOT_S", 1.0),
    ]
    sure = patch.object(_kalman, "DOUBT", 0.0)
    cases: dict[str, list[Any]] = {
        "ours": [],
        "overlap alone, without height": [plain],
        "noise of Deep SORT": wide,
        "doubtful boxes measured as well as sure ones": [sure],
        "none of the three": [plain, *wide, sure],
        "nothing beyond overlap for new tracks": [patch.object(bytetrack, "REACH_MAX", 1e-6)],
        "classes all alike": [patch.object(bytetrack, "OTHER_CLASS", 1.0)],
        "drift 0.10": [patch.object(_kalman, "DRIFT_PER_ROOT_S", 0.10)],
        "drift 0.20": [patch.object(_kalman, "DRIFT_PER_ROOT_S", 0.20)],
        "speed 0.35": [patch.object(_kalman, "SPEED_PER_ROOT_S", 0.35)],
        "speed 0.70": [patch.object(_kalman, "SPEED_PER_ROOT_S", 0.70)],
        "doubt 2": [patch.object(_kalman, "DOUBT", 2.0)],
        "doubt 10": [patch.object(_kalman, "DOUBT", 10.0)],
    }
    _head("mean of three", "all", "02", "05", "09", "10", "02", "05", "09", "5", "02", "05", "09",
          "street 8", "4", "2.7")  # fmt: skip
    rows: list[dict[str, object]] = []
    mine = {"ours": ours}
    for name, patches in cases.items():
        figures: list[float] = []
        with ExitStack() as stack:
            for one in patches:
                stack.enter_context(one)
            for fps in (None, 10, 5):
                found = [on_mot17(mine, fps, replica)["ours"][0] for replica in range(3)]
                each = [[one.hota, *one.each.values()] for one in found]
                figures += np.mean(each, axis=0).tolist()
            for step in (1, 2, 3):
                clips = [tracked(street(), mine, 8, r, step)["ours"][0] for r in range(3)]
                figures.append(float(np.mean([score({"street": clip}).hota for clip in clips])))
        _row(name, *(f"{figure:.1f}" for figure in figures))
        rows.append({"case": name, "mean HOTA": [round(figure, 1) for figure in figures]})
    return rows


def endurance(hours: int) -> list[dict[str, object]]:
    """What a frame costs in each hour of a busy street, and how large the tracker is after it."""
    tracker = bytetrack.Options().build()
    _head("hour", "ms a frame", "tracker, bytes", "tracks so far")
    rows: list[dict[str, object]] = []
    taken: list[float] = []
    n_tracks = 0
    for index, detections in enumerate(traffic(hours * 3600, fps=8, n_objects=30), 1):
        began = time.thread_time()
        tracks = tracker.update(detections)
        taken.append(time.thread_time() - began)
        n_tracks = max(n_tracks, int(tracks.track_id.max(initial=0)))
        if index % (8 * 3600) == 0:
            hour, size = index // (8 * 3600), len(pickle.dumps(tracker))
            ms = round(1e3 * float(np.median(taken)), 3)
            _row(hour, f"{ms:.3f}", size, n_tracks)
            rows.append({"hour": hour, "ms a frame": ms, "bytes": size, "tracks so far": n_tracks})
            taken.clear()
    return rows


def traffic(seconds: float, *, fps: float, n_objects: int) -> Iterator[Detections]:
    """Detections of a street with always so many objects, of which a tenth is missed.

    Each walks or drives through the picture once; another comes in for it. One in five stands
    still half of the time.
    """
    random = np.random.default_rng(0)
    model = ModelRef("traffic", "0" * 64, ("person", "car"))
    sizes = np.array([[60.0, 160.0], [260.0, 130.0]])
    is_car = random.random(n_objects) < 0.5
    place = random.random((n_objects, 2)) * (1920, 1080)
    speed = random.normal(0, 1, (n_objects, 2)) * (120, 20)
    for index in range(round(seconds * fps)):
        stands = (np.arange(n_objects) % 5 == 0) & (index % 600 < 300)
        place += np.where(stands[:, None], 0.0, speed / fps)
        out = (place < -100).any(axis=1) | (place > (2020, 1180)).any(axis=1)
        n_out = int(out.sum())
        if n_out:
            is_car[out] = random.random(n_out) < 0.5
            from_left = random.random(n_out) < 0.5
            place[out] = np.stack(
                [np.where(from_left, -90.0, 2010.0), random.uniform(300, 1080, n_out)], axis=1
            )
            pace = random.uniform(60, 250, n_out)
            speed[out] = np.stack(
                [np.where(from_left, pace, -pace), random.normal(0, 8, n_out)], axis=1
            )
        shown = random.random(n_objects) >= 0.1
        half = sizes[is_car.astype(int)] / 2
        xyxy = np.concatenate([place - half, place + half], axis=1)
        xyxy += random.normal(0, 2, xyxy.shape)
        yield _detections(
            index / fps,
            (1920, 1080),
            model,
            xyxy[shown],
            random.uniform(0.35, 0.95, n_objects)[shown],
            is_car[shown].astype(np.int32),
        )


def _detections(  # noqa: PLR0917 - the columns of one frame
    pts: float,
    size_wh: tuple[int, int],
    model: ModelRef,
    xyxy: Any,
    confidence: Any,
    class_id: Ints,
) -> Detections:
    boxes: Boxes = np.asarray(xyxy, np.float32)
    sure: Floats = np.asarray(confidence, np.float32)
    return Detections(Stamp("bench", 0, pts, AT, 0), size_wh, model, boxes, sure, class_id)


def _figures(found: Score) -> list[float]:
    return [found.hota, found.detection, found.association, found.idf1, found.mota]


def _head(*columns: str) -> None:
    print(f"\n| {' | '.join(columns)} |\n{'|---' * len(columns)}|")


def _row(*cells: object) -> None:
    said = (f"{cell:.1f}" if isinstance(cell, float) else str(cell) for cell in cells)
    print(f"| {' | '.join(said)} |", flush=True)


def main() -> int:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.tracking", description=__doc__)
    parser.add_argument("--ablation", action="store_true", help="one idea less at a time")
    parser.add_argument("--hours", type=int, default=0, help="of simulated traffic, and no scores")
    parser.add_argument("--out", type=Path, help="keep the figures here, as JSON; others stay")
    args = parser.parse_args()
    if args.hours:
        _keep(args.out, "endurance", endurance(args.hours))
        return 0
    if shared_folder() is None:
        print("no shared material: set EDGE_SHARED", file=sys.stderr)
        return 3
    try:
        import trackers
        import trackeval  # noqa: F401 - asked for here, used in tests/bench/mot.py
    except ImportError as missing:
        print(f"{missing}: pip install trackeval==1.3.0 trackers==2.6.1", file=sys.stderr)
        return 3
    if args.ablation:
        _keep(args.out, "ablation", ablation())
        return 0
    found = comparison(
        {
            "ours": ours,
            "roboflow ByteTrack": roboflow(trackers.ByteTrackTracker),
            "roboflow OC-SORT": roboflow(trackers.OCSORTTracker),
        }
    )
    _keep(args.out, "comparison", found)
    return 0


def _keep(path: Path | None, key: str, rows: list[dict[str, object]]) -> None:
    """Write figures into a file, beside others that are in it."""
    if path is None:
        return
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    kept |= {"machine": describe(), key: rows}
    path.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
