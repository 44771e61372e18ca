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
        notes, slots, now, stay = self.notes(seen), seen.slots, seen.now, self._stay
        is_inside = self.inside(seen)
        visits, holds = notes["visits"][slots], notes["holds"][slots]
        if not (visits.any() or is_inside.any()):
            return Ruling(holds)
        since, inside = notes["since"][slots], notes["inside"][slots]
        since[is_inside & ~visits] = now
        inside[is_inside] = now
        visits |= is_inside
        holds |= is_inside & (now - since >= stay.begin)
        stays = is_inside | (now - inside < np.where(holds, stay.end, stay.pause))
        visits &= stays
        holds &= stays
        notes["visits"][slots], notes["holds"][slots] = visits, holds
        notes["since"][slots], notes["inside"][slots] = since, inside
        return Ruling(holds)
