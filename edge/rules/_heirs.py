"""Heirs: which new track is a lost object found again. Pure.

A tracker that loses somebody behind a post and finds them again under a new number must not hide
a crossing, count one twice, or raise an alert again. So a track that appears where another was
lost shortly before, of like size and class, is the same object. What stood still when it was lost
is waited for longer, and only at the very place: a parked car behind a bus.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge.detections import ANY_LABEL, Mask
from edge.geometry import distance
from edge.tracks import Points, Tracks

HANDOVER_S = 2.0
"""Longest loss that is bridged, in seconds of stream time."""

STOOD_S = 5.0
"""One that stood still for this long when it was lost ..."""

HIDDEN_S = 30.0
"""... may be hidden for this long: a bus at its stop. Until then it counts as still there."""

REACH = 1.0
"""How far an heir may appear from where it was lost or would be by now, in mean box sizes."""

SIZE_RATIO = 1.6
"""Width and height of lost and found may differ by at most this factor."""

# Births closer than this to the last sight of another track are of the same frame: `Tracks.age`
# is float32 and errs by microseconds.
SAME_FRAME_S = 1e-3


@dataclass(frozen=True, slots=True)
class Lost:
    """An object that is not seen any more.

    Attributes:
        number: Its number.
        seen: The last frame it was in.
        row: Its row there.
        is_recent: It was lost at most `HANDOVER_S` ago; else only its place of rest counts.
    """

    number: int
    seen: Tracks
    row: int
    is_recent: bool


def heirs(
    lost: Sequence[Lost], tracks: Tracks, new: Sequence[int], rests_there: Mask
) -> dict[int, int]:
    """Pair new tracks with lost objects, the nearest first.

    Args:
        lost: L of them, at least one.
        tracks: The frame.
        new: N rows of it whose tracks are seen for the first time, at least one.
        rests_there: (L, N) whether the new one lies where the lost one had stood still.

    Returns:
        Index into `lost` by row.
    """
    now = tracks.stamp.pts
    places = [_place(one.seen, [one.row]) for one in lost]
    old_centre = np.concatenate([place[0] for place in places])
    old_size = np.concatenate([place[1] for place in places])
    centre, size = _place(tracks, new)
    last_seen = np.array([one.seen.stamp.pts for one in lost])
    moved = np.array([one.seen.velocity[one.row] / one.seen.size_wh for one in lost])
    expected = old_centre + moved * (now - last_seen)[:, None]

    # (lost, new) from here on. Distances are in box sizes, each axis by its own, to the way from
    # where it was lost to where it would be by now: it may have stopped anywhere between.
    unit = (old_size[:, None] + size) / 2
    apart = distance(old_centre[:, None] / unit, expected[:, None] / unit, centre / unit)
    ratio = size / old_size[:, None]
    is_alike = (np.maximum(ratio, 1 / ratio) <= SIZE_RATIO).all(axis=-1)
    is_recent = np.array([one.is_recent for one in lost])[:, None]
    is_near = (is_recent & (apart <= REACH)) | rests_there
    # Two tracks seen in one frame are two objects.
    is_later = now - tracks.age[new].astype(np.float64) > last_seen[:, None] + SAME_FRAME_S
    labels = np.array([tracks.label(row) for row in new])
    old_labels = np.array([one.seen.label(one.row) for one in lost])[:, None]
    is_same = (labels == old_labels) | (labels == ANY_LABEL) | (old_labels == ANY_LABEL)

    found: dict[int, int] = {}
    taken: set[int] = set()
    candidates = np.argwhere(is_alike & is_later & is_same & is_near)
    for _, _, i, j in sorted((apart[i, j], lost[i].number, i, j) for i, j in candidates.tolist()):
        if i not in taken and new[j] not in found:
            found[new[j]] = i
            taken.add(i)
    return found


def _place(tracks: Tracks, rows: Sequence[int]) -> tuple[Points, Points]:
    """(K, 2) centres and (K, 2) sizes of some rows, in fractions of the picture."""
    box = tracks.xyxy[list(rows)].astype(np.float64)
    size = np.maximum(box[:, 2:] - box[:, :2], 1e-3)
    wh = np.asarray(tracks.size_wh, np.float64)
    return (box[:, :2] + box[:, 2:]) / 2 / wh, size / wh
