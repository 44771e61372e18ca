"""About: what a box is and runs, for the retained `about`. Every short hash is resolved there."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

from edge import __version__
from edge.config import Config
from edge.detections import ModelRef
from edge.message import (
    About,
    BrokerHealth,
    CameraAbout,
    ModelAbout,
    Origin,
    PolicyAbout,
    RuleAbout,
)
from edge.sinks import Publisher
from edge.sinks.mqtt import MqttSink
from edge.topics import camera_status_topic, is_level, rule_state_topic

_LIBRARIES = (
    "av", "numpy", "onnxruntime", "opencv-python-headless", "openvino", "paho-mqtt", "scipy",
    "tensorrt",
)  # fmt: skip


def about(
    config: Config,
    origin: Origin,
    models: Iterable[ModelRef],
    policy: PolicyAbout | None = None,
) -> About:
    """Describe a configuration in service.

    Args:
        config: What runs.
        origin: Who says so.
        models: Of the engines that are loaded.
        policy: What governs it.
    """
    return About(
        site=origin.site,
        node=origin.node,
        software=software(),
        models=tuple(
            ModelAbout(ref=str(model), name=model.name, sha256=model.sha256)
            for model in sorted(set(models), key=str)
        ),
        config=config.sha256,
        cameras=tuple(
            CameraAbout(camera=camera.camera, name=camera.name) for camera in config.cameras
        ),
        rules=tuple(
            RuleAbout(
                camera=camera.camera,
                rule=rule.name,
                kind=rule.kind,
                priority=rule.priority,
                purpose=rule.purpose or None,
            )
            for camera in config.cameras
            for rule in camera.rules
        ),
        policy=policy,
        profile=origin.profile,
    )


def retained_topics(config: Config) -> set[str]:
    """Every subtopic of a camera that a configuration retains something at."""
    found = {camera_status_topic(name) for name, _ in config.rejected if is_level(name)}
    for camera in config.cameras:
        found.add(camera_status_topic(camera.camera))
        if camera.enabled:
            found |= {rule_state_topic(camera.camera, rule.name) for rule in camera.rules}
    return found


def broker_health(publisher: Publisher) -> BrokerHealth | None:
    """The link to the broker, of the first sink that has one now; None while none has."""
    links = [outlet.link for outlet in publisher.outlets if isinstance(outlet, MqttSink)]
    link = next((link for link in links if link.is_connected and link.since), None)
    if link is None or link.since is None:
        return None
    return BrokerHealth(
        place=link.place,
        since=link.since,
        attempts=link.attempts,
        unheard=link.unheard,
        trouble=link.last_error or None,
        trouble_at=link.last_error_at,
    )


def software() -> dict[str, str]:
    """Versions of what decides, by name."""
    found = {"edge": __version__, "python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # JetPack brings some of them without pip's notice
            continue
    return found
