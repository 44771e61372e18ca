"""Objects: who is there, over one or more tracks. Pure; one table for all rules of a camera.

Each object has a slot, a row in arrays: rules keep what they remember of it in arrays of their
own, at the same row, and judge all objects at once. An object keeps its slot through a short
identity loss; when it is gone for good its slot is given to another.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from edge.detections import Floats, Mask
from edge.geometry import Polygons
from edge.ground import Ground
from edge.options import Point
from edge.rules._heirs import HANDOVER_S, HIDDEN_S, STOOD_S, Lost, heirs
from edge.rules._rest import Rest, Slots
from edge.tracks import Anchor, Points, Tracks

FIRST = 64
"""Slots to begin with; doubled whenever there are more objects."""

# A track absent this long is forgotten even if the tracker never says that it ended. Longer than
# any tracker may keep a lost track (30 s), so it only bounds memory, and is looked for seldom.
FORGET_S = 60.0
SWEEP_S = 10.0

REST_EVERY_S = 0.5
"""Who stands still is looked at so often; nothing that asks for it is about less than seconds."""

STEPS = 100
"""Confidences are taken in steps of a hundredth."""

Array = TypeVar("Array", bound=NDArray[Any])


@dataclass(frozen=True, slots=True, eq=False)
class Zone:
    """Corners of a polygon; the same object for all rules that watch it."""

    corners: tuple[Point, ...]


@dataclass(slots=True, eq=False)
class Zones:
    """All zones that were ever asked about with one anchor, to be answered in one call."""

    number: dict[Zone, int] = field(default_factory=dict)
    polygons: Polygons | None = None

    def add(self, zone: Zone) -> None:
        """Take in another."""
        self.number[zone] = len(self.number)
        self.polygons = Polygons([one.corners for one in self.number])


@dataclass(slots=True, eq=False)
class Seen:
    """One frame as rules see it: who is in it, and who is gone since the last.

    What several rules ask alike is worked out for the first that asks, and read-only for all.

    Attributes:
        tracks: The frame.
        now: Its stream time.
        slots: (N,) slot of each row.
        numbers: (N,) number of each row's object: unique, rising with the first sight.
        boxes: (N, 4) float64 xyxy in fractions of the picture.
        fresh: Slots that stand for a new object from this frame on.
        gone: Slots whose object is gone for good; still theirs in this frame.
        capacity: Slots are below this.
    """

    tracks: Tracks
    now: float
    slots: Slots
    numbers: NDArray[np.int64]
    boxes: Points
    fresh: list[int]
    gone: list[int]
    capacity: int
    _rest: Rest
    _zones: dict[Anchor, Zones]
    _known: dict[Hashable, NDArray[Any]] = field(default_factory=dict)

    def once(self, key: Hashable, work: Callable[[], Array]) -> Array:
        """What was worked out under a key for this frame, by whoever asked first.

        Args:
            key: Says all that the answer depends on, beside the frame.
            work: Works it out.

        Returns:
            The same read-only array for all who ask.
        """
        found: Any = self._known.get(key)
        if found is None:
            found = self._known[key] = work()
            found.setflags(write=False)
        return found  # type: ignore[no-any-return]

    def still_s(self) -> NDArray[np.float64]:
        """(N,) for how long each has stood still, a lapse of a moment included."""
        return self.now - self._rest.since(self.slots)

    def at_rest(self) -> Mask:
        """(N,) whether it was where it stood when that was last looked at."""
        return self._rest.fitted(self.slots)

    def places(self, anchor: Anchor) -> Points:
        """(N, 2) where each object is, in fractions of the picture."""

        def work() -> Points:
            found = np.empty((len(self.boxes), 2))
            left, top, right, bottom = self.boxes.T
            found[:, 0] = (left + right) / 2
            if anchor == "center":
                found[:, 1] = (top + bottom) / 2
            else:
                found[:, 1] = bottom if anchor == "bottom_center" else top
            return found

        return self.once(anchor, work)

    def metres(self, ground: Ground, anchor: Anchor) -> Points:
        """(N, 2) where each object is on the ground, in metres; NaN above the horizon."""
        return self.once(("metres", ground, anchor), lambda: ground.to_metres(self.places(anchor)))

    def on_ground(self, ground: Ground, anchor: Anchor) -> Mask:
        """(N,) who is below the horizon."""
        return self.once(
            ("on ground", ground, anchor), lambda: np.isfinite(self.metres(ground, anchor)[:, 0])
        )

    def sizes(self) -> Points:
        """(N, 2) width and height of the boxes, in fractions of the picture."""
        return self.once("sizes", lambda: self.boxes[:, 2:] - self.boxes[:, :2])

    def inside(self, zone: Zone, anchor: Anchor) -> Mask:
        """(N,) who is in a zone.

        The zones of all rules are answered at once: one costs 30 us at 50 objects, eight 90.
        """
        zones = self._zones.setdefault(anchor, Zones())
        if zone not in zones.number:
            zones.add(zone)
            self._known.pop(("inside", anchor), None)
        assert zones.polygons is not None
        contains = zones.polygons.contains
        within = self.once(("inside", anchor), lambda: contains(self.places(anchor)))
        is_inside: Mask = within[zones.number[zone]]
        return is_inside


class Objects:
    """The objects of one camera."""

    def __init__(self) -> None:
        self.number: NDArray[np.int64] = np.zeros(FIRST, np.int64)
        self._seen_at = np.zeros(FIRST)
        # Sightings of each object; and of these, for each confidence that is asked for (in
        # steps), those below it: whether a median reaches it needs no more than two counts.
        self._sightings: NDArray[np.int64] = np.zeros(FIRST, np.int64)
        self._below: dict[int, NDArray[np.int64]] = {}
        self._rest = Rest(FIRST)
        self._last: list[tuple[Tracks, int] | None] = [None] * FIRST
        self._scale = np.ones(4)
        self._size_wh = (0, 0)
        self._free = list(range(FIRST))[::-1]
        self._by_track: dict[int, int] = {}
        # Slots whose tracks ended, and until when an heir may still appear.
        self._ended: dict[int, float] = {}
        self._next_number = 1
        self._swept_at = self._rested_at = float("-inf")
        self._seen: Seen | None = None
        self._zones: dict[Anchor, Zones] = {}

    def see(self, tracks: Tracks) -> Seen:
        """Find the object behind each track.

        Args:
            tracks: The frame. Given again, the same answer is given again: each rule asks.
        """
        if self._seen is not None:
            if self._seen.tracks is tracks:
                return self._seen
            self._release(self._seen.gone)
        now, by_track = tracks.stamp.pts, self._by_track
        if tracks.size_wh != self._size_wh:
            self._size_wh = tracks.size_wh
            self._scale = np.array(tracks.size_wh * 2, np.float64)
        boxes = tracks.xyxy / self._scale
        for ended in tracks.removed.tolist():
            if ended in by_track:
                slot = by_track.pop(ended)
                self._ended[slot] = float(self._seen_at[slot]) + self._patience_s(slot)
        ids = tracks.track_id.tolist()
        found = [by_track.get(track, -1) for track in ids]
        fresh: list[int] = []
        if -1 in found:
            new = sorted((row for row, slot in enumerate(found) if slot < 0), key=ids.__getitem__)
            fresh = self._admit(tracks, boxes, new)
            found = [by_track[track] for track in ids]
        slots = np.array(found, np.intp)
        last = self._last
        for slot, here in zip(found, zip(repeat(tracks), range(len(found))), strict=False):
            last[slot] = here
        self._seen_at[slots] = now
        if now - self._rested_at >= REST_EVERY_S:
            self._rested_at = now
            self._rest.update(slots, boxes, now)
        if self._below:
            self._count(slots, tracks.confidence)
        gone = self._gone(now)
        self._seen = Seen(
            tracks,
            now,
            slots,
            self.number[slots],
            boxes,
            fresh,
            gone,
            len(self.number),
            self._rest,
            self._zones,
        )
        return self._seen

    def _count(self, slots: Slots, confidence: Floats) -> None:
        """Note how sure the detector was of each object in the frame."""
        self._sightings[slots] += 1
        steps = confidence * STEPS + 0.5
        for least, below in self._below.items():
            below[slots] += steps < least

    def watch_confidence(self, least: float) -> int:
        """Count what `is_sure` is asked for; before the first frame.

        Args:
            least: A confidence, in (0, 1].

        Returns:
            The steps a median needs to reach it.
        """
        steps = next(step for step in range(STEPS + 1) if step / STEPS >= least)
        self._below.setdefault(steps, np.zeros(len(self.number), np.int64))
        return steps

    def last(self, slot: int) -> tuple[Tracks, int]:
        """The last frame an object was in, and its row there."""
        last = self._last[slot]
        assert last is not None
        return last

    def in_order(self, slots: Slots | list[int]) -> list[int]:
        """Slots in the order in which their objects were first seen."""
        return sorted(map(int, slots), key=self.number.__getitem__)

    def is_sure(self, slots: Slots, steps: int) -> Mask:
        """Whether the median confidence over all that was seen of some objects is high enough.

        Args:
            slots: (K,), may be empty.
            steps: From `watch_confidence`.

        Returns:
            (K,); of an even number of sightings the lower one in the middle is the median.
        """
        is_sure: Mask = 2 * self._below[steps][slots] < self._sightings[slots]
        return is_sure

    def _admit(self, tracks: Tracks, boxes: Points, new: list[int]) -> list[int]:
        """Give new rows the slot of a lost object, or one of their own; those are returned."""
        now = tracks.stamp.pts
        present = set(tracks.track_id.tolist())
        track_of = {slot: track for track, slot in self._by_track.items()}
        away = [slot for track, slot in self._by_track.items() if track not in present]
        slots = [s for s in (*away, *self._ended) if now - self._seen_at[s] <= self._patience_s(s)]
        found = self._heirs(slots, tracks, boxes, new) if slots else {}
        fresh = []
        for row in new:
            slot = found.get(row)
            if slot is None:
                slot = self._take()
                fresh.append(slot)
                self._rest.start(np.array([slot]), boxes[[row]], now)
            elif slot in track_of:
                del self._by_track[track_of[slot]]
            else:
                del self._ended[slot]
            self._by_track[int(tracks.track_id[row])] = slot
        return fresh

    def _heirs(
        self, slots: list[int], tracks: Tracks, boxes: Points, new: list[int]
    ) -> dict[int, int]:
        """Slot by row, of those new rows that are lost objects."""
        now = tracks.stamp.pts
        lost = [
            Lost(int(self.number[s]), *self.last(s), bool(now - self._seen_at[s] <= HANDOVER_S))
            for s in slots
        ]
        rests_there: Mask = np.array(
            [
                self._rest.fits(np.full(len(new), s), boxes[new]) & self._stood(s)
                for s in slots
            ]
        )  # fmt: skip
        return {row: slots[i] for row, i in heirs(lost, tracks, new, rests_there).items()}

    def _stood(self, slot: int) -> bool:
        """Whether it stood still when it was last seen."""
        since = self._rest.since_when(slot)
        return float(self._seen_at[slot]) - since >= STOOD_S and not self._rest.is_lapsed(slot)

    def _patience_s(self, slot: int) -> float:
        """How long after it was last seen an object may be found again."""
        return HIDDEN_S if self._stood(slot) else HANDOVER_S

    def _gone(self, now: float) -> list[int]:
        """Slots of objects that are gone for good, in order of number."""
        gone: list[int] = []
        if self._ended:
            gone = [slot for slot, until in self._ended.items() if now > until]
            for slot in gone:
                del self._ended[slot]
        if now - self._swept_at >= SWEEP_S:
            self._swept_at = now
            for track, slot in list(self._by_track.items()):
                if now - self._seen_at[slot] > FORGET_S:
                    gone.append(self._by_track.pop(track))
        return self.in_order(gone)

    def _take(self) -> int:
        """A slot for a new object."""
        if not self._free:
            n = len(self.number)
            self.number = np.concatenate([self.number, np.zeros(n, np.int64)])
            self._seen_at = np.concatenate([self._seen_at, np.zeros(n)])
            self._sightings = np.concatenate([self._sightings, np.zeros(n, np.int64)])
            for steps, below in self._below.items():
                self._below[steps] = np.concatenate([below, np.zeros(n, np.int64)])
            self._rest.grow(2 * n)
            self._last += [None] * n
            self._free = list(range(n, 2 * n))[::-1]
        slot = self._free.pop()
        self.number[slot] = self._next_number
        self._next_number += 1
        self._sightings[slot] = 0
        for below in self._below.values():
            below[slot] = 0
        return slot

    def _release(self, gone: list[int]) -> None:
        """Let the slots of those who are gone be given to others."""
        for slot in gone:
            self._last[slot] = None
        self._free += gone[::-1]
