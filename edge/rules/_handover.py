"""Handover: what a rule remembers of each object, kept through a short identity loss.

Pure. A tracker that loses somebody behind a post and finds them again under a new number must not
hide a crossing, count one twice, or raise an alert again. So a track that appears where another
was lost shortly before, of like size and class, continues that one's memory. It moves there: if
the lost track comes back after all, it starts afresh.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from edge.detections import ANY_LABEL
from edge.geometry import distance
from edge.tracks import Points, Tracks

HANDOVER_S = 2.0
"""Longest loss that is bridged, in seconds of stream time."""

REACH = 1.0
"""How far an heir may appear from where it was lost or would be by now, in mean box sizes."""

SIZE_RATIO = 1.6
"""Width and height of lost and found may differ by at most this factor."""

# A track absent this long is forgotten even if the tracker never says that it ended. Longer than
# any tracker may keep a lost track (30 s), so it only bounds memory.
FORGET_S = 60.0
# Births closer than this to the last sight of another track are of the same frame: `Tracks.age`
# is float32 and errs by microseconds.
SAME_FRAME_S = 1e-3


@dataclass(slots=True, eq=False)
class Followed:
    """One object as a rule sees it, over one or more tracks; rules add what they remember.

    Attributes:
        number: Unique within the rule, from 1, never used again.
        seen: The last frame it was in.
        row: Its row there.
    """

    number: int
    seen: Tracks
    row: int


T = TypeVar("T", bound=Followed)


class Handover(Generic[T]):
    """The objects of one rule.

    Args:
        make: Makes the memory of a new object from number, frame and row.
    """

    def __init__(self, make: Callable[[int, Tracks, int], T]) -> None:
        self._make = make
        self._by_track: dict[int, T] = {}
        self._ended: list[T] = []
        self._next_number = 1

    def update(self, tracks: Tracks) -> tuple[list[T], list[T]]:
        """Find the memory of each track.

        Args:
            tracks: The frame.

        Returns:
            One memory a row of `tracks`, `seen` and `row` already set to it; and the memories of
            objects that are gone for good, in order of number.
        """
        now = tracks.stamp.pts
        by_track, track_ids = self._by_track, tracks.track_id.tolist()
        for ended in tracks.removed.tolist():
            if ended in by_track:
                self._ended.append(by_track.pop(ended))
        new = [row for row, track in enumerate(track_ids) if track not in by_track]
        if new:
            self._admit(tracks, sorted(new, key=track_ids.__getitem__))
        followed = []
        for row, track in enumerate(track_ids):
            one = by_track[track]
            one.seen, one.row = tracks, row
            followed.append(one)
        gone = [one for one in self._ended if now - one.seen.stamp.pts > HANDOVER_S]
        self._ended = [one for one in self._ended if now - one.seen.stamp.pts <= HANDOVER_S]
        if len(by_track) > len(track_ids):
            for track, one in list(by_track.items()):
                if now - one.seen.stamp.pts > FORGET_S:
                    gone.append(by_track.pop(track))
        return followed, sorted(gone, key=lambda one: one.number)

    def clear(self) -> list[T]:
        """Forget all objects and return them, in order of number."""
        everyone = [*self._by_track.values(), *self._ended]
        self._by_track.clear()
        self._ended = []
        return sorted(everyone, key=lambda one: one.number)

    def _admit(self, tracks: Tracks, new: list[int]) -> None:
        """Give new rows the memory of a lost object, or a fresh one."""
        now = tracks.stamp.pts
        present = set(tracks.track_id.tolist())
        old_track = {one.number: track for track, one in self._by_track.items()}
        lost = [
            one
            for one in (*self._by_track.values(), *self._ended)
            if now - one.seen.stamp.pts <= HANDOVER_S and old_track.get(one.number) not in present
        ]
        heirs = _match(lost, tracks, new) if lost else {}
        for row in new:
            one = heirs.get(row)
            if one is None:
                one = self._make(self._next_number, tracks, row)
                self._next_number += 1
            elif one.number in old_track:
                del self._by_track[old_track[one.number]]
            else:
                self._ended = [other for other in self._ended if other is not one]
            self._by_track[int(tracks.track_id[row])] = one


def _match(lost: list[T], tracks: Tracks, new: list[int]) -> dict[int, T]:
    """Pair new rows with lost objects, the nearest first.

    Returns:
        Lost object by row.
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
    # Two tracks seen in one frame are two objects.
    is_later = now - tracks.age[new].astype(np.float64) > last_seen[:, None] + SAME_FRAME_S
    labels = np.array([tracks.label(row) for row in new])
    old_labels = np.array([one.seen.label(one.row) for one in lost])[:, None]
    is_same = (labels == old_labels) | (labels == ANY_LABEL) | (old_labels == ANY_LABEL)

    heirs: dict[int, T] = {}
    taken: set[int] = set()
    candidates = np.argwhere(is_alike & is_later & is_same & (apart <= REACH))
    for _, _, i, j in sorted((apart[i, j], lost[i].number, i, j) for i, j in candidates.tolist()):
        if i not in taken and new[j] not in heirs:
            heirs[new[j]] = lost[i]
            taken.add(i)
    return heirs


def _place(tracks: Tracks, rows: list[int]) -> tuple[Points, Points]:
    """(K, 2) centres and (K, 2) sizes of some rows, in fractions of the picture."""
    box = tracks.xyxy[rows].astype(np.float64)
    size = np.maximum(box[:, 2:] - box[:, :2], 1e-3)
    wh = np.asarray(tracks.size_wh, np.float64)
    return (box[:, :2] + box[:, 2:]) / 2 / wh, size / wh
