"""Arming: which rules of one camera are disarmed, until when, and what that keeps back.

Two things keep a rule's events back: a person, for a time, and the policy, until it is met. What a
person may end, the policy's they may not.

Pure but for its lock: time comes in with each call, as a stamp of the box's own clocks. What is
begun while a rule is disarmed is not forgotten: if it still goes on when the rule is armed again,
it is said then. What outlives the process is `disarmings`' business.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from edge.event import Event, Phase, condition
from edge.frame import Stamp

KEY = "disarmed"
"""Joins begin and end of a disarming; no rule uses it, for theirs are of other kinds."""

REFUSED = "refused"
"""The same of what the policy does not let arm."""


@dataclass(frozen=True, slots=True)
class Disarming:
    """One rule's events are kept back.

    Attributes:
        rule: The rule's name.
        ends_at: When it ends by itself, on the monotonic clock, in seconds.
        until: The same in UTC, for people.
        words: By whom and why.
    """

    rule: str
    ends_at: float
    until: datetime
    words: str


class Arming:
    """The disarmings of one camera. Safe from any thread.

    Args:
        inherited: Disarmings that began before a reload and go on.
        refused: Why the policy does not let rules arm, by rule.
    """

    def __init__(
        self, inherited: Iterable[Disarming] = (), refused: Mapping[str, str] | None = None
    ) -> None:
        self._lock = threading.Lock()
        self._refused: dict[str, str] = {}
        self._to_refuse = dict(refused or {})  # while it is not watched
        self._disarmed: dict[str, Disarming] = {}
        self._unsaid: dict[tuple[str, str], Event] = {}  # begun, and kept back
        self._inherited = {one.rule: one for one in inherited}  # while it is not watched
        self.n_withheld = 0

    def until(self, rule: str) -> datetime | None:
        """When a rule will be armed again; None while it is armed."""
        with self._lock:
            found = self._disarmed.get(rule)
            return found.until if found else None

    def refused(self, rule: str) -> str:
        """Why the policy does not let a rule arm; empty while it does."""
        with self._lock:
            return self._refused.get(rule) or self._to_refuse.get(rule, "")

    @property
    def disarmings(self) -> tuple[Disarming, ...]:
        """All there are, also those that are taken up when the watching begins."""
        with self._lock:
            return (*self._disarmed.values(), *self._inherited.values())

    def start(self, now: Stamp) -> list[Event]:
        """Take up what was inherited, and what the policy refuses."""
        events = self.refuse(self._to_refuse, now)
        self._to_refuse = {}
        with self._lock:
            inherited, self._inherited = self._inherited, {}
            return events + [event for one in inherited.values() for event in self._begin(one, now)]

    def refuse(self, refused: Mapping[str, str], now: Stamp) -> list[Event]:
        """Keep back what the policy refuses from now on, and let go of what it does not any more.

        Args:
            refused: Why, by rule; all there are.
            now: When.

        Returns:
            What says so; a reason that changed is said anew.
        """
        with self._lock:
            events: list[Event] = []
            for rule in [
                name for name in self._refused if self._refused[name] != refused.get(name)
            ]:
                del self._refused[rule]
                again = rule in refused
                words = "refused anew" if again else "the policy lets it arm"
                events.append(_said(rule, "end", now, words, REFUSED))
                if not again and rule not in self._disarmed:
                    events += self._late(rule)
            for rule in [name for name in refused if name not in self._refused]:
                self._refused[rule] = refused[rule]
                words = f"not armed, by the policy: {refused[rule]}"
                events.append(_said(rule, "begin", now, words, REFUSED))
            return events

    def disarm(self, disarming: Disarming, now: Stamp) -> list[Event]:
        """Keep a rule's events back from now on; a disarming under way is replaced.

        Returns:
            What says so.
        """
        with self._lock:
            return self._begin(disarming, now)

    def arm(self, rule: str, now: Stamp, reason: str) -> list[Event]:
        """End a disarming.

        Returns:
            What says so, and what began meanwhile and still goes on; nothing where it was armed.
        """
        with self._lock:
            return self._end(rule, now, reason)

    def expire(self, now: Stamp) -> list[Event]:
        """End what is over; cheap enough for every frame."""
        if not self._disarmed:
            return []
        with self._lock:
            over = [name for name, found in self._disarmed.items() if now.pts >= found.ends_at]
            return [event for name in over for event in self._end(name, now, "its time is over")]

    def close(self, now: Stamp, reason: str) -> list[Event]:
        """End all, after the rules have said their last; what was kept back stays so."""
        with self._lock:
            self._unsaid.clear()
            names = tuple(self._disarmed)
            ends = [_said(name, "end", now, reason, REFUSED) for name in self._refused]
            # The incident ends with the watching; the refusal does not.
            self._to_refuse, self._refused = self._refused, {}
            return ends + [event for name in names for event in self._end(name, now, reason)]

    def pass_on(self, events: Sequence[Event]) -> Sequence[Event]:
        """What of some rules' events may be said; the rest is counted."""
        if not self._disarmed and not self._refused and not self._unsaid:
            return events
        with self._lock:
            return [event for event in events if self._may_pass(event)]

    def _may_pass(self, event: Event) -> bool:
        place = (event.rule, event.key)
        if event.phase == "end" and place in self._unsaid:
            del self._unsaid[place]
            self.n_withheld += 1
            return False
        is_withheld = place in self._unsaid or (
            (event.rule in self._disarmed or event.rule in self._refused)
            and event.phase in ("begin", "pulse")
        )
        if is_withheld:
            self.n_withheld += 1
            if event.phase == "begin":
                self._unsaid[place] = event
        # The end of what was said before passes: every begin has one.
        return not is_withheld

    def _begin(self, disarming: Disarming, now: Stamp) -> list[Event]:
        self._inherited.pop(disarming.rule, None)  # a camera is commanded before it is watched
        events = []
        if disarming.rule in self._disarmed:
            events.append(_said(disarming.rule, "end", now, "disarmed anew"))
        self._disarmed[disarming.rule] = disarming
        return [*events, _said(disarming.rule, "begin", now, disarming.words)]

    def _end(self, rule: str, now: Stamp, reason: str) -> list[Event]:
        self._inherited.pop(rule, None)
        if self._disarmed.pop(rule, None) is None:
            return []
        late = [] if rule in self._refused else self._late(rule)
        return [_said(rule, "end", now, reason), *late]

    def _late(self, rule: str) -> list[Event]:
        """What a rule began while it was kept back, and what still goes on."""
        going_on = [place for place in self._unsaid if place[0] == rule]
        return [
            replace(self._unsaid.pop(place), reason="began while the rule was disarmed")
            for place in going_on
        ]


def _said(rule: str, phase: Phase, now: Stamp, reason: str, key: str = KEY) -> Event:
    return replace(condition("rule_disarmed", phase, now, reason), rule=rule, key=key)
