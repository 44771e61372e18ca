"""A recording through one camera's attention and pipeline, with the detector's answers kept.

Every setting of a gate sees the same detector: what it says about a picture is computed once and
remembered, so that a run costs what everything but inference costs, and inference is counted by
the look.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from edge.config.schema import Camera as CameraOptions
from edge.decoders import Picture
from edge.decoders.software import SoftwareDecoder
from edge.detections import Detections
from edge.detectors import Detector, Engine
from edge.event import Event
from edge.frame import Frame
from edge.gates import Rate
from edge.ring import Ring
from edge.runtime.attention import Attention
from edge.runtime.wiring import pipeline_of
from edge.sources.file import Options as FileOptions


class Remembering:
    """An engine and its detector that look at each picture of one recording once.

    Attributes:
        n_computed: Pictures the network saw.
        cpu_s: CPU seconds of that, all threads.
    """

    def __init__(self, engine: Engine) -> None:
        self.model = engine.model
        self.n_computed = 0
        self.cpu_s = 0.0
        self._detector: Detector = engine.detector()
        self._said: dict[float, Detections] = {}

    def detector(self) -> Remembering:
        """Itself."""
        return self

    def close(self) -> None:
        """Nothing of its own to close."""

    def detect(self, frame: Frame) -> Detections:
        """What the detector says about the picture of this stream time."""
        pts = frame.stamp.pts
        if pts not in self._said:
            began = time.process_time()
            self._said[pts] = self._detector.detect(frame)
            self.cpu_s += time.process_time() - began
            self.n_computed += 1
        return replace(self._said[pts], stamp=frame.stamp)


@dataclass
class Run:
    """What one recording came to under one gate.

    Attributes:
        n_analysed: Pictures given to the gate.
        n_looked: Of these, pictures the detector was asked about.
        n_passed: Packets passed over while idle.
        cpu_s: CPU seconds without inference.
        events: Begins and pulses of rules, and when each went out on the recording's clock.
    """

    n_analysed: int = 0
    n_looked: int = 0
    n_passed: int = 0
    cpu_s: float = 0.0
    events: list[tuple[Event, datetime]] = field(default_factory=list)

    @property
    def latest_s(self) -> float:
        """The longest time from scene to alert, decoding and inference taken as instant."""
        return max(((sent - event.at).total_seconds() for event, sent in self.events), default=0.0)


def run(options: CameraOptions, clip: Path, engine: Remembering, gate: dict[str, Any]) -> Run:
    """Show a recording to a camera packet by packet, as a live one delivers.

    Args:
        options: The camera; its source and gate are replaced.
        clip: The recording.
        engine: Of this recording.
        gate: Options of the gate, such as `{"kind": "always"}`.
    """
    changed = options.model_dump(mode="json")
    changed["analyse"]["gate"] = gate
    options = CameraOptions.model_validate(changed, strict=False)
    source = FileOptions(kind="file", path=clip, realtime=False).open()
    ring = Ring(seconds=10, max_bytes=10**8)
    pipeline = pipeline_of(options, engine)
    decoder = SoftwareDecoder(source.stream)
    attention = Attention(options.camera, ring, decoder, pipeline)
    rate = Rate(options.analyse.fps)
    found = Run()

    def analyse(pictures: Iterable[Picture], now: datetime) -> None:
        for picture in pictures:
            if rate.is_due(picture.packet.pts):
                step = pipeline.step(picture.frame(options.camera, found.n_analysed))
                found.n_analysed += 1
                found.n_looked += step.detections is not None
                found.events += [(e, now) for e in step.events if e.phase in ("pulse", "begin")]

    began, computed_s = time.process_time(), engine.cpu_s
    now = None
    for packet in source.packets():
        ring.append(packet)
        now = packet.captured_at
        while (taken := attention.take(0)) is not None:
            analyse(attention.pictures(taken.packet), now)
    if now is not None:
        analyse(attention.flush(), now)
    found.cpu_s = time.process_time() - began - (engine.cpu_s - computed_s)
    found.n_passed = attention.n_passed
    source.close()
    decoder.close()
    return found


def compared(always: Run, gated: Run) -> tuple[int, int, float]:
    """Events missing, additional, and the longest delay of a match in seconds of scene time."""
    left = [event for event, _ in gated.events]
    missing, latest = 0, 0.0
    for event, _ in always.events:
        match = next(
            (
                other
                for other in left
                if (other.rule, other.direction) == (event.rule, event.direction)
                and abs((other.at - event.at).total_seconds()) <= 2.0
            ),
            None,
        )
        if match is None:
            missing += 1
        else:
            left.remove(match)
            latest = max(latest, (match.at - event.at).total_seconds())
    return missing, len(left), latest
