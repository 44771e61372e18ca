"""Ground checks: whether a camera's calibration can be, and what detail it gives each rule.

Pure. Part of the third pass, for `edge.config.check`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from edge.calibration import CalibrationError
from edge.config.calibration import Calibration
from edge.config.problem import Finding, any_of, suggest
from edge.config.schema import Camera
from edge.detail import DORI_2015, NEEDED, Detail, classes, density
from edge.ground import Ground
from edge.options import Point
from edge.rules import RuleOptions
from edge.tracks import Points

POOR = 0.1
"""Error of a calibration, as a share of what was measured, that is worth a warning: clicks that
are off by two pixels make 0.01 to 0.03."""

LEAST: Detail = "detect"
"""What a rule needs that does not say: a person is seen to be there."""


def check_ground(camera: Camera) -> Iterator[Finding]:
    """Check a camera's calibration, and whether its rules see enough.

    Args:
        camera: As written.

    Yields:
        Findings; see `edge.config.problem`.
    """
    calibration = camera.calibration
    if calibration is None:
        for i, rule in enumerate(camera.rules):
            if rule.detail is not None:
                cause = f"without a calibration nobody knows where it shows '{rule.detail}'"
                remedy = "write `calibration:`, or delete this line"
                yield Finding(("rules", i, "detail"), cause, remedy, "warning")
        return
    findings = list(check_names(calibration))
    yield from findings
    if findings:
        return
    try:
        ground = calibration.build()
    except CalibrationError as why:
        yield Finding(("calibration",), str(why), why.remedy)
        return
    if ground.error_m > POOR * calibration.extent_m:
        cause = f"off by {ground.error_m:.2f} m on average, on {calibration.extent_m:.1f} m"
        remedy = "look for a point that is swapped or a measurement that is mistyped"
        yield Finding(("calibration",), cause, remedy, "warning")
    for i, rule in enumerate(camera.rules):
        yield from _check_detail(camera, i, rule, ground, calibration.size)


def described(camera: Camera) -> list[str]:
    """What a usable camera's calibration gives, for a person.

    Args:
        camera: Without errors.

    Returns:
        One line about its error, then one for each zone and line with the pixels a metre has in it
        and the classes of IEC 62676-4 of 2014 and of 2025; nothing where it is not calibrated.
    """
    if camera.calibration is None:
        return []
    ground = camera.calibration.build()
    error = f"error {ground.error_m:.2f} m"
    if not ground.n_spare:
        error = "error unknown: four points always fit; a fifth would check them"
    lines = [f"{camera.camera}: calibrated from {camera.calibration.measured}, {error}"]
    for kind, shapes in (("zone", camera.zones), ("line", camera.lines)):
        for name, shape in shapes.items():
            figures = _figures(ground, shape, camera.calibration.size)
            lines.append(f"{camera.camera}: {kind} '{name}' shows {_in_words(figures)}")
    return lines


def detail(camera: Camera) -> list[tuple[str, str, float, float]]:
    """How many pixels a metre has in each zone and on each line.

    Args:
        camera: Without errors.

    Returns:
        `zone` or `line`, its name, least and most pixels a metre, 0 at and above the horizon; both
        NaN where the camera is not calibrated.
    """
    shapes = [
        *(("zone", name, shape) for name, shape in camera.zones.items()),
        *(("line", name, shape) for name, shape in camera.lines.items()),
    ]
    if camera.calibration is None:
        return [(kind, name, float("nan"), float("nan")) for kind, name, _ in shapes]
    ground, size_wh = camera.calibration.build(), camera.calibration.size
    return [
        (kind, name, float(figures.min()), float(figures.max()))
        for kind, name, shape in shapes
        for figures in [_figures(ground, shape, size_wh)]
    ]


def _check_detail(
    camera: Camera, i: int, rule: RuleOptions, ground: Ground, size_wh: tuple[int, int]
) -> Iterator[Finding]:
    """Whether what a rule watches has pixels enough for its purpose."""
    key = "zone" if getattr(rule, "zone", None) else "line"
    name = getattr(rule, key, None)
    shape = (camera.zones if key == "zone" else camera.lines).get(name or "")
    if shape is None:
        return
    figures = _figures(ground, shape, size_wh)
    detail = rule.detail or LEAST
    needed = NEEDED[detail]
    if figures.min() >= needed:
        return
    edition = "EN 62676-4:2015" if detail in DORI_2015 else "IEC 62676-4:2025"
    cause = (
        f"{key} '{name}' shows {_in_words(figures)}; "
        f"'{detail}' needs {needed:g} px/m everywhere ({edition})"
    )
    if figures.max() >= needed:
        remedy = f"{_nearer(ground, shape, size_wh, needed)}, or take a longer lens or more pixels"
    else:
        remedy = f"put the {key} nearer to the camera, or take a longer lens or more pixels"
    yield Finding(("rules", i, "detail" if rule.detail else key), cause, remedy, "warning")


def _figures(
    ground: Ground, shape: tuple[Point, ...], size_wh: tuple[int, int]
) -> NDArray[np.float64]:
    """Pixels a metre at the corners, between which it lies; 0 at and above the horizon."""
    return np.nan_to_num(ground.pixels_per_metre(np.array(shape), size_wh))


def _nearer(
    ground: Ground, shape: tuple[Point, ...], size_wh: tuple[int, int], needed: float
) -> str:
    """Where it would be enough, in the middle of a shape."""
    x = sum(corner[0] for corner in shape) / len(shape)
    column: Points = np.array([[x, y] for y in np.linspace(0.0, 1.0, 1001)])
    figures = ground.pixels_per_metre(column, size_wh)
    y = float(column[np.flatnonzero(figures >= needed)[0], 1])
    return f"keep it below y = {y:.2f}"


def _in_words(figures: NDArray[np.float64]) -> str:
    least, most = float(figures.min()), float(figures.max())
    (dori, newer), finest = classes(least), classes(most)
    said = f"{density(least, most)} px/m"
    sky = ", partly above the horizon" if least == 0 else ""
    return f"{said} (2015: {_span(dori, finest[0])}; 2025: {_span(newer, finest[1])}){sky}"


def _span(coarse: Detail | None, fine: Detail | None) -> str:
    return f"{coarse or 'none'} to {fine}" if coarse != fine else coarse or "none"


def check_names(calibration: Calibration) -> Iterator[Finding]:
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
