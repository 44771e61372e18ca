"""Wiring: from what a technician wrote to the objects that do it."""

from __future__ import annotations

from edge.config.schema import Camera as CameraOptions
from edge.detectors import Engine
from edge.health import Check
from edge.health.covered import Covered
from edge.health.frozen import Frozen
from edge.health.moved import Moved
from edge.health.view import View
from edge.masks import Masks
from edge.pipeline import Pipeline
from edge.rules import Rule, Scene, build_rules
from edge.trackers import Tracker


def scene_of(options: CameraOptions) -> Scene:
    """The shapes of one camera, its ground where it is calibrated, and where it is."""
    ground = options.calibration.build() if options.calibration else None
    return Scene(dict(options.zones), dict(options.lines), ground, options.location)


def checks() -> tuple[Check, ...]:
    """What can be wrong with a camera's picture, most serious first; nothing learnt yet."""
    frozen = Frozen()
    view = View(frozen)
    return frozen, Covered(view), Moved(view)


def tracker_of(options: CameraOptions) -> Tracker:
    """The tracker of one camera, with nothing in it yet; it knows the ground where calibrated."""
    return options.analyse.tracker.build(scene_of(options).ground)


def rules_of(options: CameraOptions) -> list[Rule]:
    """The rules of one camera, with nothing in them yet."""
    return build_rules(options.rules, scene_of(options), options.camera)


def followed_by(options: CameraOptions) -> tuple[object, ...]:
    """Differs where a camera's tracks would be others; rules, zones and lines do not matter."""
    return options.source, options.analyse, options.masks


def pipeline_of(options: CameraOptions, engine: Engine) -> Pipeline:
    """The pure spine of one camera, with nothing in it yet.

    Args:
        options: The camera's file.
        engine: The loaded detector it names.
    """
    return Pipeline(
        Masks(options.masks.values()),
        options.analyse.gate.build(),
        engine.detector(),
        tracker_of(options),
        rules_of(options),
        checks=checks(),
    )
