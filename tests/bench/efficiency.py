"""Pipeline efficiency: frames a second against the slower of decode alone and inference alone.

All three are measured in one run on the same cores, so that the ratio holds on a noisy machine.
Every frame is analysed and every camera reads as fast as it is served: the busiest street there
is. Where decoder and engine share the cores, as on a machine without a GPU, the three compete, and
the fair limit is the rate at which the cores could do decode and inference with nothing between.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import numpy as np

from edge.decoders import Picture
from edge.decoders.software import SoftwareDecoder
from edge.detectors import Backend, Engine, Models, Tensor
from edge.detectors.onnx import Options as OnnxOptions
from edge.gates.always import Always
from edge.masks import Masks
from edge.pipeline import Pipeline
from edge.runtime.batcher import Batcher
from edge.sources.file import Options as FileOptions
from edge.trackers.bytetrack import Options as TrackerOptions
from tests.bench.stages import rules

Work: TypeAlias = Callable[[], Iterator[None]]
"""Starts one camera's work, which yields once a frame and never ends."""


def measure(
    clip: Path, models: Models, model: str, n_cameras: int, seconds: float
) -> dict[str, float]:
    """Frames a second of decode alone, inference alone and the whole, all cameras together.

    Args:
        clip: The recording each camera plays.
        models: Where the model is found.
        model: Name of its card.
        n_cameras: How many cameras at once.
        seconds: How long each of the three runs.
    """
    batchers: list[Batcher] = []

    def serve(backend: Backend) -> Batcher:
        batchers.append(Batcher(backend, name="bench"))
        return batchers[0]

    engine = OnnxOptions(kind="onnx", model=model, confidence=0.35).engine(models, serve)
    # Inference alone: the same engine behind the same batcher, fed with a tensor that is ready.
    card = models.card(model)
    width, height = card.input.size_wh
    inputs: dict[str, Tensor] = {card.tensors.image: np.zeros((1, 3, height, width), np.float32)}
    if card.tensors.size is not None:
        inputs[card.tensors.size] = np.array([card.input.size_wh], np.int64)

    def infer() -> Iterator[None]:
        while True:
            batchers[0].run(inputs)
            yield

    decode_fps = _rate(lambda: _decode(clip), n_cameras, seconds)
    infer_fps = _rate(infer, n_cameras, seconds)
    whole_fps = _rate(lambda: _whole(clip, engine), n_cameras, seconds)
    engine.close()
    shared = 1 / (1 / decode_fps + 1 / infer_fps)
    return {
        "cameras": n_cameras,
        "decode only, fps": round(decode_fps, 1),
        "inference only, fps": round(infer_fps, 1),
        "pipeline, fps": round(whole_fps, 1),
        "efficiency": round(whole_fps / min(decode_fps, infer_fps), 3),
        "of decode and inference sharing the cores": round(whole_fps / shared, 3),
    }


def _pictures(clip: Path) -> Iterator[Picture]:
    source = FileOptions(kind="file", path=clip, loop=True, realtime=False).open()
    decoder = SoftwareDecoder(source.stream)
    for packet in source.packets():
        yield from decoder.decode(packet)


def _decode(clip: Path) -> Iterator[None]:
    for _ in _pictures(clip):
        yield


def _whole(clip: Path, engine: Engine) -> Iterator[None]:
    tracker = TrackerOptions(kind="bytetrack").build()
    pipeline = Pipeline(Masks(), Always(), engine.detector(), tracker, rules())
    for picture in _pictures(clip):
        pipeline.step(picture.frame("bench", 0))
        yield


def _rate(work: Work, n_cameras: int, seconds: float) -> float:
    """Frames a second of `n_cameras` threads that each do a piece of work."""
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
    time.sleep(1.0)  # past opening and warm-up
    before, began = sum(counts), time.perf_counter()
    time.sleep(seconds)
    rate = (sum(counts) - before) / (time.perf_counter() - began)
    stop.set()
    for thread in threads:
        thread.join()
    return rate
