"""Detectors: frames to detections. One file per kind.

Boundary: the only room that knows tensors. A *backend* runs tensors and knows no model family; a
*head* turns a family's outputs into boxes; a *card* says which head, size and colours a model
needs. `motion` needs none of them and is what watches when no weights can be had.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Protocol, TypeAlias

from numpy.typing import NDArray
from pydantic import Field

from edge.detections import Detections, ModelRef
from edge.detectors._card import Card
from edge.detectors._pull import pull
from edge.detectors._weights import Models
from edge.errors import MissingDependency, ModelError
from edge.frame import Frame
from edge.options import Options

Tensor: TypeAlias = NDArray[Any]
Tensors: TypeAlias = Mapping[str, Tensor]


class Detector(Protocol):
    """Looks at frames of one camera."""

    @property
    def model(self) -> ModelRef:
        """Who is looking; goes into every event."""

    def detect(self, frame: Frame) -> Detections:
        """Find objects.

        Raises:
            DetectorStalled: No answer in time, or the engine failed. Never an empty result.
        """


class Backend(Protocol):
    """Runs tensors of one loaded network."""

    @property
    def max_batch(self) -> int:
        """How many pictures one run takes to advantage."""

    def run(self, inputs: Tensors) -> dict[str, Tensor]:
        """Run once.

        Args:
            inputs: By input name; first axis is the batch.

        Returns:
            By output name; first axis is the batch.

        Raises:
            DetectorStalled: The run failed or took too long.
        """

    def close(self) -> None:
        """Release the engine; safe to call twice."""


class Engine(Protocol):
    """A loaded detector that several cameras share."""

    @property
    def model(self) -> ModelRef:
        """Who is looking."""

    def detector(self) -> Detector:
        """A detector for one camera."""

    def close(self) -> None:
        """Release what is shared."""


Load: TypeAlias = Callable[[], Backend]
"""Opens a backend and tries it out; called again to replace one that failed.

Raises `ModelError` or `MissingDependency` as `DetectorOptions.engine` does.
"""

Serve: TypeAlias = Callable[[Load], Backend]
"""Loads a backend and puts it behind something that shares it, such as the runtime's batcher.

Closing what it returns closes the backend.
"""


class DetectorOptions(Options):
    """What every kind of detector can be told."""

    confidence: Annotated[
        float,
        Field(
            ge=0.01,
            le=0.99,
            description="Detections below this are not used. Lower finds more and errs more.",
            examples=[0.35],
        ),
    ] = 0.35

    @abstractmethod
    def engine(self, models: Models, serve: Serve) -> Engine:
        """Load it.

        Args:
            models: Where cards and weights are found.
            serve: Called once with what loads the backend; what it returns is used.

        Raises:
            ModelError: No card, no weights, other weights, or tensors that fit no head.
            MissingDependency: The library behind this kind is not installed.
        """


def unbatched(load: Load) -> Backend:
    """Serve a backend as it is: one camera, one thread (replay, benchmarks, tests)."""
    return load()


def open_engine(
    options: DetectorOptions, models: Models, serve: Serve = unbatched
) -> tuple[Engine, str | None]:
    """Load the detector that was asked for, or the one that needs nothing.

    A box without weights still watches: it falls back to `motion`, and says so.

    Args:
        options: What was asked for.
        models: Where cards and weights are found.
        serve: See `DetectorOptions.engine`.

    Returns:
        The engine, and None; or the motion engine, and why in words fit for a technician, with
        the command that repairs it. The caller makes that heard: classes are not told apart.
    """
    from edge.detectors import motion

    try:
        return options.engine(models, serve), None
    except (ModelError, MissingDependency) as exc:
        fallback = motion.Options(kind="motion").engine(models, serve)
        return fallback, f"watching for motion only, without classes, because: {exc}"


__all__ = [
    "Backend",
    "Card",
    "Detector",
    "DetectorOptions",
    "Engine",
    "Load",
    "Models",
    "Serve",
    "Tensor",
    "Tensors",
    "open_engine",
    "pull",
    "unbatched",
]
