"""Hiding: whom to hide in a picture that somebody looks at who need not know people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edge.detections import Boxes, Detections
from edge.errors import DetectorStalled
from edge.frame import Frame
from edge.pipeline import Step
from edge.redaction import NOBODY, Redaction, people, redacted

KNOWN_S = 2.0
"""So long people are taken to be where a look found them, while nothing moves. A look costs a
network an inference, and five a second were most of what looking at a still picture cost. What
moves opens the gate, and then every picture is looked at."""


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """Who was found by a look, and when."""

    pts: float
    boxes: Boxes


class Hiding:
    """Hides people in one camera's pictures. For one thread.

    Args:
        how: What of them.
        look: Finds who is in a frame that the gate saw no reason to look at.

    Attributes:
        n_looks: Looks made only to know whom to hide.
    """

    def __init__(self, how: Redaction, look: Callable[[Frame], Detections]) -> None:
        self.n_looks = 0
        self._how = how
        self._look = look
        self._known: _Known | None = None

    def note(self, step: Step) -> None:
        """Remember who is in a picture that was looked at; for each one analysed."""
        if step.detections is not None:
            self._known = _Known(step.frame.stamp.pts, people(step.detections))

    def hidden(self, step: Step) -> Frame | None:
        """The noted picture with people hidden; None where nobody can know who is in it."""
        if self._how == "none":
            return redacted(step.frame, NOBODY, self._how)
        pts = step.frame.stamp.pts
        if self._known is None or not 0.0 <= pts - self._known.pts <= KNOWN_S:
            try:
                self._known = _Known(pts, people(self._look(step.frame)))
            except DetectorStalled:
                return None
            self.n_looks += 1
        return redacted(step.frame, self._known.boxes, self._how)
