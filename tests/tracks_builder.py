"""Builders: what a rule or a tracker is fed, written as a path over time.

`a_track(7).at(0.0, 0.5, 0.2).to(2.0, 0.5, 0.9)` walks down the picture in two seconds; `frames`
turns several such paths into the frames a tracker would give.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone

import numpy as np

from edge.detections import Detections, ModelRef
from edge.event import Event
from edge.frame import Stamp
from edge.rules import Rule
from edge.tracks import Tracks

FPS = 8.0
SIZE_WH = (1920, 1080)
MODEL = ModelRef("test", "3fa1c2d4" + "0" * 56, ("person", "car", "object", "suitcase"))
START = datetime(2026, 11, 23, 9, 0, tzinfo=timezone.utc)
Seen = tuple[float, float, float]


def stamp(pts: float, camera: str = "high-street") -> Stamp:
    """A stamp whose two clocks run alike."""
    return Stamp(camera, round(pts * FPS), pts, START + timedelta(seconds=pts), 40)


@dataclass(frozen=True)
class Path:
    """One track: when its bottom centre was seen where, in fractions of the picture."""

    track: int
    label: str = "person"
    box: tuple[float, float] = (0.04, 0.16)
    seen: tuple[Seen, ...] = ()

    def at(self, t: float, x: float, y: float) -> Path:
        """Seen once more."""
        return replace(self, seen=(*self.seen, (t, x, y)))

    def to(self, t: float, x: float, y: float, fps: float = FPS) -> Path:
        """Seen on a straight way from the last place, `fps` times a second, until `t`."""
        t0, x0, y0 = self.seen[-1]
        n = round((t - t0) * fps)
        way = [
            (t0 + (t - t0) * k / n, x0 + (x - x0) * k / n, y0 + (y - y0) * k / n)
            for k in range(1, n + 1)
        ]
        return replace(self, seen=(*self.seen, *way))

    def stays(self, until: float, fps: float = FPS) -> Path:
        """Seen where it was."""
        return self.to(until, *self.seen[-1][1:], fps=fps)

    def without(self, start: float, end: float) -> Path:
        """Not seen from `start` to `end`, both included."""
        return replace(self, seen=tuple(s for s in self.seen if not start <= s[0] <= end))


def a_track(track: int = 1, label: str = "person", box: tuple[float, float] = (0.04, 0.16)) -> Path:
    """A track that was not seen yet."""
    return Path(track, label, box)


def frame_of(
    rows: Sequence[tuple[Path, Seen]],
    pts: float,
    *,
    removed: Iterable[int] = (),
    size_wh: tuple[int, int] = SIZE_WH,
) -> Tracks:
    """One frame with some paths in it."""
    width, height = size_wh
    boxes, age, velocity = [], [], []
    for path, (t, x, y) in rows:
        w, h = path.box
        boxes.append(((x - w / 2) * width, (y - h) * height, (x + w / 2) * width, y * height))
        age.append(pts - path.seen[0][0])
        before = [s for s in path.seen if s[0] < t]
        dt, dx, dy = (np.subtract((t, x, y), before[-1])) if before else (1.0, 0.0, 0.0)
        velocity.append((dx / dt * width, dy / dt * height))
    n = len(rows)
    return Tracks(
        stamp(pts),
        size_wh,
        MODEL,
        np.array(boxes, np.float32).reshape(n, 4),
        np.full(n, 0.8, np.float32),
        np.array([MODEL.labels.index(path.label) for path, _ in rows], np.int32),
        np.array([path.track for path, _ in rows], np.int64),
        np.array(age, np.float32),
        np.array(velocity, np.float32).reshape(n, 2),
        np.array(sorted(removed), np.int64),
    )


def frames(
    *paths: Path,
    fps: float = FPS,
    lost_s: float = 2.0,
    after_s: float = 0.0,
    size_wh: tuple[int, int] = SIZE_WH,
) -> list[Tracks]:
    """What a tracker would give for some paths.

    Args:
        paths: The tracks; a frame is made for every time at which one was seen.
        fps: Rate of the frames after the last sighting.
        lost_s: A track unseen for longer is in `removed` of the next frame, once.
        after_s: How long the camera goes on looking at nothing.
        size_wh: Size of the picture in pixels.
    """
    times = sorted({round(s[0], 6) for path in paths for s in path.seen})
    times += [times[-1] + k / fps for k in range(1, round(after_s * fps) + 1)]
    ended: set[int] = set()
    made = []
    for t in times:
        rows = [(path, s) for path in paths for s in path.seen if round(s[0], 6) == t]
        now = {
            path.track
            for path in paths
            if path.track not in ended
            and path.seen[0][0] <= t
            and t - max(s[0] for s in path.seen if s[0] <= t + 1e-6) > lost_s
        }
        made.append(frame_of(rows, t, removed=now, size_wh=size_wh))
        ended |= now
    return made


def judge(rule: Rule, made: Iterable[Tracks]) -> list[Event]:
    """All events of a rule over some frames."""
    return [event for tracks in made for event in rule.update(tracks)]


def some_boxes(
    pts: float,
    boxes: Sequence[Sequence[float]],
    confidence: float | Sequence[float] = 0.9,
    class_id: int | Sequence[int] = 0,
) -> Detections:
    """One frame's detections, xyxy in pixels of a 1920x1080 picture."""
    n = len(boxes)
    return Detections(
        stamp(pts),
        SIZE_WH,
        MODEL,
        np.array(boxes, np.float32).reshape(n, 4),
        np.broadcast_to(np.asarray(confidence, np.float32), n).copy(),
        np.broadcast_to(np.asarray(class_id, np.int32), n).copy(),
    )
