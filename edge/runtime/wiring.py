"""Wiring: from what a technician wrote to the objects that do it."""

from __future__ import annotations

from edge.config.schema import Camera as CameraOptions
from edge.detectors import Engine
from edge.masks import Masks
from edge.pipeline import Pipeline
from edge.rules import Scene


def scene_of(options: CameraOptions) -> Scene:
    """The shapes of one camera."""
    return Scene(dict(options.zones), dict(options.lines))


def pipeline_of(options: CameraOptions, engine: Engine) -> Pipeline:
    """The pure spine of one camera, with nothing in it yet.

    Args:
        options: The camera's file.
        engine: The loaded detector it names.
    """
    scene = scene_of(options)
    return Pipeline(
        Masks(options.masks.values()),
        options.analyse.gate.build(),
        engine.detector(),
        options.analyse.tracker.build(),
        [rule.build(scene, options.camera) for rule in options.rules],
    )
