"""Engines: any kind that runs a network, with a model, or with a file nobody vouched for yet."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edge import __version__
from edge.detectors import Backend, Card, DetectorOptions, Engine, Load, Models, Tensor, Tensors
from edge.digest import file_digest
from edge.errors import InputError, ModelError
from edge.frame import Frame
from edge.options import kinds
from edge.workbench import graph

ROOM = "edge.detectors"

CONFIDENCE = 0.01
"""The lowest a detector takes, so that a curve of precision against recall reaches its end. Going
down to 0.001 adds 0.2 points of mAP to yolox-nano and nothing to deimv2-femto."""


def engine_kinds() -> tuple[str, ...]:
    """The kinds of detector that run a network, in alphabetical order."""
    return tuple(kind for kind, told in kinds(ROOM).items() if "model" in told.model_fields)


@contextmanager
def opened(
    kind: str,
    model: str,
    models: Models,
    *,
    precision: str | None = None,
    confidence: float = CONFIDENCE,
    backends: list[Recorder] | None = None,
) -> Iterator[Engine]:
    """An engine, closed at the end.

    Args:
        kind: One of `engine_kinds()`.
        model: Name of its card.
        models: Where it is found.
        precision: What the kind is told to compute in; None leaves it to the kind.
        confidence: Detections below this are left out.
        backends: Where to put the backend that is opened, to see what it is given.

    Raises:
        InputError: The kind takes no precision, or not this one.
        ModelError: See `DetectorOptions.engine`.
        MissingDependency: See `DetectorOptions.engine`.
    """
    told: dict[str, object] = {"kind": kind, "model": model, "confidence": confidence}
    if precision is not None:
        told["precision"] = precision
    try:
        options = kinds(ROOM)[kind].model_validate(told)
    except ValueError as exc:
        raise InputError(
            f"kind {kind} cannot be told precision {precision!r}; leave out --precision, or see "
            "the kind's keys in docs/configuration.md"
        ) from exc
    assert isinstance(options, DetectorOptions)

    def serve(load: Load) -> Backend:
        backend = load()
        if backends is None:
            return backend
        backends.append(Recorder(backend))
        return backends[-1]

    engine = options.engine(models, serve)
    try:
        yield engine
    finally:
        engine.close()


class Recorder:
    """A backend that remembers what it was given.

    Attributes:
        given: Inputs of each run, by input name.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.given: list[dict[str, Tensor]] = []

    @property
    def max_batch(self) -> int:
        """As the backend's."""
        return self._backend.max_batch

    def run(self, inputs: Tensors) -> dict[str, Tensor]:
        """Remember and run."""
        self.given.append({name: value.copy() for name, value in inputs.items()})
        return self._backend.run(inputs)

    def close(self) -> None:
        """Close the backend."""
        self._backend.close()


def tensors(model: str, models: Models, frames: Sequence[Frame]) -> list[dict[str, Tensor]]:
    """What the network of a model is given for each frame, by input name."""
    recorders: list[Recorder] = []
    with opened("onnx", model, models, backends=recorders) as engine:
        detector = engine.detector()
        for frame in frames:
            detector.detect(frame)
    return recorders[0].given


@contextmanager
def with_weights(card: Card, weights: Path, models: Models) -> Iterator[Models]:
    """A search path on which a card's only weights are the given file, whatever its SHA-256.

    For looking at a file before anybody vouches for it; the card that is searched is a copy.

    Args:
        card: The card.
        weights: The file.
        models: Where engines that were built on this box are kept.

    Raises:
        InputError: The file cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="edge-weights-") as folder:
        place = Path(folder) / card.name / "weights.onnx"
        place.parent.mkdir()
        try:
            shutil.copyfile(weights, place)
        except OSError as exc:
            raise InputError(
                f"{weights} cannot be read: {exc.strerror}; give another FILE"
            ) from exc
        write_card(card, place)
        try:
            yield Models([Path(folder)], shipped=Path(folder), engines=models.engines)
        except ModelError as exc:  # it speaks of the copy
            raise type(exc)(str(exc).replace(str(place), str(weights))) from exc


def write_card(
    card: Card, weights: Path, *, precision: str = "fp32", note: str = "", **changes: object
) -> Path:
    """Write a card beside weights, which become the only ones it accepts.

    Args:
        card: What else it says; but for what was measured of other weights.
        weights: A file that lies in `<folder>/<card.name>/`.
        precision: Of the weights.
        note: About the weights.
        changes: Keys of the card that are to be other.

    Returns:
        The card.
    """
    entry = {
        "file": weights.name,
        "sha256": file_digest(weights),
        "bytes": weights.stat().st_size,
        "precision": precision,
        "note": note,
    }
    written = Card.model_validate(dict(card.model_dump(), weights=[entry], measured=(), **changes))
    path = weights.with_name("card.yaml")
    path.write_text(written.to_yaml(), encoding="utf-8")
    return path


def install(model: Any, card: Card, into: Path, *, suffix: str, sha256: str, how: str) -> Path:
    """Write converted weights as a model of its own, with a card that says where it is from.

    Args:
        model: An `onnx.ModelProto`.
        card: Of the model it was made from.
        into: Folder of the search path; the model comes to lie in `<into>/<name>-<suffix>/`.
        suffix: Its precision, `int8` or `fp16`.
        sha256: Of the file it was made from.
        how: With what, and which layers were left alone.

    Returns:
        The weights.

    Raises:
        InputError: It cannot be written there.
    """
    name = f"{card.name}-{suffix}"
    path = into / name / f"{name}.onnx"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        graph.write(model, path)
        write_card(
            card,
            path,
            name=name,
            precision=suffix,
            note=f"Made on this site from {card.name}@{sha256[:8]}.",
            derived_from={"model": card.name, "sha256": sha256, "how": how},
            accuracy=(),
            obtain=None,
            known_limits=f"Made from {card.name}, of which this was found: {card.known_limits}",
        )
    except OSError as exc:
        raise InputError(f"{path} cannot be written: {exc.strerror}; give another --into") from exc
    return path


def software(*libraries: str) -> str:
    """This software and libraries with their versions, for a figure that must be found again."""
    from importlib.metadata import PackageNotFoundError, version

    names = [f"edge {__version__}"]
    for library in libraries:
        try:
            names.append(f"{library} {version(library)}")
        except PackageNotFoundError:
            continue
    return ", ".join(names)
