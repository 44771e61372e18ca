"""Presence: an object is in a zone for long enough, and until it has left it.

Pure. Zone entry and loitering are the same judgement with other times. An incident belongs to one
object: it begins once, whatever the object's box does at the edge, and it always ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from edge.event import Event, Kind, Phase, RuleState, sightings
from edge.frame import Stamp
from edge.geometry import contains
from edge.options import Identifier
from edge.rules import RuleOptions, Scene
from edge.rules._handover import Followed, Handover
from edge.tracks import Anchor, Tracks


class ZoneOptions(RuleOptions):
    """What every rule about a zone can be told."""

    zone: Annotated[
        Identifier,
        Field(description="Name of the zone that is watched.", examples=["yard"]),
    ]
    anchor: Annotated[
        Anchor,
        Field(description="Point of the box that counts as the object's place."),
    ] = "bottom_center"


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


@dataclass(slots=True, eq=False)
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
        options: What is watched.
        kind: The kind of its events.
        stay: The times.
        scene: Holds the zone, a polygon in fractions of the picture.
        camera: The camera's id.
    """

    def __init__(
        self, options: ZoneOptions, kind: Kind, stay: Stay, scene: Scene, camera: str
    ) -> None:
        self._options = options
        self._kind = kind
        self._corners = np.array(scene.zones[options.zone], np.float64)
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
        now, stay = tracks.stamp.pts, self._stay
        ended = [(visitor, "track_lost") for visitor in gone if visitor.has_begun]
        begun: list[_Visitor] = []
        is_inside = contains(self._corners, tracks.anchors(self._options.anchor))
        for visitor, is_in in zip(visitors, is_inside.tolist(), strict=True):
            if is_in:
                if visitor.since is None:
                    visitor.since = now
                visitor.inside = now
                if not visitor.has_begun and now - visitor.since >= stay.begin:
                    begun.append(visitor)
            elif visitor.since is not None and now - visitor.inside >= (
                stay.end if visitor.has_begun else stay.pause
            ):
                visitor.since = None
                if visitor.has_begun:
                    ended.append((visitor, ""))
        events = self._end(ended, tracks.stamp)
        for visitor in sorted(begun, key=lambda visitor: visitor.number):
            # The class is a vote and may settle later than the stay began.
            if self._options.applies_to(tracks.label(visitor.row)):
                visitor.has_begun = True
                self._n_open += 1
                events.append(self._event("begin", visitor, tracks.stamp))
        return events

    def close(self, stamp: Stamp, reason: str) -> list[Event]:
        """End every open incident and forget all tracks.

        Args:
            stamp: When the last picture was seen.
            reason: Why nobody will see it end.
        """
        everyone = self._visitors.clear()
        return self._end([(visitor, reason) for visitor in everyone if visitor.has_begun], stamp)

    def _end(self, ended: list[tuple[_Visitor, str]], stamp: Stamp) -> list[Event]:
        """Close incidents, in the order the objects were first seen."""
        events = []
        for visitor, reason in sorted(ended, key=lambda pair: pair[0].number):
            visitor.has_begun = False
            self._n_open -= 1
            events.append(self._event("end", visitor, stamp, reason))
        return events

    def _event(self, phase: Phase, visitor: _Visitor, stamp: Stamp, reason: str = "") -> Event:
        """One phase of a visitor's incident, with the visitor as last seen."""
        return Event(
            self._camera,
            self._kind,
            phase,
            stamp.captured_at,
            stamp.clock_ms,
            priority=self._options.priority,
            rule=self._options.name,
            key=str(visitor.number),
            where=self._options.zone,
            objects=sightings(visitor.seen, [visitor.row]),
            model=str(visitor.seen.model),
            reason=reason,
        )
