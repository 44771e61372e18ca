"""Which rules spoke on a walk, from messages alone; and how that looks on paper."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from edge.config.schema import Camera
from edge.hardware import Sensors
from edge.site._check import Check
from edge.site.commission.page import page
from edge.site.commission.report import Report, Shape, Sheet
from edge.site.commission.walk import Walk

CAMERA: dict[str, Any] = {
    "version": 1,
    "camera": "yard",
    "source": {"kind": "file", "path": "x.mp4"},
    "analyse": {"detector": "street"},
    "zones": {"all": [[0, 0], [1, 0], [1, 1]]},
    "rules": [
        {"name": "in", "kind": "zone_entry", "zone": "all"},
        {"name": "stay", "kind": "loitering", "zone": "all", "seconds": 5},
    ],
}


def cameras(**change: Any) -> list[Camera]:
    return [Camera.model_validate_json(json.dumps({**CAMERA, **change}))]


def event(**change: Any) -> dict[str, Any]:
    said = {"id": "1", "seq": 1, "camera": "yard", "rule": "in", "phase": "begin"}
    return {**said, "kind": "zone_entered", "at": "2026-11-24T21:00:00Z", **change}


def test_every_rule_is_in_one_list() -> None:
    """Fired, silent or left out; an end is no firing, nor an event of another box's rule."""
    walk = Walk(cameras())
    assert walk.take(event(phase="end"), is_heard=True) is None
    assert walk.take(event(rule="other"), is_heard=True) is None
    assert walk.waiting == ["yard/in", "yard/stay"]
    assert walk.take(event(), is_heard=False) is not None
    assert walk.take(event(), is_heard=True) is None  # the same one, now from the broker too
    found = walk.result(5.0)
    assert (found.fired, found.silent, dict(found.left_out)) == (("yard/in",), ("yard/stay",), {})
    assert [seen.is_heard for seen in found.events] == [True]


@pytest.mark.parametrize(
    ("change", "left_out", "state", "why"),
    [
        ({"enabled": False}, (), {}, "its camera is disabled"),
        ({}, ("yard/stay",), {}, "the engineer left it out"),
        ({}, (), {"armed": False}, "not armed now"),
        ({}, (), {"armed": False, "refused": "no purpose"}, "no purpose"),
    ],
)
def test_a_rule_that_cannot_fire_is_not_silent(
    change: dict[str, Any], left_out: tuple[str, ...], state: dict[str, Any], why: str
) -> None:
    """It is listed with why."""
    walk = Walk(cameras(**change), left_out)
    walk.note_state("yard", "stay", state)
    assert why in walk.result(1.0).left_out["yard/stay"]


def test_the_page_says_what_failed_and_escapes_what_it_is_told() -> None:
    """A camera's name is text; a missing calibration, picture and walk are said."""
    sheet = Sheet(
        "yard", "<script>x</script>", "no picture: lost", b"",
        "", (Shape("zone", "all", float("nan"), float("nan")), Shape("line", "l", 30, 90)), (),
    )  # fmt: skip
    good = Report(
        "2026-11-24T21:00:00+00:00", "", {"site": "s", "node": "n"}, {}, (), (sheet,), None, (),
        {}, Sensors({"tj": 51.0}, {"tj": 99.0}), {}, (),
    )  # fmt: skip
    made = page(good)
    assert "<script>" not in made
    assert "All that was tried works" in made
    assert "Nobody walked: no rule was tested" in made
    assert "not calibrated" in made
    assert "<td>30 to 90</td><td>detect</td><td>overview</td>" in made
    assert "51 °C, throttled from 99 °C" in made
    bad = page(replace(good, checks=(Check("clock", "red", "stands"),)))
    assert "NOT READY: 1 failed" in bad
    assert good.facts()["passed"]
