"""Presence: an object is in a zone for long enough, and until it has left it. Pure.

Zone entry and loitering are the same judgement with other times. An incident belongs to one
object: it begins once, whatever the object's box does at the edge, and it always ends.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.rules import Scene
from edge.rules._judge import Qualify, Rows, Ruling
from edge.rules._objects import Seen
from edge.rules._zone import ZoneJudge, ZoneOptions

LOOK_BACK_S = 1.0
"""A track is shown once it is believed, two or three pictures after it was first seen. For so long
its way there is taken to have been straight; of what was followed for longer before this rule saw
it, nobody knows where it was."""


@dataclass(frozen=True)
class Stay:
    """The times of a judgement, in seconds of stream time.

    Attributes:
        begin: How long an object is in the zone before the incident begins.
        pause: An absence at least this long before that starts the time anew; 0 for any absence.
        end: How long an object is seen outside before the incident ends.
    """

    begin: float
    pause: float
    end: float


class Presence(ZoneJudge):
    """Says who stays in a zone.

    An object first seen inside has come in at that moment: when the tracker saw it first, not when
    it believed it. One that is not seen is still where it was, until it is gone for good.

    Args:
        options: What is watched.
        scene: Holds the zone.
        stay: The times.
    """

    def __init__(self, options: ZoneOptions, scene: Scene, stay: Stay) -> None:
        super().__init__(
            options, scene, [("visits", "?"), ("holds", "?"), ("since", "f8"), ("inside", "f8")]
        )
        self._stay = stay
        self._due_at = float("inf")  # before then, no stay is long enough

    def update(self, seen: Seen, qualify: Qualify) -> Ruling:  # noqa: ARG002 - each for itself
        """Who has stayed for long enough and has not left."""
        notes, slots, now = self.notes(seen), seen.slots, seen.now
        is_inside = self.inside(seen)
        visits = notes["visits"][slots]
        notes["inside"][slots[is_inside]] = now
        # Nearly all are where they were: in, or out. The others are few, and looked at one by one.
        rows = (is_inside != visits).nonzero()[0].tolist()
        for row in rows:
            one = notes[slots[row]]
            if is_inside[row]:
                since = self._first_inside(seen, row) if slots[row] in seen.fresh else now
                one["visits"], one["since"] = True, since
                self._due_at = min(self._due_at, since + self._stay.begin)
            elif now - one["inside"] >= (self._stay.end if one["holds"] else self._stay.pause):
                one["visits"] = one["holds"] = False
        if now >= self._due_at:
            self._begin(notes, slots[is_inside], now)
        return Ruling(notes["holds"][slots])

    def _first_inside(self, seen: Seen, row: int) -> float:
        """Since when a new object that is in the zone has been there, in stream time."""
        age = float(seen.tracks.age[row])
        way = seen.tracks.velocity[row].astype(np.float64) * age / seen.tracks.size_wh
        first = seen.places(self._anchor)[row] - way
        was_inside = age <= LOOK_BACK_S and self.contains(first)
        return seen.now - age if was_inside else seen.now

    def _begin(self, notes: NDArray[np.void], slots: Rows, now: float) -> None:
        """Let the stays of those inside begin that are long enough; note when others will be."""
        stay_s = now - notes["since"][slots]
        notes["holds"][slots[stay_s >= self._stay.begin]] = True
        # Also of those who are not in this frame.
        waits = notes["visits"] & ~notes["holds"]
        first = notes["since"][waits].min(initial=np.inf)
        self._due_at = float(first) + self._stay.begin
