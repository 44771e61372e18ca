"""Judge: what one kind of rule makes of the objects it sees. Pure.

A judge says who is in the condition it watches for, and who did something at a moment. What all
kinds have in common (who counts, when, how often, begin and end) is `edge.rules._watch`'s.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edge.detections import Mask
from edge.event import Direction, Phase
from edge.rules._objects import FIRST, Seen

Rows = NDArray[np.intp]
Qualify: TypeAlias = Callable[[], Mask]
"""Which rows of the frame count: class, confidence, size. (N,) bool, read-only."""

WHOLE = -1
"""In place of a slot: the condition is the zone's, not one object's."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """One object did something at a moment: when it was last seen.

    Attributes:
        slot: Which object.
        direction: To which side.
    """

    slot: int
    direction: Direction | None = None


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a judge found in one frame.

    Attributes:
        holds: (N,) whether the object of each row is in the condition. One that is not in the
            frame stays as it was, until it is gone.
        pulses: Moments, in any order.
        whole: Whether the zone as a whole is in the condition; with it, `holds` says who is part.
    """

    holds: Mask | None = None
    pulses: Sequence[Pulse] = ()
    whole: bool | None = None


class Judge(ABC):
    """One kind of rule at work on one camera.

    Args:
        notes: What it remembers of each object, as fields of a structured dtype. All zero is
            nothing, and what is known of a new object.
    """

    def __init__(self, notes: Sequence[tuple[Any, ...]]) -> None:
        self._notes = np.zeros(FIRST, np.dtype(list(notes)))

    @abstractmethod
    def update(self, seen: Seen, qualify: Qualify) -> Ruling:
        """Judge one frame.

        Args:
            seen: Who is there; N may be 0.
            qualify: Who of them counts. Only needed where others change the answer: nothing is
                reported of an object that does not.
        """

    def reason(self, slot: int, phase: Phase) -> str:  # noqa: ARG002 - most have nothing to add
        """Words for an event of an object, or of `WHOLE`; asked when it is made."""
        return ""

    @property
    def count(self) -> int | None:
        """How many it counts now; None where the incidents themselves are the count."""
        return None

    def forget(self) -> None:
        """Forget all objects."""
        self._notes[:] = np.zeros(1, self._notes.dtype)

    def notes(self, seen: Seen) -> NDArray[np.void]:
        """What is remembered, one row a slot; asked for once a frame, before anything else."""
        if seen.capacity > len(self._notes):
            more = np.zeros(seen.capacity - len(self._notes), self._notes.dtype)
            self._notes = np.concatenate([self._notes, more])
        if seen.fresh:
            self._notes[seen.fresh] = np.zeros(1, self._notes.dtype)
        return self._notes
