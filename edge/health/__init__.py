"""Health: conditions of camera and box as events, so that silence means "nothing happened". Pure.

One file for each condition of the picture: `frozen`, `covered`, `moved`. Those of stream, detector
and box are known to the runtime alone. A condition is an incident like any other: it begins once it
has lasted, ends once it has been gone for a while, and every `begin` has an `end`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from edge.event import Event, Kind, Priority, condition
from edge.frame import Frame, Stamp

LOOK_S = 0.9
"""Least time between looks at the picture. A tenth under a second: jitter of keyframes one second
apart must not make it every other one."""


class Check(Protocol):
    """One thing that can be wrong with a picture."""

    @property
    def kind(self) -> Kind:
        """The event kind it raises."""

    @property
    def begin_s(self) -> float:
        """How long it must last before it is said."""

    @property
    def end_s(self) -> float:
        """How long it must be gone before it is taken back."""

    def look(self, frame: Frame) -> str:
        """What is wrong with a picture, in words; empty where it is well.

        Args:
            frame: Masks applied; about one a second, in order of `pts`.
        """


class Condition:
    """One thing that can be wrong with a camera, with hysteresis.

    Args:
        kind: The event kind it raises.
        begin_s: How long it must last before it is said.
        end_s: How long it must be gone before it is taken back.
        priority: How loudly it asks for a person.
    """

    def __init__(
        self, kind: Kind, *, begin_s: float, end_s: float, priority: Priority = "alert"
    ) -> None:
        self.kind = kind
        self._priority: Priority = priority
        self._begin_s = begin_s
        self._end_s = end_s
        self._is_wrong = False
        self._since: float | None = None
        self._is_open = False
        self._reason = ""

    @property
    def is_open(self) -> bool:
        """It was said and not yet taken back."""
        return self._is_open

    @property
    def reason(self) -> str:
        """Why it was last said to be wrong; empty if it never was."""
        return self._reason

    def update(self, stamp: Stamp, *, wrong: str) -> list[Event]:
        """Tell how things are now.

        Args:
            stamp: Now; durations are differences of its `pts`.
            wrong: What is wrong, in words; empty where all is well.

        Returns:
            A `begin`, an `end`, or nothing.
        """
        if bool(wrong) != self._is_wrong or self._since is None:
            self._is_wrong = bool(wrong)
            self._since = stamp.pts
        lasted_s = stamp.pts - self._since
        if wrong:
            self._reason = wrong
            if not self._is_open and lasted_s >= self._begin_s:
                self._is_open = True
                return [condition(self.kind, "begin", stamp, wrong, priority=self._priority)]
        elif self._is_open and lasted_s >= self._end_s:
            return self.close(stamp, "recovered")
        return []

    def close(self, stamp: Stamp, reason: str) -> list[Event]:
        """End it if it is open."""
        if not self._is_open:
            return []
        self._is_open = False
        return [condition(self.kind, "end", stamp, reason, priority=self._priority)]


class Checks:
    """The checks of one camera's picture, as incidents.

    Args:
        checks: Most serious first.
    """

    def __init__(self, checks: Sequence[Check]) -> None:
        self._checks = [
            (check, Condition(check.kind, begin_s=check.begin_s, end_s=check.end_s))
            for check in checks
        ]
        self._said: dict[Kind, str] = {}
        self._looked_pts: float | None = None

    @property
    def troubles(self) -> tuple[str, ...]:
        """What is wrong now, most serious first, in the words in which it was first said."""
        return tuple(self._said[incident.kind] for _, incident in self._checks if incident.is_open)

    def look(self, frame: Frame) -> list[Event]:
        """Judge a picture if it is time.

        Args:
            frame: The next frame, masks applied.

        Returns:
            What begins and ends by it.
        """
        pts = frame.stamp.pts
        if self._looked_pts is not None and 0.0 <= pts - self._looked_pts < LOOK_S:
            return []
        self._looked_pts = pts
        events = []
        for check, incident in self._checks:
            for event in incident.update(frame.stamp, wrong=check.look(frame)):
                self._said[event.kind] = event.reason
                events.append(event)
        return events

    def close(self, stamp: Stamp, reason: str) -> list[Event]:
        """End what is open, for the reason given."""
        return [event for _, incident in self._checks for event in incident.close(stamp, reason)]
