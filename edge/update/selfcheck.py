"""Self-check: is this release fit to serve this box? Run by the interpreter of the release judged.

    python -m edge.update.selfcheck --config /etc/edge [STEP ...]

Prints a JSON list of checks; an empty one where nothing is configured yet. The steps can be called
one by one, so that an agent of a fleet (Mender, RAUC, hawkBit) may ask for them, too.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from datetime import datetime, timezone
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.config import Config, load
from edge.demo.street import Scene, frames
from edge.detections import Detections
from edge.detectors import DetectorOptions, Models, NetworkOptions, unbatched
from edge.errors import EdgeError, MissingDependency, ModelError
from edge.frame import Colour, Frame, Stamp
from edge.options import kinds
from edge.site import doctor
from edge.site.doctor import Check
from edge.workbench.compare import Limits, agreement

N_GOLDEN = 9
"""Pictures of the rendered street, one a second: walkers and a car come and go in these."""

SOUND = Limits(min_found=0.8, min_iou=0.8, max_confidence_change=0.1, min_objects=1)
"""Wider than those of `edge model check`, for fewer objects: one of five may be lost at the edge of
certainty. A broken engine finds nothing, or something everywhere."""

REFERENCE = "onnx"
"""The kind that runs a model as its file says: what it sees is what the others are held against."""

FAINT = 0.1
"""Down to here detections are compared; a threshold in the middle would tear pairs apart."""


def configuration(config: Config) -> Iterator[Check]:
    """This release can use the files; a camera it sets aside has a line of its own.

    So an update can tell a camera that was set aside before from one that is now. A warning says
    what would be better, and is no reason to refuse a release.
    """
    remedy = f"edge check --config {config.folder}"
    told = f"{len(config.cameras)} cameras"
    if config.problems:
        n, first = len(config.problems), str(config.problems[0]).splitlines()[0]
        yield Check("configuration", "amber", f"{told}; {n} problems: {first}", remedy)
    else:
        yield Check("configuration", "green", f"{told}, no problems")
    for camera, problems in config.rejected:
        first = str(problems[0]).splitlines()[0]
        yield Check(f"configuration of {camera}", "red", first, remedy)


def engines(config: Config) -> Iterator[Check]:
    """Every engine of every detector sees in golden pictures what the float reference does."""
    models = Models.on_this_machine(config.appliance.storage.path)
    golden = _golden()
    for name, options in sorted(config.appliance.detectors.items()):
        label = f"detector {name}"
        try:
            candidates = options.plan(models, can_build=False).now
        except (ModelError, MissingDependency) as exc:
            yield Check(label, "red", str(exc), f"edge doctor --config {config.folder}")
            continue
        judge = _judge(candidates[0])
        seen: dict[str, list[Detections]] = {}
        for candidate in (*candidates, *judge):
            kind = candidate.kind if isinstance(candidate, NetworkOptions) else "itself"
            if kind in seen:
                continue
            try:
                seen[kind] = _look(candidate, models, golden)
            except EdgeError as exc:
                yield Check(f"{label} {kind}", "red", str(exc))
        for kind, found in seen.items():
            yield _judged(f"{label} {kind}", found, seen.get(REFERENCE))


def broker(config: Config) -> Iterator[Check]:
    """A message is acknowledged (PUBACK)."""
    yield from doctor.brokers(config)


def cameras(config: Config) -> Iterator[Check]:
    """Each camera opens and shows a picture that this release decodes."""
    enabled = [camera for camera in config.cameras if camera.enabled]
    with ThreadPoolExecutor(max(1, min(8, len(enabled)))) as pool:
        yield from pool.map(doctor.examine_camera, enabled)


STEPS: dict[str, Callable[[Config], Iterator[Check]]] = {
    "configuration": configuration,
    "engines": engines,
    "broker": broker,
    "cameras": cameras,
}


def _look(options: DetectorOptions, models: Models, golden: list[Frame]) -> list[Detections]:
    engine = options.model_copy(update={"confidence": FAINT}).engine(models, unbatched)
    try:
        detector = engine.detector()
        return [detector.detect(frame) for frame in golden]
    finally:
        engine.close()


def _judge(options: DetectorOptions) -> list[NetworkOptions]:
    """The float reference, also for a detector that names another engine; none for no network."""
    if not isinstance(options, NetworkOptions):
        return []
    shared = {name: getattr(options, name) for name in NetworkOptions.model_fields}
    reference = kinds("edge.detectors")[REFERENCE].model_validate({**shared, "kind": REFERENCE})
    return [reference] if isinstance(reference, NetworkOptions) else []


def _judged(label: str, found: list[Detections], reference: list[Detections] | None) -> Check:
    n_found = sum(len(each.confidence) for each in found)
    if reference is None or reference is found:
        return Check(label, "green", f"answers; {n_found} objects in {len(found)} golden pictures")
    agreed = agreement(reference, found)
    if not agreed.n_reference and not agreed.n_other:
        return Check(label, "green", "answers; the reference is sure of nothing in golden pictures")
    if objections := agreed.objections(SOUND):
        return Check(label, "red", "; ".join(objections), "build the engine anew: edge model build")
    return Check(label, "green", f"finds {agreed.found:.0%} of the reference's objects")


def _golden() -> list[Frame]:
    """Pictures every release can make: the same pixels as long as the street is rendered alike."""
    pictures = frames(replace(Scene(), fps=1))
    return [_frame(number, image) for number, image in enumerate(islice(pictures, N_GOLDEN))]


def _frame(number: int, bgr: NDArray[np.uint8]) -> Frame:
    height, width = bgr.shape[:2]
    planes: NDArray[np.uint8] = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_I420), np.uint8)
    y, u, v = np.split(planes.reshape(-1), [height * width, height * width * 5 // 4])
    half = (height // 2, width // 2)
    at = datetime(2026, 1, 1, tzinfo=timezone.utc)
    stamp = Stamp("golden", number, float(number), at, 0)
    return Frame(stamp, y.reshape(height, width), u.reshape(half), v.reshape(half), Colour("bt601"))


def _examined(folder: Path, steps: Sequence[str]) -> Iterator[Check]:
    if not (folder / "appliance.yaml").exists():  # installed, and not configured yet
        return
    config = load(folder)
    for step in steps:
        yield from STEPS[step](config)


def main() -> int:
    """Do the steps that were asked for; all where none was."""
    parser = argparse.ArgumentParser(prog="python -m edge.update.selfcheck", description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("steps", nargs="*", choices=[*STEPS, []], metavar="STEP")
    args = parser.parse_args()
    found: list[Check] = []
    try:
        found.extend(_examined(args.config, args.steps or tuple(STEPS)))
    except (EdgeError, PermissionError) as exc:
        remedy = f"edge check --config {args.config}"
        found.append(Check("configuration", "red", str(exc).splitlines()[0], remedy))
    json.dump([asdict(check) for check in found], sys.stdout)
    return 1 if any(check.level == "red" for check in found) else 0


if __name__ == "__main__":
    sys.exit(main())
