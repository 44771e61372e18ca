"""Presence: an object is in a zone for long enough, and until it has left it.

Pure. Zone entry and loitering are the same judgement with other times. An incident belongs to one
object: it begins once, whatever the object's box does at the edge, and it always ends.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge.event import Event, Kind, Phase, RuleState, sightings
from edge.frame import Stamp
from edge.geometry import contains
from edge.options import Point
from edge.rules import RuleOptions
from edge.rules._handover import Followed, Handover
from edge.tracks import Anchor, Tracks


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


@dataclass(slots=True)
class _Visitor(Followed):
    """An object in or out of the zone.

    Attributes:
        since: When it came in; None while it is out.
        inside: When it was last seen inside.
        has_begun: Its incident is open.
    """

    since: float | None = None
    inside: float = 0.0
    has_begun: bool = False


class Presence:
    """Reports `begin` and `end` of one kind for each object that stays in a zone.

    An object first seen inside has come in at that moment. One that is not seen is still where it
    was, until the tracker gives it up.

    Args:
        options: Name, classes and priority.
        kind: The kind of its events.
        zone: Name of the zone and its corners in fractions of the picture.
        anchor: Point of the box that counts as the object's place.
        stay: The times.
        camera: The camera's id.
    """

    def __init__(
        self,
        options: RuleOptions,
        kind: Kind,
        zone: tuple[str, tuple[Point, ...]],
        anchor: Anchor,
        stay: Stay,
        camera: str,
    ) -> None:
        self._options = options
        self._kind = kind
        self._where, self._corners = zone[0], np.array(zone[1], np.float64)
        self._anchor: Anchor = anchor
        self._stay = stay
        self._camera = camera
        self._visitors = Handover(_Visitor)
        self._n_open = 0

    @property
    def name(self) -> str:
        """The name a technician gave it."""
        return self._options.name

    @property
    def state(self) -> RuleState:
        """Active while an incident is open; how many are."""
        return RuleState(is_active=self._n_open > 0, count=self._n_open)

    def update(self, tracks: Tracks) -> list[Event]:
        """Judge one frame.

        Args:
            tracks: The frame; N may be 0.

        Returns:
            Ends, then begins, each in the order the objects were first seen.
        """
        visitors, gone = self._visitors.update(tracks)
        now = tracks.stamp.pts
        ends = [self._end(v, tracks.stamp, "track_lost") for v in gone if v.has_begun]
        begins: list[_Visitor] = []
        is_inside = contains(self._corners, tracks.anchors(self._anchor))
        for visitor, is_in in zip(visitors, is_inside.tolist()):
            if is_in:
                if visitor.since is None:
                    visitor.since = now
                visitor.inside = now
                if not visitor.has_begun and now - visitor.since >= self._stay.begin:
                    begins.append(visitor)
            elif visitor.since is not None:
                absent = now - visitor.inside
                if not visitor.has_begun and absent >= self._stay.pause:
                    visitor.since = None
                elif visitor.has_begun and absent >= self._stay.end:
                    ends.append(self._end(visitor, tracks.stamp))
