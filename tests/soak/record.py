"""What a run leaves behind for the verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.soak.box import Sample, Source
from tests.soak.faults import Fault
from tests.soak.film import Film
from tests.soak.knocks import Knocks
from tests.soak.room import ControlRoom


@dataclass
class Happened:
    """One fault that was injected; times are monotonic.

    Attributes:
        fault: What.
        cameras: Whom it hit.
        began: When it was there.
        ended: When the last of them was back.
        silent_until: When it began to be taken back from each: until then nothing came.
        back: When each was back. With many groups the first is seconds before the last.
        watched: When the box first said that it watches each again; missing where it never did.
    """

    fault: Fault
    cameras: frozenset[str]
    began: float
    ended: float
    silent_until: Mapping[str, float]
    back: Mapping[str, float]
    watched: dict[str, float] = field(default_factory=dict)

    @property
    def over(self) -> float:
        """When all of its cameras were watched again, or its end where they never were."""
        return max([self.ended, *self.watched.values()])

    @property
    def recovery_s(self) -> dict[str, float]:
        """From a camera's return to it being watched."""
        return {camera: max(0.0, t - self.back[camera]) for camera, t in self.watched.items()}


@dataclass
class Record:
    """One run, as the control room heard it and the kernel saw it.

    Attributes:
        sources: The cameras.
        film: What they showed.
        room: What was heard.
        knocks: Attempts to connect.
        samples: The process.
        faults: What was done, in order.
        started_s: From the start of the process to the last camera watched.
        status: Exit status of the process.
        complaints: Lines of its log that should not be there.
        loss_by: What lost packets.
        delay_by: What delayed them; empty where nothing could.
    """

    sources: Sequence[Source]
    film: Film
    room: ControlRoom
    knocks: Knocks
    samples: list[Sample]
    faults: list[Happened]
    started_s: float
    status: int
    complaints: list[str]
    loss_by: str
    delay_by: str

    @property
    def troubled(self) -> dict[str, list[tuple[float, float]]]:
        """When each camera was hit or not yet back, as monotonic spans."""
        spans: dict[str, list[tuple[float, float]]] = {s.camera: [] for s in self.sources}
        for happened in self.faults:
            for camera in happened.cameras:
                over = happened.watched.get(camera, happened.over)
                spans[camera].append((happened.began, max(happened.ended, over)))
        return spans
