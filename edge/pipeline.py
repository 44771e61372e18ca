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
        events: In the order of the rules.
    """

    frame: Frame
    detections: Detections | None
    tracks: Tracks | None
    events: list[Event]


class Pipeline:
    """Everything one camera does with a picture."""

    def __init__(
        self, masks: Masks, gate: Gate, detector: Detector, tracker: Tracker, rules: Sequence[Rule]
    ) -> None:
        self._masks = masks
        self._gate = gate
        self._detector = detector
        self._tracker = tracker
        self.rules = tuple(rules)

    @property
    def is_idle(self) -> bool:
        """Nothing moves and nothing is followed: keyframes are enough."""
        return self._gate.is_idle and not self._tracker.is_following

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
            DetectorStalled: The engine gave no answer; nothing was judged.
        """
        frame = self._masks.apply(frame)
        if not self._gate.is_open(frame, is_following=self._tracker.is_following):
            return Step(frame, None, None, [])
        detections = self._detector.detect(frame)
        tracks = self._tracker.update(detections)
        events = [event for rule in self.rules for event in rule.update(tracks)]
        return Step(frame, detections, tracks, events)

    def close(self, stamp: Stamp, reason: str) -> list[Event]:
        """End what is open: nobody will see it end.

        Args:
            stamp: When the last picture was seen.
            reason: Such as `camera lost`; goes into every `end`.
        """
        return [event for rule in self.rules for event in rule.close(stamp, reason)]
