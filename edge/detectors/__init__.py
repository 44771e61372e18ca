"""Detectors: frames to detections. One file per kind.

Boundary: the only room that knows tensors. A *backend* runs tensors and knows no model family; a
*head* turns a family's outputs into boxes; a *card* says which head, size and colours a model
needs. `motion` needs none of them and is what watches when no weights can be had.
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Protocol, TypeAlias, runtime_checkable

from numpy.typing import NDArray
from pydantic import Field

from edge.detections import Detections, ModelRef
from edge.detectors._builds import Build, Builds
from edge.detectors._card import Card, Measured
from edge.detectors._engines import EngineKey, EngineStore
from edge.detectors._pull import pull
from edge.detectors._weights import Models
from edge.errors import MissingDependency, ModelError, ModelRefused
from edge.frame import Frame
from edge.options import Options

log = logging.getLogger("edge.detectors")

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


@runtime_checkable
class FrameBackend(Backend, Protocol):
    """A backend that can make the picture's tensor itself, where it runs.

    `run` then takes, in place of the picture's tensor, an (N,) object array of `Frame`, and makes
    of each what `_preprocess.to_tensor` would; a tensor it takes as well.
    """

    @property
    def takes_frames(self) -> bool:
        """Whether it can now."""


def takes_frames(backend: Backend) -> bool:
    """Whether a backend makes tensors of frames itself."""
    return isinstance(backend, FrameBackend) and backend.takes_frames


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


Admit: TypeAlias = "Callable[[DetectorOptions], str]"
"""Says why the policy does not let one kind with its model run; empty where it does."""


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

    def plan(self, models: Models, *, can_build: bool) -> Plan:  # noqa: ARG002
        """What can be opened at once, and what is to be built meanwhile.

        Args:
            models: Where cards, weights and engines are found.
            can_build: Somebody will build; else what is not built is done without.

        Raises:
            ModelError, MissingDependency: See `engine`.
        """
        return Plan((self,))

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


@dataclass(frozen=True)
class Plan:
    """How a detector begins, and what it becomes.

    Attributes:
        now: What can be opened at once, the best first; the others are for where that fails.
        later: A faster kind with the same model, whose engine has to be built first.
        again: The first of `now`, where it opens an engine that may have to be built again.
    """

    now: tuple[DetectorOptions, ...]
    later: NetworkOptions | None = None
    again: NetworkOptions | None = None


def unbatched(load: Load) -> Backend:
    """Serve a backend as it is: one camera, one thread (replay, benchmarks, tests)."""
    return load()


def open_engine(
    options: DetectorOptions,
    models: Models,
    serve: Serve = unbatched,
    build: Callable[[NetworkOptions], None] | None = None,
    admit: Admit = lambda _: "",
) -> tuple[Engine, str | None]:
    """Load the detector that was asked for, or the one that needs nothing.

    A box without weights still watches: it falls back to `motion`, and says so.

    Args:
        options: What was asked for.
        models: Where cards and weights are found.
        serve: See `DetectorOptions.engine`.
        build: Told of a faster kind whose engine is to be built; None where nobody builds.
        admit: Asked before anything is opened or left to be built.

    Returns:
        The engine, and None; or the motion engine, and why in words fit for a technician, with
        the command that repairs it. The caller makes that heard: classes are not told apart.
    """
    from edge.detectors import motion

    try:
        plan = options.plan(models, can_build=build is not None)
        engine, n_failed = _first_that_opens(plan.now, models, serve, admit)
    except (ModelError, MissingDependency) as exc:
        fallback = motion.Options(kind="motion").engine(models, serve)
        return fallback, f"watching for motion only, without classes, because: {exc}"
    if build is not None and (later := _to_build(plan, n_failed, models)):
        if why := admit(later):
            log.warning("%s is not built: %s", later.kind, why)
        else:
            build(later)
    return engine, None


def _first_that_opens(
    candidates: Sequence[DetectorOptions], models: Models, serve: Serve, admit: Admit
) -> tuple[Engine, int]:
    """The first engine that opens, and how many did not; raises what the first one said."""
    said: list[Exception] = []
    for options in candidates:
        try:
            if why := admit(options):
                raise ModelRefused(why)
            return options.engine(models, serve), len(said)
        except (ModelError, MissingDependency) as exc:
            if len(candidates) > 1:
                log.error("%s; goes on with the next best", exc)
            said.append(exc)
    raise said[0]


def _to_build(plan: Plan, n_failed: int, models: Models) -> NetworkOptions | None:
    """What was left for later, or what was built, did not open, and may be built again."""
    again = plan.again if n_failed else None
    if plan.later is None and again is not None and again.may_build(models):
        return again
    return plan.later


# Made of what stands above, which must be there first.
from edge.detectors._network import NetworkOptions  # noqa: E402
from edge.detectors._states import EngineState, build_engine, engine_states  # noqa: E402

__all__ = [
    "Admit",
    "Backend",
    "Build",
    "Builds",
    "Card",
    "Detector",
    "DetectorOptions",
    "Engine",
    "EngineKey",
    "EngineState",
    "EngineStore",
    "FrameBackend",
    "Load",
    "Measured",
    "Models",
    "NetworkOptions",
    "Plan",
    "Serve",
    "Tensor",
    "Tensors",
    "build_engine",
    "engine_states",
    "open_engine",
    "pull",
    "takes_frames",
    "unbatched",
]
