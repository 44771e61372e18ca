"""Health: conditions of camera and box as events, so that silence means "nothing happened". Pure.

A condition is an incident like any other: it begins once it has lasted, ends once it has been
gone for a while, and every `begin` has an `end`.
"""

from __future__ import annotations

from edge.event import Event, Kind, condition
from edge.frame import Stamp


class Condition:
    """One thing that can be wrong with a camera, with hysteresis.

    Args:
        kind: The event kind it raises.
        begin_s: How long it must last before it is said.
        end_s: How long it must be gone before it is taken back.
    """

    def __init__(self, kind: Kind, *, begin_s: float, end_s: float) -> None:
        self.kind = kind
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
                return [condition(self.kind, "begin", stamp, wrong)]
        elif self._is_open and lasted_s >= self._end_s:
            return self.close(stamp, "recovered")
        return []

    def close(self, stamp: Stamp, reason: str) -> list[Event]:
        """End it if it is open."""
        if not self._is_open:
            return []
        self._is_open = False
        return [condition(self.kind, "end", stamp, reason)]
