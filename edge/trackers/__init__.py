"""Trackers: detections to tracks. One file per kind. Pure: time comes in with the data.

Boundary: a tracker owns the identities of one camera. It takes time in seconds of stream time,
accepts gaps and changing rates, and never mutates what it is given.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Protocol

from edge.detections import Detections
from edge.ground import Ground
from edge.options import Options
from edge.tracks import Tracks


class Tracker(Protocol):
    """Follows the objects of one camera."""

    def update(self, detections: Detections) -> Tracks:
        """Give identities to one frame's boxes.

        Args:
            detections: What was seen; its `stamp.pts` must not be before the last one.

        Returns:
            Confirmed tracks seen in this frame, and the ids that ended.
        """

    @property
    def is_following(self) -> bool:
        """Whether any track has to be watched at every frame, seen just now or not.

        One that has stood for long does not: the gate may close over it, and looks now and then.
        """


class TrackerOptions(Options):
    """What every kind of tracker can be told."""

    @abstractmethod
    def build(self, ground: Ground | None = None) -> Tracker:
        """A tracker with no tracks.

        Args:
            ground: Of the camera, where it is calibrated.
        """
