"""Stories: scenes whose truth is known exactly, as tracks or as what a detector makes of them.

A story is the paths of its actors. `exact` gives the tracks; `followed` draws the boxes with noise,
leaves some out and lets the real tracker find its way.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edge.detections import Detections
from edge.options import kinds
from edge.tracks import Tracks
from tests.tracks_builder import MODEL, SIZE_WH, Path, frames

NOISE = 0.025
"""Standard deviation of each edge in sizes of the box, as measured for ADR 0007."""


def exact(*paths: Path, after_s: float = 4.0) -> list[Tracks]:
    """The tracks as they are."""
    return frames(*paths, after_s=after_s)


def followed(
    *paths: Path, seed: int, missing: float = 0.1, after_s: float = 4.0, tracker: str = "bytetrack"
) -> list[Tracks]:
    """The tracks as a tracker gives them for boxes with noise, of which some are missing."""
    rng = np.random.default_rng(seed)
    follow = kinds("edge.trackers")[tracker]().build()  # type: ignore[attr-defined]
    made = []
    for tracks in frames(*paths, after_s=after_s):
        size = np.tile(tracks.xyxy[:, 2:] - tracks.xyxy[:, :2], 2)
        boxes = tracks.xyxy + rng.normal(0, NOISE, tracks.xyxy.shape) * size
        is_seen = rng.random(len(tracks)) >= missing
        detections = Detections(
            tracks.stamp,
            SIZE_WH,
            MODEL,
            boxes.astype(np.float32)[is_seen],
            rng.uniform(0.5, 0.9, len(tracks)).astype(np.float32)[is_seen],
            tracks.class_id[is_seen],
        )
        made.append(follow.update(detections))
    return made


def renumbered(path: Path, at: float, track: int) -> tuple[Path, Path]:
    """A path whose track has another number from some time on."""
    before = tuple(seen for seen in path.seen if seen[0] < at)
    after = tuple(seen for seen in path.seen if seen[0] >= at)
    return replace(path, seen=before), replace(path, track=track, seen=after)
