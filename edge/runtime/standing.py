"""Standing: what everything that can be wrong with a camera adds up to.

Each trouble is an incident of its own, with a begin and an end; together they give the one state
the retained camera status tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Literal, TypeAlias

from edge.event import Event
from edge.frame import Stamp
from edge.health import Condition

State: TypeAlias = Literal["watching", "degraded", "lost", "disabled"]

CALM_S = 5.0
"""Something that recurs is over when it has not for so long: two keyframes of most cameras."""

LASTING_S = 5.0
"""And is worth an event once it has gone on for so long; a single hiccup is only counted."""


@dataclass(frozen=True)
class Status:
    """What the retained camera status says.

    Attributes:
        state: As in the contract.
        why: In words; empty while watching.
        since: UTC of the change.
    """

    state: State
    why: str
    since: datetime


@dataclass(frozen=True)
class Troubles:
    """What is wrong now, each in words that stay the same while it lasts; empty where all is well.

    Attributes:
        lost: Why there are no pictures.
        waiting: Why there is no picture yet, or none any more, short of being lost.
        stalled: Why the detector gives no answer; None where it was not asked since.
        less: Why it watches with less than was asked for; None where nothing comes that could tell.
        scene: What is wrong with the picture; the pipeline raises these incidents itself.
        clock: Why times are in doubt.
        unstored: That events could not be stored.
        storage: Why events are not on the disk, or were lost with it.
        hushed: Nothing comes now; until something does it is not said to be watched, nor with less.
    """

    lost: str = ""
    waiting: str = ""
    stalled: str | None = ""
    less: str | None = ""
    scene: Sequence[str] = ()
    clock: str = ""
    unstored: str = ""
    storage: str = ""
    hushed: bool = False


class Standing:
    """One camera's incidents about itself, and its state."""

    def __init__(self) -> None:
        self._lost = Condition("camera_lost", begin_s=0.0, end_s=0.0)
        self._stalled = Condition("detector_stalled", begin_s=0.0, end_s=1.0)
        self._less = Condition("analysis_degraded", begin_s=0.0, end_s=5.0)
        self._storage = Condition("storage_degraded", begin_s=0.0, end_s=1.0)
        self._clock = Condition("clock_unsure", begin_s=0.0, end_s=5.0, priority="review")
        self.status = Status("lost", "connecting", datetime.now(timezone.utc))

    @property
    def is_lost(self) -> bool:
        """`camera_lost` was said and not yet taken back."""
        return self._lost.is_open

    def judge(self, now: Stamp, troubles: Troubles) -> list[Event]:
        """Take in how things are now; cheap enough for every frame.

        Returns:
            What begins and ends by it; `status` is up to date afterwards.
        """
        events = self._lost.update(now, wrong=troubles.lost)
        if troubles.stalled is not None:
            events += self._stalled.update(now, wrong=troubles.stalled)
        if troubles.less is not None:
            events += self._less.update(now, wrong=troubles.less)
        events += self._storage.update(now, wrong=troubles.storage)
        events += self._clock.update(now, wrong=troubles.clock)
        state, why = self._sum(troubles)
        is_seen = state == "lost" or not troubles.hushed
        if is_seen and (state, why) != (self.status.state, self.status.why):
            self.status = Status(state, why, datetime.now(timezone.utc))
        return events

    def close(self, now: Stamp, reason: str) -> list[Event]:
        """End what is open, for the reason given."""
        conditions = (self._lost, self._stalled, self._less, self._storage, self._clock)
        return [event for condition in conditions for event in condition.close(now, reason)]

    def _sum(self, troubles: Troubles) -> tuple[State, str]:
        """The worst of it, and only that: one reason is acted upon, a list is not."""
        if self._lost.is_open:
            return "lost", self._lost.reason
        if troubles.waiting:
            return "lost", troubles.waiting
        lasting = (self._stalled, self._less, self._storage)
        open_reasons = [condition.reason for condition in lasting if condition.is_open]
        clock = [self._clock.reason] if self._clock.is_open else []
        for why in (*open_reasons, *troubles.scene, troubles.unstored, *clock):
            if why:
                return "degraded", why
        return "watching", ""


class Recurring:
    """Something that happens again and again, such as skipped packets: does it last?"""

    def __init__(self) -> None:
        self._first = self._last = float("-inf")

    def note(self, now: float) -> None:
        """It happened at this monotonic time."""
        if now - self._last > CALM_S:
            self._first = now
        self._last = now

    def lasts(self, now: float) -> bool:
        """It has gone on for `LASTING_S` and has not been quiet for `CALM_S`."""
        return now - self._last <= CALM_S and self._last - self._first >= LASTING_S
