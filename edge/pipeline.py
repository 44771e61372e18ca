"""The pure spine: one camera's frame in, its events out. Knows only protocols.

No clock, thread, socket or file: time comes in with the frame, so a rule about ten minutes is
tested in a microsecond and a replay gives the same events every time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge.detections import Detections
from edge.detectors import Detector
from edge.event import Event
from edge.frame import Frame, Stamp
from edge.gates import Gate
from edge.health import Check, Checks
from edge.masks import Masks
from edge.packet import Packet
from edge.rules import Rule
from edge.trackers import Tracker
from edge.tracks import Tracks


@dataclass(frozen=True, slots=True)
class Step:
    """What one frame led to.

    Attributes:
        frame: The frame as it was analysed, masks applied.
        detections: None where the gate saw no reason to look.
        tracks: None with them.
        events: About the picture first, then in the order of the rules.
    """

    frame: Frame
    detections: Detections | None
    tracks: Tracks | None
    events: list[Event]


class Pipeline:
    """Everything one camera does with a picture.

    Args:
        masks: Privacy: black before anything else sees the picture.
        gate: When to look.
        detector: What is there.
        tracker: What is the same as before.
        rules: What is worth an event.
        checks: What can be wrong with the picture, most serious first. The rules go on
            meanwhile: what they still see is true.
    """

    def __init__(
        self,
        masks: Masks,
        gate: Gate,
        detector: Detector,
        tracker: Tracker,
        rules: Sequence[Rule],
        *,
        checks: Sequence[Check] = (),
    ) -> None:
        self._masks = masks
        self._gate = gate
        self._detector = detector
        self._tracker = tracker
        self.rules = tuple(rules)
        self._checks = Checks(checks)
        self._unsaid: list[Event] = []  # about a picture at which the detector then failed

    @property
    def troubles(self) -> tuple[str, ...]:
        """What is wrong with the picture, in words, most serious first; empty where it is well."""
        return self._checks.troubles

    @property
    def is_idle(self) -> bool:
        """Nothing moves and nothing is followed: keyframes are enough."""
        return self._gate.is_idle and not self._tracker.is_following

    def masked(self, frame: Frame) -> Frame:
        """A frame as everything here sees it."""
        return self._masks.apply(frame)

    def look(self, frame: Frame) -> Detections:
        """What is in a frame, masks applied, whatever the gate says; no rule hears of it.

        Raises:
            DetectorStalled: The engine gave no answer.
        """
        return self._detector.detect(frame)

    def stirs(self, seen: Frame | Packet) -> bool:
        """Whether a keyframe, or a packet that was not decoded, ends the idleness.

        Args:
            seen: What came while idle.
        """
        if isinstance(seen, Packet):
            return self._gate.stirs_packet(seen)
        return self._gate.stirs(self._masks.apply(seen))

    def wake(self, pts: float) -> None:
        """Look at every frame from here on; something moved at this stream time."""
        self._gate.wake(pts)

    def step(self, frame: Frame) -> Step:
        """Judge one frame.

        Raises:
            DetectorStalled: The engine gave no answer; nothing was judged. What was found wrong
                with the picture comes with the next step.
        """
        frame = self._masks.apply(frame)
        self._unsaid += self._checks.look(frame)
        detections = tracks = None
        events: list[Event] = []
        if self._gate.is_open(frame, is_following=self._tracker.is_following):
            detections = self._detector.detect(frame)
            tracks = self._tracker.update(detections)
            events = [event for rule in self.rules for event in rule.update(tracks)]
        return Step(frame, detections, tracks, self._take_unsaid() + events)

    def close(self, stamp: Stamp, reason: str) -> list[Event]:
        """End what is open: nobody will see it end.

        Args:
            stamp: When the last picture was seen.
            reason: Such as `camera lost`; goes into every `end`.
        """
        events = self._take_unsaid() + self._checks.close(stamp, reason)
        return events + [event for rule in self.rules for event in rule.close(stamp, reason)]

    def _take_unsaid(self) -> list[Event]:
        events, self._unsaid = self._unsaid, []
        return events
