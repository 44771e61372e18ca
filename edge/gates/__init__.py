"""Gates: when to look, and so what is worth decoding. One file per kind. Pure.

Boundary: a gate sees frames, and of packets not yet decoded only what they tell without that. A
closed gate is not an empty scene: tracker and rules are not told. While a gate is idle only
keyframes are decoded; when it stirs, the watcher goes back to packets it passed over, so that the
start of a movement is judged like the rest of it.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Protocol

from edge.frame import Frame
from edge.options import Options
from edge.packet import Packet


class Gate(Protocol):
    """Spends effort where something happens."""

    @property
    def is_idle(self) -> bool:
        """Nothing has moved for a while: keyframes are enough."""

    def stirs(self, frame: Frame) -> bool:
        """Whether something moves in a keyframe seen while idle."""

    def stirs_packet(self, packet: Packet) -> bool:
        """Whether a packet passed over while idle tells by itself that something moves."""

    def wake(self, pts: float) -> None:
        """Be idle no more; something moved at this stream time."""

    def is_open(self, frame: Frame, *, is_following: bool) -> bool:
        """Whether the detector shall look at this frame.

        Args:
            frame: The next frame of the camera, masks applied.
            is_following: Whether the tracker has any live track; then a gate stays open.
        """


class GateOptions(Options):
    """What every kind of gate can be told."""

    @abstractmethod
    def build(self) -> Gate:
        """A gate for one camera."""


class Rate:
    """Which pictures to analyse so that there are `fps` a second of stream time.

    Args:
        fps: Wanted rate; a stream that is slower is analysed whole.
    """

    def __init__(self, fps: float) -> None:
        self._period_s = 1.0 / fps
        self._due = float("-inf")

    def is_due(self, pts: float) -> bool:
        """Whether the picture at this stream time is the next one wanted.

        Tolerates a quarter of a period of jitter, and starts anew after a gap instead of
        catching up.
        """
        if pts < self._due - self._period_s / 4:
            return False
        is_late = pts >= self._due + self._period_s
        self._due = (pts if is_late else self._due) + self._period_s
        return True
