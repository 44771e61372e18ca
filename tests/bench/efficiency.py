"""Pipeline efficiency: frames a second against the slower of decode alone and inference alone.

All three are measured in one run on the same cores, so that the ratio holds on a noisy machine.
Every frame is analysed and every camera reads as fast as it is served: the busiest street there is.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from edge.decoders.software import SoftwareDecoder
from edge.detectors import Backend, Models, Tensor
from edge.detectors.onnx import Options as OnnxOptions
from edge.gates.always import Always
from edge.masks import Masks
from edge.pipeline import Pipeline
from edge.runtime.batcher import Batcher
from edge.sources.file import Options as FileOptions
from edge.trackers.bytetrack import Options as TrackerOptions
from tests.bench.stages import rules


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
    options = OnnxOptions(kind="onnx", model=model, confidence=0.35)
    batchers: list[Batcher] = []

    def serve(backend: Backend) -> Batcher:
        batchers.append(Batcher(backend, name="bench"))
        return batchers[0]

    engine = options.engine(models, serve)
    # Inference alone: the same engine behind the same batcher, fed with a tensor that is ready.
    card = models.card(model)
    width, height = card.input.size_wh
    inputs: dict[str, Tensor] = {card.tensors.image: np.zeros((1, 3, height, width), np.float32)}
    if card.tensors.size is not None:
        inputs[card.tensors.size] = np.array([card.input.size_wh], np.int64)

    def decode(count: Callable[[], None]) -> Callable[[], None]:
        source = FileOptions(kind="file", path=clip, loop=True, realtime=False).open()
        decoder = SoftwareDecoder(source.stream)
        packets = source.packets()

        def one() -> None:
            for _ in decoder.decode(next(packets)):
                count()

        return one

    def infer(count: Callable[[], None]) -> Callable[[], None]:
        def one() -> None:
            batchers[0].run(inputs)
            count()

        return one

    def whole(count: Callable[[], None]) -> Callable[[], None]:
        source = FileOptions(kind="file", path=clip, loop=True, realtime=False).open()
        decoder = SoftwareDecoder(source.stream)
        packets = source.packets()
        pipeline = Pipeline(
            Masks(),
            Always(),
            engine.detector(),
            TrackerOptions(kind="bytetrack").build(),
            rules(),
        )

        def one() -> None:
            for picture in decoder.decode(next(packets)):
                pipeline.step(picture.frame("bench", 0))
                count()

        return one

    decode_fps = _rate(decode, n_cameras, seconds)
    infer_fps = _rate(infer, n_cameras, seconds)
    whole_fps = _rate(whole, n_cameras, seconds)
    engine.close()
    both = 1 / (1 / decode_fps + 1 / infer_fps)
    return {
        "cameras": n_cameras,
        "decode only, fps": round(decode_fps, 1),
        "inference only, fps": round(infer_fps, 1),
        "pipeline, fps": round(whole_fps, 1),
        "efficiency": round(whole_fps / min(decode_fps, infer_fps), 3),
        "of decode and inference sharing the cores": round(whole_fps / both, 3),
    }


def _rate(
    work: Callable[[Callable[[], None]], Callable[[], None]], n_cameras: int, seconds: float
) -> float:
    """Counts a second of `n_cameras` threads that repeat a piece of work."""
    counts = [0] * n_cameras
    stop = threading.Event()

    def run(index: int) -> None:
        def count() -> None:
            counts[index] += 1

        one = work(count)
        while not stop.is_set():
            one()

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
