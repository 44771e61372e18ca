"""States: which kinds can run a model on this box, and how their engines are.

Boundary: for the commands that report and build; the daemon asks the kinds themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edge.detectors._builds import Builds, Progress
from edge.detectors._engines import EngineKey, EngineStore
from edge.detectors._network import NetworkOptions
from edge.detectors._weights import Models
from edge.detectors.auto import Options as Auto
from edge.errors import InputError, MissingDependency


@dataclass(frozen=True, slots=True)
class EngineState:
    """One kind of detector, and its engine of one model.

    Attributes:
        kind: Of the detector.
        missing: What is not installed, with the command; empty if nothing is missing.
        key: What runs: library and version, device, precision; None where the library is missing.
        builds: As the kind's `builds`.
        engine: `built`, `none was built`, or what else is the matter, in words.
        is_building: It is being built now.
        may_build: See `NetworkOptions.may_build`.
    """

    kind: str
    missing: str = ""
    key: EngineKey | None = None
    builds: Literal["never", "faster", "otherwise"] = "never"
    engine: str = ""
    is_building: bool = False
    may_build: bool = False

    @property
    def is_built(self) -> bool:
        """Whether it can be opened now, at its fastest."""
        return self.key is not None and self.engine in ("", "built")

    def __str__(self) -> str:
        if self.key is None:
            return self.missing
        return f"{self.key}" + (f": {self.engine}" if self.engine else "")


def engine_states(model: str | NetworkOptions, models: Models) -> list[EngineState]:
    """Every kind that could run a model, the fastest first; or the one whose options are given.

    Args:
        model: Name of a card, or options that name one.
        models: Where cards, weights and engines are found.

    Raises:
        ModelError: No card or no weights.
    """
    candidates = Auto(kind="auto", model=model).candidates() if isinstance(model, str) else [model]
    return [_state(options, models) for options in candidates]


def _state(options: NetworkOptions, models: Models) -> EngineState:
    path, card = models.find(options.model), models.card(options.model)
    try:
        options.require()
        key = options.key(path, card)
    except MissingDependency as exc:
        return EngineState(options.kind, missing=str(exc))
    if options.builds == "never":
        return EngineState(options.kind, key=key)
    engine, build = EngineStore(models.engines).state(key), Builds(models.engines).of(key)
    if build is not None and (engine != "built" or build.state != "interrupted"):
        engine = str(build)
    return EngineState(
        options.kind,
        key=key,
        builds=options.builds,
        engine=engine,
        is_building=build is not None and build.state == "running",
        may_build=options.may_build(models),
    )


def build_engine(
    model: str, models: Models, kind: str | None, precision: str, progress: Progress | None = None
) -> tuple[Path, str]:
    """Build and keep an engine, whatever happened to it before.

    Args:
        model: Name of a card whose weights are here.
        models: Where they are found, and where engines are kept.
        kind: For which kind of detector; None is the fastest whose library is installed.
        precision: What the kind is told.
        progress: Told how far it is; may end it.

    Returns:
        The engine's file, and the kind.

    Raises:
        InputError: The kind has no such precision.
        ModelError: See `NetworkOptions.build`.
        MissingDependency: No library.
    """
    options = _with_precision(_chosen(model, kind), precision)
    options.require()
    path, card = models.find(model), models.card(model)
    return options.build(path, card, models.engines, progress), options.kind


def _chosen(model: str, kind: str | None) -> NetworkOptions:
    candidates = Auto(kind="auto", model=model).candidates()
    building = [each for each in candidates if each.builds != "never"]
    if kind is not None:
        return next(each for each in building if each.kind == kind)
    for options in building:
        try:
            options.require()
        except MissingDependency:
            continue
        return options
    return building[0]  # says what is missing


def _with_precision(options: NetworkOptions, precision: str) -> NetworkOptions:
    try:
        return type(options).model_validate({**options.model_dump(), "precision": precision})
    except ValueError as exc:
        raise InputError(
            f"--precision: kind {options.kind} does not know {precision!r}; leave it out, or see "
            "the kind's keys in docs/configuration.md"
        ) from exc
