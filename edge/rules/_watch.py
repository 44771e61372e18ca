"""Watch: what all rules do alike, around the judge of one kind. Pure.

Who counts (class, confidence, size), when (schedule), how often (cool-down), and what is said:
one incident for each object that comes into a condition, begun once and always ended.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import TypeAlias

import numpy as np

from edge.detections import Mask, ModelRef
from edge.event import Direction, Event, Phase, RuleState, sightings
from edge.frame import Stamp
from edge.rules import RuleOptions, Scene
from edge.rules._judge import WHOLE, Judge, Pulse, Rows, Ruling
from edge.rules._objects import FIRST, Objects, Seen
from edge.rules._schedule import Schedule
from edge.tracks import Points, Tracks

Limit: TypeAlias = tuple[float, float] | None
Once: TypeAlias = Callable[[Hashable, Callable[[], Mask]], Mask]

OFF_DUTY = "the schedule ended"
"""Reason of an end that nobody saw because the rule went off duty."""


class Watch:
    """One rule of one camera.

    Args:
        options: What it was told.
        judge: Its kind at work.
        scene: The camera's shapes.
        camera: The camera's id.
        objects: Who is there; the same for all rules of the camera.
    """

    def __init__(
        self, options: RuleOptions, judge: Judge, scene: Scene, camera: str, objects: Objects
    ) -> None:
        self._options = options
        self._judge = judge
        self._ground = scene.ground
        self._camera = camera
        self._objects = objects
        self._schedule = Schedule(options.schedule, scene.location)
        self._steps = 0
        if options.min_confidence > 0.0:
            self._steps = objects.watch_confidence(options.min_confidence)
        self._model: ModelRef | None = None
        self._is_wanted: Mask = np.empty(0, np.bool_)
        self._is_sized = bool(options.min_size or options.max_size)
        self._is_measured = scene.ground is not None and bool(
            options.min_metres or options.max_metres
        )
        self._seen: Seen | None = None
        # Keys of open incidents by slot; and for each slot whether one is open, or was withheld.
        self._keys: dict[int, str] = {}
        self._is_open = np.zeros(FIRST, np.bool_)
        self._is_withheld = np.zeros(FIRST, np.bool_)
        self._whole_withheld = False
        self._next_key = 1
        self._quiet_until = float("-inf")
        self._n_pulses = 0
        self._n_withheld = 0
        self._is_armed = True

    @property
    def name(self) -> str:
        """The name a technician gave it."""
        return self._options.name

    @property
    def state(self) -> RuleState:
        """Active while an incident is open. The count is the kind's own, or of incidents."""
        counted = self._judge.count
        if counted is None:
            counted = self._n_pulses or len(self._keys)
        return RuleState(
            is_active=bool(self._keys),
            count=counted,
            is_armed=self._is_armed,
            n_withheld=self._n_withheld,
        )

    def update(self, tracks: Tracks) -> list[Event]:
        """Judge one frame.

        Args:
            tracks: The frame; N may be 0.

        Returns:
            Ends, then begins, then pulses, each in the order the objects were first seen.
        """
        seen = self._see(tracks)
        ruling = self._judge.update(seen, self._qualify)
        events = self._arm(tracks.stamp)
        events += self._lost(seen)
        if ruling.whole is not None:
            events += self._whole(seen, ruling)
        elif ruling.holds is not None:
            events += self._incidents(seen, ruling.holds)
        for pulse in sorted(ruling.pulses, key=lambda pulse: self._objects.number[pulse.slot]):
            events += self._pulse(pulse, seen.now)
        return events

    def close(self, stamp: Stamp, reason: str) -> list[Event]:
        """End every open incident and forget all objects.

        Args:
            stamp: When the last picture was seen.
            reason: Why nobody will see it end.
        """
        events = self._end_all(stamp, reason)
        self._judge.forget()
        self._is_withheld[:] = False
        self._whole_withheld = False
        return events

    def _see(self, tracks: Tracks) -> Seen:
        """The frame's objects, with room for what is kept of each."""
        seen = self._objects.see(tracks)
        self._seen = seen
        if seen.capacity > len(self._is_open):
            more = np.zeros(seen.capacity - len(self._is_open), np.bool_)
            self._is_open = np.concatenate([self._is_open, more])
            self._is_withheld = np.concatenate([self._is_withheld, more])
        if seen.fresh:
            self._is_withheld[seen.fresh] = False
        return seen

    def _arm(self, stamp: Stamp) -> list[Event]:
        """Go on or off duty; what is open is ended when duty ends."""
        is_on = self._schedule.is_on(stamp.captured_at)
        if is_on == self._is_armed:
            return []
        self._is_armed = is_on
        if is_on:
            return []
        # They were reported: that they go on is not counted as withheld.
        self._is_withheld |= self._is_open
        self._whole_withheld = WHOLE in self._keys
        return self._end_all(stamp, OFF_DUTY)

    def _lost(self, seen: Seen) -> list[Event]:
        """End the incidents of objects that are gone for good."""
        return [self._end(slot, seen.tracks.stamp, "track_lost") for slot in seen.gone
                if slot in self._keys]  # fmt: skip

    def _incidents(self, seen: Seen, holds: Mask) -> list[Event]:
        """Begin and end the incidents of objects in the frame."""
        if self._n_withheld:
            self._is_withheld[seen.slots] &= holds
        rows = (holds != self._is_open[seen.slots]).nonzero()[0]
        if not len(rows):
            return []
        stamp = seen.tracks.stamp
        is_begin = holds[rows]
        ended = seen.slots[rows[~is_begin]]
        events = [
            self._end(slot, stamp, self._judge.reason(slot, "end"))
            for slot in self._objects.in_order(ended)
        ]
        rows = rows[is_begin]
        # The class is a vote and may settle, and a median rise, later than the condition began.
        for slot in self._objects.in_order(seen.slots[rows[self._qualify()[rows]]]):
            if self._may_speak(seen.now):
                self._is_withheld[slot] = False
                events.append(self._begin(slot, seen, [self._objects.last(slot)[1]]))
            elif not self._is_withheld[slot]:
                self._is_withheld[slot] = True
                self._n_withheld += 1
        return events

    def _whole(self, seen: Seen, ruling: Ruling) -> list[Event]:
        """Begin or end the incident of the zone as a whole."""
        if not ruling.whole:
            self._whole_withheld = False
        if ruling.whole == (WHOLE in self._keys):
            return []
        if not ruling.whole:
            return [self._end(WHOLE, seen.tracks.stamp, self._judge.reason(WHOLE, "end"))]
        if self._may_speak(seen.now):
            self._whole_withheld = False
            part = [] if ruling.holds is None else np.flatnonzero(ruling.holds).tolist()
            return [self._begin(WHOLE, seen, sorted(part, key=seen.tracks.track_id.__getitem__))]
        self._n_withheld += not self._whole_withheld
        self._whole_withheld = True
        return []

    def _pulse(self, pulse: Pulse, now: float) -> list[Event]:
        """Report a moment, unless the options leave it out."""
        tracks, row = self._objects.last(pulse.slot)
        if not self._qualified(tracks, row, pulse.slot):
            return []
        if not self._may_speak(now):
            self._n_withheld += 1
            return []
        self._quiet_until = now + self._options.cool_down_seconds
        self._n_pulses += 1
        reason = self._judge.reason(pulse.slot, "pulse")
        return [
            self._event(
                "pulse", tracks, [row], tracks.stamp, reason=reason, direction=pulse.direction
            )
        ]

    def _may_speak(self, now: float) -> bool:
        """On duty and not cooling down."""
        return self._is_armed and now >= self._quiet_until

    def _begin(self, slot: int, seen: Seen, rows: list[int]) -> Event:
        self._quiet_until = seen.now + self._options.cool_down_seconds
        self._keys[slot] = str(self._next_key)
        self._next_key += 1
        if slot != WHOLE:
            self._is_open[slot] = True
        reason = self._judge.reason(slot, "begin")
        stamp = seen.tracks.stamp
        return self._event("begin", seen.tracks, rows, stamp, reason=reason, key=self._keys[slot])

    def _end(self, slot: int, stamp: Stamp, reason: str) -> Event:
        key = self._keys.pop(slot)
        if slot == WHOLE:
            assert self._seen is not None
            tracks, rows = self._seen.tracks, []
        else:
            self._is_open[slot] = False
            tracks, row = self._objects.last(slot)
            rows = [row]
        return self._event("end", tracks, rows, stamp, reason=reason, key=key)

    def _end_all(self, stamp: Stamp, reason: str) -> list[Event]:
        """End whatever is open, for one reason; the zone's own incident first."""
        slots = [slot for slot in self._keys if slot != WHOLE]
        ordered = [*([WHOLE] if WHOLE in self._keys else []), *self._objects.in_order(slots)]
        return [self._end(slot, stamp, reason) for slot in ordered]

    def _event(
        self,
        phase: Phase,
        tracks: Tracks,
        rows: Iterable[int],
        stamp: Stamp,
        *,
        reason: str,
        key: str = "",
        direction: Direction | None = None,
    ) -> Event:
        """An event with some objects as they were in a frame."""
        return Event(
            self._camera,
            self._options.reports,
            phase,
            stamp.captured_at,
            stamp.clock_ms,
            priority=self._options.priority,
            rule=self._options.name,
            key=key,
            where=self._options.where,
            direction=direction,
            objects=sightings(tracks, list(rows)),
            model=str(tracks.model),
            reason=reason,
        )

    def _qualify(self) -> Mask:
        """(N,) which objects of the newest frame count, read-only."""
        assert self._seen is not None
        return self._counts(self._seen.tracks, self._seen.slots, self._seen.once)

    def _qualified(self, tracks: Tracks, row: int, slot: int) -> bool:
        """Whether an object counts, as it was in some frame."""
        one = tracks[np.array([row])]
        return bool(self._counts(one, np.array([slot]), lambda _, work: work())[0])

    def _counts(self, tracks: Tracks, slots: Rows, once: Once) -> Mask:
        """(N,) which objects count.

        Args:
            tracks: The objects, in some frame.
            slots: (N,) theirs.
            once: Gives what was worked out under a key, or works it out.
        """
        options = self._options
        counts = once(
            ("class", options.classes), lambda: self._wanted(tracks.model)[tracks.class_id]
        )
        if self._steps:
            counts = counts & once(
                ("sure", self._steps), lambda: self._objects.is_sure(slots, self._steps)
            )
        if self._is_sized:
            limits = (options.min_size, options.max_size)
            counts = counts & once(("size", *limits), lambda: _within(_sizes(tracks), *limits))
        if self._is_measured:
            in_metres = (options.min_metres, options.max_metres)
            counts = counts & once(
                ("in metres", *in_metres), lambda: _within(self._metres(tracks), *in_metres)
            )
        return counts

    def _wanted(self, model: ModelRef) -> Mask:
        """Whether each class of a model passes the class filter."""
        if model != self._model:
            self._model = model
            self._is_wanted = np.array([self._options.applies_to(label) for label in model.labels])
        return self._is_wanted

    def _metres(self, tracks: Tracks) -> Points:
        """(N, 2) width and height in metres; NaN above the horizon. On calibrated cameras only."""
        assert self._ground is not None
        scale = self._ground.pixels_per_metre(tracks.anchors(), tracks.size_wh)
        return _pixels(tracks) / scale[:, None]


def _pixels(tracks: Tracks) -> Points:
    """(N, 2) width and height of the boxes in pixels."""
    box = tracks.xyxy.astype(np.float64)
    return box[:, 2:] - box[:, :2]


def _sizes(tracks: Tracks) -> Points:
    """(N, 2) width and height of the boxes in fractions of the picture."""
    return _pixels(tracks) / tracks.size_wh


def _within(size: Points, least: Limit, most: Limit) -> Mask:
    """(N,) whether widths and heights, (N, 2), are neither too small nor too large."""
    wide, high = size.T
    fits: Mask = np.ones(len(size), np.bool_)
    if least is not None:
        fits &= wide >= least[0]
        fits &= high >= least[1]
    if most is not None:
        fits &= wide <= most[0]
        fits &= high <= most[1]
    return fits
