"""Presence: an object is in a zone for long enough, and until it has left it. Pure.

Zone entry and loitering are the same judgement with other times. An incident belongs to one
object: it begins once, whatever the object's box does at the edge, and it always ends.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge.rules import Scene
from edge.rules._judge import Qualify, Ruling
from edge.rules._objects import Seen
from edge.rules._zone import ZoneJudge, ZoneOptions


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

    An object first seen inside has come in at that moment. One that is not seen is still where it
    was, until it is gone for good.

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

    def update(self, seen: Seen, qualify: Qualify) -> Ruling:  # noqa: ARG002 - each for itself
        """Who has stayed for long enough and has not left."""
        notes, slots, now = self.notes(seen), seen.slots, seen.now
        is_inside = self.inside(seen)
        visits, holds = notes["visits"][slots], notes["holds"][slots]
        notes["inside"][slots[is_inside]] = now
        # Nearly all are where they were: in, or out. The others are few, and looked at by name.
        changed = (is_inside != visits).nonzero()[0]
        for row in changed.tolist():
            one = notes[slots[row]]
            if is_inside[row]:
                one["visits"], one["since"] = True, now
            elif now - one["inside"] >= (self._stay.end if one["holds"] else self._stay.pause):
                one["visits"] = one["holds"] = holds[row] = False
        due = is_inside & (now - notes["since"][slots] >= self._stay.begin)
        due &= ~holds
        if np.count_nonzero(due):
            holds |= due
            notes["holds"][slots] = holds
        return Ruling(holds)
