"""What rules cost, and whether they grow.

    python -m tests.bench.rules [--warm] [--hours H] [--out FILE]

Cost: 50 objects in every frame, in an order that changes from frame to frame as a detector's does;
10 of them walk to and fro, 20 stand, 20 pass once and are followed by others. Each kind is measured
alone, its share of knowing who is there included, and all kinds of one camera together; and a
second rule of each kind besides, with a zone of its own: what one further rule costs. All take
turns on each frame, so that none finds the caches full of its own; `--warm` lets only the last two.

Growth: `--hours` of such traffic at 8 frames a second, at a few objects a frame; what a rule
remembers is pickled and counted at the end of each hour.
"""

from __future__ import annotations

import argparse
import json
import pickle
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from edge.detections import ModelRef
from edge.event import Event
from edge.frame import Stamp
from edge.ground import Ground
from edge.options import kinds
from edge.rules import Location, Rule, Scene, build_rules
from edge.rules._objects import Objects
from edge.rules._schedule import Window
from edge.site.bench import describe
from edge.tracks import Tracks

FPS = 8.0
START = datetime(2026, 3, 28, tzinfo=timezone.utc)  # a day before summer time, on purpose
MODEL = ModelRef("bench", "0" * 64, ("person", "car", "suitcase"))
SCENE = Scene(
    zones={
        "yard": ((0.1, 0.4), (0.5, 0.35), (0.9, 0.4), (0.95, 0.9), (0.5, 0.95), (0.05, 0.9)),
        "court": ((0.2, 0.4), (0.8, 0.4), (0.9, 0.95), (0.1, 0.9)),
    },
    lines={"gate": ((0.1, 0.7), (0.5, 0.65), (0.9, 0.7)), "lane": ((0.1, 0.8), (0.9, 0.8))},
    ground=Ground(np.diag([30.0, 20.0, 1.0]), (0.5, 0.5)),
    location=Location(time_zone="Europe/London", latitude=51.5, longitude=-0.13),
)
NEEDS: dict[str, dict[str, Any]] = {
    "crowding": {"zone": "yard", "people": 6},
    "line_crossing": {"line": "gate"},
    "loitering": {"zone": "yard", "seconds": 30.0},
    "object_abandoned": {"zone": "yard"},
    "occupancy": {"zone": "yard", "limit": 10},
    "speed": {"zone": "yard", "limit_kmh": 20.0},
    "stopped_vehicle": {"zone": "yard"},
    "wrong_way": {"zone": "yard", "line": "lane"},
    "zone_entry": {"zone": "yard"},
}
COMMON = {"min_confidence": 0.3, "min_size": (0.01, 0.01), "schedule": (Window(),)}
"""Every check that a rule can be told is on: what is measured is not the cheapest case."""


def rules_of(chosen: list[str], beside: Sequence[str] = ()) -> list[Rule]:
    """Rules of some kinds on one camera, those `beside` with another zone."""
    room, other = kinds("edge.rules"), {"zone": "court"}
    made = [room[kind].model_validate({"name": "r", **COMMON, **NEEDS[kind]}) for kind in chosen]
    for kind in beside:
        told = {"name": "s", **COMMON, **NEEDS[kind]}
        made.append(room[kind].model_validate(told | (other if "zone" in told else {})))
    return build_rules(made, SCENE, "bench")  # type: ignore[arg-type]


def traffic(n: int, rng: np.random.Generator, passing_s: float = 20.0) -> Iterator[Tracks]:
    """Frames of `n` objects without end: one in five paces, two in five stand, the rest pass."""
    n_pacing, n_standing = n // 5, 2 * n // 5
    spot = rng.uniform((0.08, 0.4), (0.92, 0.95), (n, 2))
    reach = rng.uniform(0.05, 0.3, (n, 2))
    phase = rng.uniform(0, 6.3, n)
    size = np.stack([rng.uniform(0.02, 0.08, n), rng.uniform(0.06, 0.2, n)], axis=1)
    label = rng.choice(len(MODEL.labels), n, p=(0.6, 0.3, 0.1)).astype(np.int32)
    track = np.arange(1, n + 1)
    born = rng.uniform(-passing_s, 0, n)
    following, frame = n + 1, 0
    passing = np.arange(n) >= n_pacing + n_standing
    while True:
        now = frame / FPS
        over = np.flatnonzero(passing & (now - born > passing_s))
        removed = track[over]
        for row in over:
            track[row], following, born[row] = following, following + 1, now
        place = spot + reach * np.sin(0.5 * now + phase)[:, None]
        place[n_pacing : n_pacing + n_standing] = spot[n_pacing : n_pacing + n_standing]
        share = ((now - born) / passing_s)[passing]
        place[passing, 0] = np.where(track[passing] % 2, share, 1 - share)
        place += rng.normal(0, 0.03, (n, 2)) * size
        box = np.concatenate([place - size * (0.5, 1.0), place + size * (0.5, 0.0)], axis=1)
        order = rng.permutation(n)
        yield Tracks(
            Stamp("bench", frame, now, START + timedelta(seconds=now), 40),
            (1920, 1080),
            MODEL,
            (box * (1920, 1080, 1920, 1080))[order].astype(np.float32),
            rng.uniform(0.4, 0.9, n).astype(np.float32),
            label[order],
            track[order],
            np.maximum(now - born, 0.0)[order].astype(np.float32),
            np.zeros((n, 2), np.float32),
            np.sort(removed),
        )
        frame += 1


def cost(n: int = 50, n_frames: int = 1600, *, is_warm: bool = False) -> dict[str, float]:
    """Median CPU microseconds a frame, all measured in turn on each frame.

    So what else the machine does disturbs all alike, and the yardstick says how fast it was.
    """
    together, twice = rules_of(list(NEEDS)), rules_of(list(NEEDS), [*NEEDS])
    one = np.ones((n, 4))
    judges: dict[str, Callable[[Tracks], object]] = {
        "yardstick: 10 additions of (50, 4)": lambda _: [one + one for _ in range(10)],
    }
    if not is_warm:
        judges["who is there"] = Objects().see
        judges |= {f"{kind}, alone": rules_of([kind])[0].update for kind in NEEDS}
    judges["all kinds together"] = lambda tracks: [rule.update(tracks) for rule in together]
    judges["all kinds twice"] = lambda tracks: [rule.update(tracks) for rule in twice]
    times: dict[str, list[float]] = {name: [] for name in judges}
    for tracks in islice(traffic(n, np.random.default_rng(1)), n_frames):
        for name, judge in judges.items():
            began = time.thread_time()
            judge(tracks)
            times[name].append(time.thread_time() - began)
    found = {name: round(statistics.median(all_) * 1e6, 1) for name, all_ in times.items()}
    once, both = found["all kinds together"], found["all kinds twice"]
    found["a rule and frame"] = round(once / len(NEEDS), 1)
    found["a further rule and frame"] = round((both - once) / len(NEEDS), 1)
    for name, us in found.items():
        print(f"{name:36} {us:8.1f} us")
    return found


def growth(hours: int, n: int = 6) -> list[dict[str, float]]:
    """What is remembered after each hour."""
    rules = rules_of(list(NEEDS))
    rows: list[dict[str, float]] = []
    n_events, open_ = 0, 0
    tracemalloc.start()
    for tracks in islice(traffic(n, np.random.default_rng(2)), int(hours * 3600 * FPS) + 1):
        events: list[Event] = [event for rule in rules for event in rule.update(tracks)]
        n_events += len(events)
        open_ += sum({"begin": 1, "end": -1}.get(event.phase, 0) for event in events)
        if tracks.stamp.index and tracks.stamp.index % int(3600 * FPS) == 0:
            row = {
                "hour": tracks.stamp.pts / 3600,
                "traced KiB": round(_traced() / 1024, 1),
                "pickled KiB": round(len(pickle.dumps(rules)) / 1024, 1),
                "events": n_events,
                "open": open_,
                "active rules": sum(rule.state.is_active for rule in rules),
            }
            rows.append(row)
            print("  ".join(f"{name} {value:g}" for name, value in row.items()), flush=True)
    tracemalloc.stop()
    return rows


def _traced() -> int:
    """Bytes that the package holds; what this program keeps of its own figures is not it.

    Nor is CPython's cache of attributes that were looked up: it keeps up to 4,096 names of 58 B,
    fills for days (0.7 KiB an hour here), and is emptied first.
    """
    sys._clear_type_cache()
    ours = [tracemalloc.Filter(inclusive=True, filename_pattern="*/edge/*")]
    found = tracemalloc.take_snapshot().filter_traces(ours).statistics("filename")
    return sum(one.size for one in found)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.rules", description=__doc__)
    parser.add_argument("--hours", type=int, default=0, help="simulate so many hours of traffic")
    parser.add_argument("--warm", action="store_true", help="nothing runs between the rules")
    parser.add_argument("--out", type=Path, help="keep the figures here, as JSON; others stay")
    args = parser.parse_args()
    result: dict[str, object] = {}
    if args.out and args.out.exists():
        result = json.loads(args.out.read_text(encoding="utf-8"))
    result["machine"] = describe()
    if args.hours:
        result["growth"] = growth(args.hours)
    else:
        key = "cost at 50 objects" + (", warm" if args.warm else "")
        result[key] = cost(is_warm=args.warm)
    if args.out:
        args.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
