"""Survey: what a camera's shapes and calibration are, for the page. Pure."""

from __future__ import annotations

import json

import numpy as np
from pydantic import ValidationError

from edge.calibration import CalibrationError
from edge.config.calibration import Calibration
from edge.config.ground import check_names
from edge.config.schema import Camera
from edge.detail import classes
from edge.options import kinds
from edge.web import Json, Refused

_COLUMNS, _ROWS = 8, 8


def surveyed(options: Camera) -> Json:
    """A camera that has no file, as in the demo; nothing of its source."""
    said = options.model_dump(mode="json", include={"zones", "lines", "masks", "rules"})
    rules = [
        rule.model_dump(mode="json", exclude_defaults=True) | {"kind": rule.kind}
        for rule in options.rules
    ]
    return {
        **said,
        "camera": options.camera,
        "name": options.name,
        "file": None,
        "sha256": "",
        "text": "",
        "rules": rules,
        "calibration": None,
        "rule_kinds": sorted(kinds("edge.rules")),
        "problems": [],
        "can_undo": False,
    }


def calibrated(calibration: Json) -> Json:
    """What a calibration gives, over the picture.

    Args:
        calibration: As a technician writes it.

    Returns:
        Error in metres, None where nothing checks it; and for a grid of places how many pixels a
        metre has there, None at and above the horizon, and what they are good for.

    Raises:
        Refused: It gives none; says why, with problems.
    """
    try:
        written = Calibration.model_validate_json(json.dumps(calibration))
    except ValidationError as why:
        errors = why.errors(include_url=False, include_input=False)
        problems = [_problem(".".join(map(str, one["loc"])), one["msg"]) for one in errors]
        raise Refused(400, f"not valid: {problems[0]['cause']}", problems=problems) from None
    findings = list(check_names(written))
    if findings:
        named = [
            _problem(".".join(map(str, one.path[1:])), one.cause, one.remedy) for one in findings
        ]
        raise Refused(400, findings[0].cause, problems=named)
    try:
        ground = written.build()
    except CalibrationError as why:
        problem = _problem("", str(why), why.remedy)
        raise Refused(400, str(why), problems=[problem]) from None
    x, y = np.meshgrid((np.arange(_COLUMNS) + 0.5) / _COLUMNS, (np.arange(_ROWS) + 0.5) / _ROWS)
    places = np.stack([x.ravel(), y.ravel()], axis=1)
    grid = []
    for place, figure in zip(
        places.tolist(), ground.pixels_per_metre(places, written.size).tolist(), strict=True
    ):
        is_ground = figure == figure and figure > 0  # noqa: PLR0124 - not a number
        dori, newer = classes(figure) if is_ground else (None, None)
        grid.append(
            {
                "at": [round(place[0], 4), round(place[1], 4)],
                "px_per_m": round(figure, 1) if is_ground else None,
                "classes": [dori, newer],
            }
        )
    return {
        "error_m": round(ground.error_m, 4) if ground.n_spare else None,
        "measured": written.measured,
        "px_per_m": grid,
    }


def _problem(path: str, cause: str, remedy: str = "") -> Json:
    at = f"calibration.{path}" if path else "calibration"
    return {
        "file": "", "line": 0, "column": 0, "path": at, "cause": cause, "remedy": remedy,
        "severity": "error", "source": "", "caret": 0,
    }  # fmt: skip
