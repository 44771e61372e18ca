"""Median time of each stage on one recording, one thread.

Every stage is timed on the real output of the one before, so the figures add up to what a frame
costs. Nothing is held against a limit here: timings of a shared machine are read, not asserted.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from statistics import median
from typing import TypeVar

from edge.decoders import Picture
from edge.decoders.software import SoftwareDecoder
from edge.detections import Detections
from edge.detectors import Backend, Engine, Models, Tensor, Tensors
from edge.detectors._preprocess import to_tensor
from edge.detectors.onnx import Options as OnnxOptions
from edge.event import Event
from edge.message import Origin, compose, encode, uuid7
from edge.rules import Rule, Scene
from edge.rules.line_crossing import Options as LineOptions
from edge.rules.zone_entry import Options as ZoneOptions
from edge.sources.file import Options as FileOptions
from edge.trackers.bytetrack import Options as TrackerOptions

T = TypeVar("T")

SCENE = Scene(
    zones={"zone": ((0.1, 0.3), (0.9, 0.3), (0.9, 0.95), (0.1, 0.95))},
    lines={"line": ((0.1, 0.6), (0.9, 0.6))},
)


def rules() -> list[Rule]:
    """The two rules every bench camera has."""
    return [
        LineOptions(kind="line_crossing", name="line", line="line").build(SCENE, "bench"),
        ZoneOptions(kind="zone_entry", name="zone", zone="zone").build(SCENE, "bench"),
    ]


@dataclass
class Stopwatches:
    """Times by stage, in seconds."""

    times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def time(self, stage: str, work: Callable[[], T]) -> T:
        """Time one piece of work and give its result."""
        began = time.perf_counter()
        result = work()
        self.times[stage].append(time.perf_counter() - began)
        return result

    def medians_ms(self) -> dict[str, float]:
        """Median milliseconds by stage, in the order of first use."""
        return {stage: round(1e3 * median(times), 4) for stage, times in self.times.items()}


class Timed:
    """A backend whose runs are timed."""

    def __init__(self, backend: Backend, watches: Stopwatches) -> None:
        self._backend = backend
        self._watches = watches

    @property
    def max_batch(self) -> int:
        """As the backend's."""
        return self._backend.max_batch

    def run(self, inputs: Tensors) -> dict[str, Tensor]:
        """Run and time."""
        return self._watches.time("inference", lambda: self._backend.run(inputs))

    def close(self) -> None:
        """Close the backend."""
        self._backend.close()


def open_engine(models: Models, model: str, threads: int, watches: Stopwatches) -> Engine:
    """The ONNX engine with its runs timed."""
    options = OnnxOptions(kind="onnx", model=model, threads=threads, confidence=0.35)
    return options.engine(models, lambda backend: Timed(backend, watches))


def measure(clip: Path, models: Models, model: str, n_frames: int) -> dict[str, float]:
    """Median milliseconds of each stage.

    Args:
        clip: The recording.
        models: Where the model is found.
        model: Name of its card.
        n_frames: How many frames to go through.
    """
    watches = Stopwatches()
    engine = open_engine(models, model, 1, watches)
    watches.times.clear()  # the warm-up
    detector = engine.detector()
    network_input = models.card(model).input
    tracker = TrackerOptions(kind="bytetrack").build()
    judges = rules()
    source = FileOptions(kind="file", path=clip, loop=True, realtime=False).open()
    packets = source.packets()
    decoder = SoftwareDecoder(source.stream)
    events: list[Event] = []
    n = 0
    while n < n_frames:
        packet = watches.time("demux", lambda: next(packets))
        pictures: list[Picture] = watches.time("decode", lambda: decoder.decode(packet))  # noqa: B023
        for picture in pictures:
            frame = picture.frame("bench", n)
            watches.time("letterbox", lambda: to_tensor(frame, network_input))  # noqa: B023
            found: Detections = watches.time("detect", lambda: detector.detect(frame))  # noqa: B023
            tracks = watches.time("tracker", lambda: tracker.update(found))  # noqa: B023
            for rule in judges:
                events += watches.time("rule, each", lambda: rule.update(tracks))  # noqa: B023
            n += 1
    source.close()
    engine.close()
    event = next(iter(events), None) or Event(
        "bench", "line_crossed", "pulse", datetime(2026, 1, 1, tzinfo=timezone.utc), 40
    )
    origin, number = Origin("site", "node", "0" * 64), uuid7(0, bytes(10))
    for seq in range(1, 201):
        watches.time(
            "event encode",
            lambda: encode(compose(event, origin, id=number, seq=seq, incident=number)),  # noqa: B023
        )
    medians = watches.medians_ms()
    medians["head and NMS"] = round(
        medians.pop("detect") - medians["letterbox"] - medians["inference"], 4
    )
    medians["outside decode and inference"] = round(
        medians["demux"]
        + medians["letterbox"]
        + medians["head and NMS"]
        + medians["tracker"]
        + 2 * medians["rule, each"],
        4,
    )
    return medians
