"""What `edge check` says of a calibrated camera."""

from __future__ import annotations

from typing import Any

import pytest

from edge.config.ground import check_ground, described
from edge.config.schema import Camera

FOUR: dict[str, Any] = {
    "points": {"kerb": [0.1, 0.9], "bollard": [0.9, 0.9], "drain": [0.8, 0.6], "lamp": [0.2, 0.6]},
    "ground": {"kerb": [0, 0], "bollard": [12, 0], "drain": [18, 9], "lamp": [-6, 9]},
}


def camera(calibration: dict[str, Any] | None, *, zone: float = 0.6, **rule: Any) -> Camera:
    """A camera with a zone from some height of the picture down."""
    return Camera.model_validate(
        {
            "version": 1,
            "camera": "gate",
            "source": {"kind": "file", "path": "x"},
            "analyse": {"detector": "street"},
            "zones": {"yard": [[0.1, zone], [0.9, zone], [0.9, 1.0], [0.1, 1.0]]},
            "rules": [{"name": "in-yard", "kind": "zone_entry", "zone": "yard", **rule}],
            "calibration": {"size": [1280, 720], **calibration} if calibration else None,
        },
        strict=False,
    )


def test_the_error_and_the_detail_are_shown() -> None:
    """One line for the calibration, one for each shape."""
    five = {
        "points": {**FOUR["points"], "post": [0.5, 0.9]},
        "ground": {**FOUR["ground"], "post": [6.3, 0.0]},
    }
    first, second = described(camera(five))
    assert first.startswith("gate: calibrated from 5 points, error 0.41 m")
    assert second.startswith("gate: zone 'yard' shows ")
    assert " px/m (2015: detect to observe; 2025: overview to discern)" in second


def test_what_cannot_be_known_is_said() -> None:
    """Four points have no error; no calibration has no lines."""
    assert "error unknown: four points always fit" in described(camera(FOUR))[0]
    assert described(camera(None)) == []


@pytest.mark.parametrize(
    ("zone", "detail", "is_warned"),
    [
        pytest.param(0.6, None, False, id="detect is met"),
        pytest.param(0.6, "detect", False, id="and may be said"),
        pytest.param(0.6, "discern", True, id="80 px/m are not met at the far end"),
        pytest.param(0.9, "discern", False, id="nearer to the camera they are"),
        pytest.param(0.05, None, True, id="the sky shows nobody"),
    ],
)
def test_a_zone_too_coarse_for_its_rule(zone: float, detail: str | None, is_warned: bool) -> None:
    """A warning, never an error: the camera runs."""
    found = list(check_ground(camera(FOUR, zone=zone, detail=detail)))
    assert [finding.severity for finding in found] == ["warning"] * is_warned


def test_an_improbable_error_is_a_warning() -> None:
    """A mistyped coordinate among six is found by the error it makes."""
    points = {**FOUR["points"], "post": [0.5, 0.9], "sign": [0.5, 0.6]}
    ground = {**FOUR["ground"], "post": [6, 0], "sign": [6, 19]}
    (found,) = check_ground(camera({"points": points, "ground": ground}, zone=0.9))
    assert (found.severity, found.path) == ("warning", ("calibration",))
    assert "off by" in found.cause
