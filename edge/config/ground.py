"""Ground checks: whether a camera's calibration can be, and what detail it gives each rule.

Pure. Part of the third pass, for `edge.config.check`.
"""

from __future__ import annotations

from collections.abc import Iterator

from edge.calibration import CalibrationError
from edge.config.calibration import Calibration
from edge.config.problem import Finding, any_of, suggest
from edge.config.schema import Camera


def check_ground(camera: Camera) -> Iterator[Finding]:
    """Check a camera's calibration.

    Args:
        camera: As written.

    Yields:
        Findings; see `edge.config.problem`.
    """
    calibration = camera.calibration
    if calibration is None:
        return
    findings = list(_check_names(calibration))
    if not findings:
        try:
            calibration.build()
        except CalibrationError as why:
            findings.append(Finding(("calibration",), str(why), why.remedy))
    yield from findings


def _check_names(calibration: Calibration) -> Iterator[Finding]:
    """One way of measuring, over points that exist."""
    ways = [way for way in ("ground", "distances", "heights") if getattr(calibration, way)]
    if len(ways) > 1:
        cause = f"{any_of(ways, 'and')} are two ways to measure the same; one is used"
        yield Finding(("calibration", ways[-1]), cause, "delete one")
    points = calibration.points
    named = [(("ground", name), name) for name in calibration.ground] + [
        (("distances", i, "between", j), name)
        for i, distance in enumerate(calibration.distances)
        for j, name in enumerate(distance.between)
    ]
    for path, name in named:
        if name not in points:
            remedy = "write it under `points:`"
            if points:
                remedy = suggest(name, points) or f"there is {any_of(points, 'and')}"
            yield Finding(("calibration", *path), f"no point named '{name}'", remedy)
    for i, distance in enumerate(calibration.distances):
        if distance.between[0] == distance.between[1]:
            cause = f"'{distance.between[0]}' is no distance from itself"
            yield Finding(("calibration", "distances", i), cause, "name two points")
