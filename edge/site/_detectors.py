"""What doctor says of detectors: what each will run on, and how its engines are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from edge.detectors import (
    DetectorOptions,
    EngineState,
    Models,
    NetworkOptions,
    engine_states,
    unbatched,
)
from edge.errors import EdgeError, MissingDependency, ModelError, ModelMissing
from edge.site._check import Check, Level

NVIDIA = ("/dev/nvidiactl", "/dev/nvhost-ctrl-gpu", "/dev/nvmap")
"""One of them is there where NVIDIA's driver is: on a PC, and on a Jetson's kernels."""


OUTSIDE_BRACKETS = r"((?:\([^()]*\)|[^();])*); (.*)"


def examine_detector(
    name: str, options: DetectorOptions, models: Models, folder: Path
) -> Iterator[Check]:
    """Open a detector as the daemon would, and look at the engines it may use.

    Args:
        name: The detector's.
        options: As configured.
        models: Where cards, weights and engines are found.
        folder: The configuration's; for commands.
    """
    label = f"detector {name}"
    try:
        candidates = options.plan(models, can_build=True).now
    except (ModelError, MissingDependency) as exc:
        yield _useless(label, options, exc)
        return
    refusals: dict[str, EdgeError] = {}
    for candidate in candidates:
        try:
            yield Check(label, "green", _answer(candidate, models))
            break
        except (ModelError, MissingDependency) as exc:
            refusals[_kind(candidate)] = exc
    if len(refusals) == len(candidates):
        yield _useless(label, options, next(iter(refusals.values())))
        return
    for kind, refusal in refusals.items():
        yield Check(f"engine {name} {kind}", "amber", *_split(refusal))
    for state in _states(options, models):
        check = _engine(f"engine {name} {state.kind}", state, folder)
        if check is not None and state.kind not in refusals:
            yield check


def _answer(options: DetectorOptions, models: Models) -> str:
    """Load, try out, close; what it is."""
    engine = options.engine(models, unbatched)
    engine.close()
    said = f"{engine.model} loads and answers"
    return f"{said}: {options.engine_key(models)}" if isinstance(options, NetworkOptions) else said


def _kind(options: DetectorOptions) -> str:
    return options.kind if isinstance(options, NetworkOptions) else "auto"


def _useless(label: str, options: DetectorOptions, exc: EdgeError) -> Check:
    """It cannot be opened in any way; the daemon would watch for motion."""
    what, remedy = _split(exc)
    if isinstance(exc, ModelMissing):
        what, remedy = str(exc), f"edge model pull {getattr(options, 'model', '')}"
    return Check(
        label,
        "red",
        f"{what}; the box would watch with the motion detector only",
        remedy,
        is_missing=isinstance(exc, MissingDependency | ModelMissing),
    )


def _split(exc: EdgeError) -> tuple[str, str]:
    """What an error says is the matter, and what it says to do: after the last semicolon.

    How to install a library may be told for two kinds of boxes: after the first one, then, that
    is not in the library's own words.
    """
    text = str(exc)
    if isinstance(exc, MissingDependency) and (parts := re.match(OUTSIDE_BRACKETS, text)):
        return parts[1], parts[2]
    what, _, remedy = text.rpartition("; ")
    return what, remedy


def _states(options: DetectorOptions, models: Models) -> list[EngineState]:
    if isinstance(options, NetworkOptions):
        return engine_states(options, models)
    model = getattr(options, "model", None)
    return engine_states(model, models) if isinstance(model, str) else []


def _engine(label: str, state: EngineState, folder: Path) -> Check | None:
    """One kind's engine; None where there is nothing to say."""
    if state.key is None:
        if state.kind != "tensorrt" or not any(Path(path).exists() for path in NVIDIA):
            return None
        what, remedy = _split(MissingDependency(state.missing))
        return Check(label, "amber", f"there is an NVIDIA GPU, and {what}", remedy)
    if state.builds == "never":
        return None
    if state.is_built:
        return Check(label, "green", str(state))
    level: Level
    command = f"{state.key.build_command} --config {folder}"
    if state.is_building:
        found, level, remedy = (
            "used once it is ready",
            "amber",
            f"edge model list --config {folder}",
        )
    elif not state.may_build:
        found, level, remedy = "the daemon does not try again", "amber", command
    else:
        found = "the daemon builds it in the background and watches meanwhile"
        level, remedy = ("green", "") if state.builds == "faster" else ("amber", command)
    return Check(label, level, f"{state}; {found}", remedy)
