"""Busy cameras: what each stage takes, and how near the whole comes to its slowest part.

Stages are timed on the real output of the one before, on one thread, so the figures add up to what
a frame costs. Efficiency is frames a second against the slower of decode alone and inference
alone, all in one run on the same cores, so that the ratio holds on a noisy machine. Where decoder
and engine share the cores, as without a GPU, the fair limit is the rate at which these could do
both with nothing between. Nothing is held against a limit: timings are read, not asserted.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from statistics import median
from typing import TypeAlias, TypeVar

from edge.decoders import Picture
from edge.decoders.software import SoftwareDecoder
from edge.detectors import (
    Backend,
    DetectorOptions,
    Engine,
    Models,
    Serve,
    Tensor,
    Tensors,
    open_engine,
    takes_frames,
)
from edge.event import Event
from edge.gates.always import Always
from edge.masks import Masks
from edge.message import Origin, compose
from edge.options import kinds
from edge.pipeline import Pipeline
from edge.rules import Rule, Scene
from edge.rules.line_crossing import Options as LineOptions
from edge.rules.zone_entry import Options as ZoneOptions
from edge.runtime.batcher import Batcher
from edge.sources.file import Options as FileOptions
from edge.trackers import Tracker
from edge.trackers.bytetrack import Options as TrackerOptions
from edge.uuid7 import uuid7

T = TypeVar("T")
Work: TypeAlias = Callable[[], Iterator[None]]
"""Starts one camera's work, which yields once a frame and never ends."""

SCENE = Scene(
    zones={"zone": ((0.1, 0.3), (0.9, 0.3), (0.9, 0.95), (0.1, 0.95))},
    lines={"line": ((0.1, 0.6), (0.9, 0.6))},
)

WARM_S = 1.0
"""Threads need so long to open the recording and to fill their caches."""

N_EVENTS = 200
"""Times an event is encoded: one takes 0.03 ms."""


@dataclass(frozen=True)
class Efficiency:
    """Frames a second of all cameras together.

    Attributes:
        cameras: How many at once.
        decode_fps: Decoding alone.
        infer_fps: Inference alone.
        whole_fps: The whole pipeline.
        of_slower: The whole against the slower of the two.
        of_shared: The whole against both sharing the cores with nothing between.
        decode_ms: Processor milliseconds a frame, decoding alone.
        infer_ms: The same, inference alone; more than its share of the cores where threads wait.
        outside_ms: Processor milliseconds a frame that the whole takes beyond those two: all that
            is neither decoding nor inference, in place, with the caches as these leave them.
    """

    cameras: int
    decode_fps: float
    infer_fps: float
    whole_fps: float
    of_slower: float
    of_shared: float
    decode_ms: float
    infer_ms: float
    outside_ms: float


def stages_ms(
    clip: Path, models: Models, model: str, n_frames: int, kind: str = "auto"
) -> dict[str, float]:
    """Median milliseconds of each stage, one thread, warm.

    Args:
        clip: The recording.
        models: Where the model is found.
        model: Name of its card; without its weights the motion detector is `detector`, whole.
        n_frames: How many frames to go through.
        kind: Of detector.
    """
    watches = _Stopwatches()
    spans = _Spans()
    engine, _ = _engine(kind, models, model, 1, lambda load: spans.around(load()))
    spans.clear()  # the warm-up
    detector, tracker, rules = engine.detector(), _tracker(), _rules()
    source = FileOptions(kind="file", path=clip, loop=True, realtime=False).open()
    decoder = SoftwareDecoder(source.stream)
    packets = source.packets()
    events: list[Event] = []
    n = 0
    with closing(source), closing(engine):
        while n < n_frames:
            packet = watches.time("demux, a packet", lambda: next(packets))
            kind = "keyframe" if packet.is_keyframe else "frame"
            for picture in watches.time(f"decode, a {kind}", lambda: decoder.decode(packet)):  # noqa: B023
                frame = picture.frame("bench", n)
                began = time.perf_counter()
                found = detector.detect(frame)
                watches.split("detector", began, time.perf_counter(), spans.last)
                tracks = watches.time("tracker", lambda: tracker.update(found))  # noqa: B023
                for rule in rules:
                    events += watches.time("rule, each", lambda: rule.update(tracks))  # noqa: B023
                n += 1
    event = next(iter(events), None) or Event(
        "bench", "line_crossed", "pulse", datetime(2026, 1, 1, tzinfo=timezone.utc), 40
    )
    origin, number = Origin("site", "node", "0" * 64), uuid7(0, bytes(10))
    for seq in range(1, N_EVENTS + 1):
        watches.time(
            "event encode",
            lambda: compose(event, origin, id=number, seq=seq, incident=number),  # noqa: B023
        )
    return watches.medians_ms()


def keyframe_ms(clip: Path) -> float:
    """Median milliseconds to decode a keyframe by itself, as of an idle camera.

    Args:
        clip: The recording.
    """
    source = FileOptions(kind="file", path=clip, realtime=False).open()
    with closing(source), closing(SoftwareDecoder(source.stream)) as decoder:
        watches = _Stopwatches()
        for packet in source.packets():
            if packet.is_keyframe:
                watches.time("", lambda: decoder.decode(packet) + decoder.flush())  # noqa: B023
                decoder.reset()
    return watches.medians_ms()[""]


def efficiency(
    clip: Path,
    models: Models,
    model: str,
    n_cameras: int,
    seconds: float,
    *,
    rounds: int = 1,
    kind: str = "auto",
) -> Efficiency:
    """Decode alone, inference alone and the whole, one after the other.

    Args:
        clip: The recording each camera plays, as fast as it is served.
        models: Where the model is found.
        model: Name of its card; without its weights inference is the motion detector.
        n_cameras: How many cameras at once.
        seconds: How long each of the three runs in all.
        rounds: Turns they take in that time. Of several, the one with the median efficiency
            counts: a noisy machine disturbs one of the three, and the next time another.
        kind: Of detector.
    """
    spans = _Spans()
    engine, _ = _engine(
        kind, models, model, 0, lambda load: spans.around(Batcher(load, name="bench"))
    )
    first = next(_pictures(clip)).frame("bench", 0)

    def infer() -> Iterator[None]:
        """The same engine behind the same batcher, fed with tensors that are ready."""
        detector = engine.detector()
        detector.detect(first)
        while True:
            if spans.backend is None:
                detector.detect(first)
            else:
                spans.backend.run(spans.inputs)
            yield

    works: tuple[Work, ...] = lambda: _decode(clip), infer, lambda: _whole(clip, engine)
    with closing(engine):
        found = [
            _efficiency(n_cameras, *(_rate(work, n_cameras, seconds / rounds) for work in works))
            for _ in range(rounds)
        ]
    return sorted(found, key=lambda one: one.of_slower)[rounds // 2]


def _efficiency(n_cameras: int, decode: _Rate, infer: _Rate, whole: _Rate) -> Efficiency:
    shared_fps = 1 / (1 / decode.fps + 1 / infer.fps)
    return Efficiency(
        n_cameras,
        decode.fps,
        infer.fps,
        whole.fps,
        whole.fps / min(decode.fps, infer.fps),
        whole.fps / shared_fps,
        decode.ms,
        infer.ms,
        whole.ms - decode.ms - infer.ms,
    )


@dataclass
class _Stopwatches:
    """Times by stage, in seconds."""

    times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def time(self, stage: str, work: Callable[[], T]) -> T:
        """Time one piece of work and give its result."""
        began = time.perf_counter()
        result = work()
        self.times[stage].append(time.perf_counter() - began)
        return result

    def split(
        self, whole: str, began: float, ended: float, inference: tuple[float, float] | None
    ) -> None:
        """Time a look of the detector, in its parts where an engine ran in the midst of it."""
        if inference is None:
            self.times[whole].append(ended - began)
            return
        self.times["letterbox"].append(inference[0] - began)
        self.times["inference"].append(inference[1] - inference[0])
        self.times["head and NMS"].append(ended - inference[1])

    def medians_ms(self) -> dict[str, float]:
        """Median milliseconds by stage, in the order of first use."""
        return {stage: 1e3 * median(times) for stage, times in self.times.items()}


@dataclass(frozen=True)
class _Rate:
    """Frames a second of all threads together, and processor milliseconds a frame."""

    fps: float
    ms: float


class _Spans:
    """Notes when a backend's last run began and ended, and what it was given."""

    def __init__(self) -> None:
        self.last: tuple[float, float] | None = None
        self.inputs: Tensors = {}
        self.backend: Backend | None = None

    def clear(self) -> None:
        self.last = None

    def around(self, backend: Backend) -> Backend:
        """The backend, noted from now on."""
        self.backend = backend
        return _Noted(backend, self)


class _Noted:
    """A backend whose runs are noted."""

    def __init__(self, backend: Backend, spans: _Spans) -> None:
        self._backend = backend
        self._spans = spans

    @property
    def max_batch(self) -> int:
        return self._backend.max_batch

    @property
    def takes_frames(self) -> bool:
        return takes_frames(self._backend)

    def run(self, inputs: Tensors) -> dict[str, Tensor]:
        began = time.perf_counter()
        outputs = self._backend.run(inputs)
        self._spans.last = began, time.perf_counter()
        self._spans.inputs = inputs
        return outputs

    def close(self) -> None:
        self._backend.close()


def _engine(
    kind: str, models: Models, model: str, threads: int, serve: Serve
) -> tuple[Engine, str | None]:
    told = {"kind": kind, "model": model, "threads": threads, "confidence": 0.35}
    options = kinds("edge.detectors")[kind].model_validate(told)
    assert isinstance(options, DetectorOptions)
    return open_engine(options, models, serve)


def _tracker() -> Tracker:
    return TrackerOptions(kind="bytetrack").build()


def _rules() -> list[Rule]:
    """The two rules every camera here has."""
    return [
        LineOptions(kind="line_crossing", name="line", line="line").build(SCENE, "bench"),
        ZoneOptions(kind="zone_entry", name="zone", zone="zone").build(SCENE, "bench"),
    ]


def _pictures(clip: Path) -> Iterator[Picture]:
    source = FileOptions(kind="file", path=clip, loop=True, realtime=False).open()
    decoder = SoftwareDecoder(source.stream)
    with closing(source):
        for packet in source.packets():
            yield from decoder.decode(packet)


def _decode(clip: Path) -> Iterator[None]:
    for _ in _pictures(clip):
        yield


def _whole(clip: Path, engine: Engine) -> Iterator[None]:
    pipeline = Pipeline(Masks(), Always(), engine.detector(), _tracker(), _rules())
    for index, picture in enumerate(_pictures(clip)):
        pipeline.step(picture.frame("bench", index))
        yield


def _rate(work: Work, n_cameras: int, seconds: float) -> _Rate:
    """How fast `n_cameras` threads do each a piece of work."""
    counts = [0] * n_cameras
    stop = threading.Event()

    def run(index: int) -> None:
        for _ in work():
            counts[index] += 1
            if stop.is_set():
                return

    threads = [threading.Thread(target=run, args=(index,)) for index in range(n_cameras)]
    for thread in threads:
        thread.start()
    time.sleep(min(WARM_S, seconds))
    before, began, busy = sum(counts), time.perf_counter(), time.process_time()
    time.sleep(seconds)
    n = max(1, sum(counts) - before)
    rate = _Rate(n / (time.perf_counter() - began), 1e3 * (time.process_time() - busy) / n)
    stop.set()
    for thread in threads:
        thread.join()
    return rate
