"""Service: what runs for one configuration: engines, cameras, and what is said of them."""

from __future__ import annotations

import logging
import platform
import time
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version

from edge import __version__
from edge.config import Config
from edge.config.schema import Camera as CameraOptions
from edge.detectors import Engine, Models, open_engine
from edge.event import RuleState
from edge.message import (
    About,
    BrokerHealth,
    CameraAbout,
    CameraStatus,
    Health,
    ModelAbout,
    Origin,
    RuleAbout,
    camera_status_topic,
    is_level,
    rule_state_topic,
    rule_status,
)
from edge.runtime.arming import Disarming
from edge.runtime.batcher import Batcher
from edge.runtime.camera import Camera, Reports
from edge.runtime.clock import BoxClock
from edge.runtime.reader import Reader
from edge.runtime.standing import Status
from edge.runtime.wiring import pipeline_of
from edge.sinks import Publisher
from edge.sinks.mqtt import MqttSink

log = logging.getLogger("edge.service")

_LIBRARIES = (
    "av", "numpy", "onnxruntime", "opencv-python-headless", "openvino", "paho-mqtt", "scipy",
    "tensorrt",
)  # fmt: skip


def origin_of(config: Config) -> Origin:
    """Who speaks for a configuration."""
    return Origin(config.appliance.site, config.appliance.node, config.sha256)


class Service:
    """One configuration in service.

    Args:
        config: What to do.
        publisher: Where everything said goes; it outlives this service.
        disarmed: By camera, what an earlier service had disarmed and goes on being so.
    """

    def __init__(
        self,
        config: Config,
        publisher: Publisher,
        *,
        disarmed: Mapping[str, Iterable[Disarming]] | None = None,
    ) -> None:
        self._config = config
        self._publisher = publisher
        self._origin = origin_of(config)
        self._disarmed = disarmed or {}
        self._engines: dict[str, tuple[Engine, str]] = {}
        self._cameras: list[Camera] = []
        self._clock = BoxClock()
        self._started = time.monotonic()

    @property
    def cameras(self) -> tuple[Camera, ...]:
        """The cameras being watched."""
        return tuple(self._cameras)

    @property
    def disarmed(self) -> dict[str, tuple[Disarming, ...]]:
        """Rules whose events are kept back now, by camera."""
        return {camera.name: camera.disarmed for camera in self._cameras}

    @property
    def is_stuck(self) -> bool:
        """Some camera has not moved for so long that only a restart helps."""
        return any(camera.is_stuck for camera in self._cameras)

    def start(self) -> None:
        """Load the detectors, say what this box is, and begin to watch."""
        watched = [camera for camera in self._config.cameras if camera.enabled]
        for options in watched:
            name = options.analyse.detector
            if name not in self._engines:
                self._engines[name] = self._open(name)
        self._cameras = [self._camera(options) for options in watched]
        self._publisher.about(self._about())
        self._publisher.keep_only(self._subtopics())
        now = datetime.now(timezone.utc)
        for options in self._config.cameras:
            if not options.enabled:
                self._report_status(
                    options.camera, Status("disabled", "switched off in its file", now)
                )
        for name, problems in self._config.rejected:
            why = f"its file has {len(problems)} problems: {problems[0]}".splitlines()[0]
            log.error("camera %s: set aside: %s", name, why)
            if is_level(name):  # else its file's name can stand in no topic: the log has it
                self._report_status(name, Status("disabled", why, now))
        for camera in self._cameras:
            camera.start()

    def stop(self, reason: str) -> None:
        """Stop watching and end what is open, for the reason given."""
        for camera in self._cameras:
            camera.request_stop()
        for camera in self._cameras:
            camera.stop(reason)
        for engine, _ in self._engines.values():
            engine.close()

    def say_health(self, commands: Mapping[str, int] | None = None) -> None:
        """Publish vital signs.

        Args:
            commands: Commands by what became of them.
        """
        self._publisher.health(
            Health(
                site=self._origin.site,
                node=self._origin.node,
                at=datetime.now(timezone.utc),
                uptime_s=int(time.monotonic() - self._started),
                outbox=self._publisher.outbox_health,
                broker=broker_health(self._publisher),
                commands=dict(commands) if commands else None,
                cameras={camera.name: camera.figures() for camera in self._cameras},
            )
        )

    def _open(self, name: str) -> tuple[Engine, str]:
        """The engine behind a detector's name, and why it is less than was asked for."""
        models = Models.on_this_machine(self._config.appliance.storage.path)
        engine, reason = open_engine(
            self._config.appliance.detectors[name],
            models,
            lambda load: Batcher(load, name=name),
        )
        if reason:
            log.error("detector %s: %s", name, reason)
        else:
            log.info("detector %s: %s", name, engine.model)
        return engine, reason or ""

    def _camera(self, options: CameraOptions) -> Camera:
        engine, degraded = self._engines[options.analyse.detector]
        return Camera(
            options.camera,
            Reader(options.camera, options.source),
            pipeline_of(options, engine),
            decoder=options.analyse.decoder,
            fps=options.analyse.fps,
            reports=Reports(self._publisher.emit, self._report_status, self._report_rule),
            degraded=degraded,
            clock_doubt=lambda: self._clock.doubt,
            disarmed=[
                disarming
                for disarming in self._disarmed.get(options.camera, ())
                if disarming.rule in {rule.name for rule in options.rules}
            ],
        )

    def _report_status(self, camera: str, status: Status) -> None:
        log.info("camera %s: %s %s", camera, status.state, status.why)
        self._publisher.state(
            camera_status_topic(camera),
            CameraStatus(
                site=self._origin.site,
                node=self._origin.node,
                camera=camera,
                state=status.state,
                since=status.since,
                why=status.why or None,
            ),
        )

    def _report_rule(self, camera: str, rule: str, state: RuleState) -> None:
        self._publisher.state(
            rule_state_topic(camera, rule), rule_status(self._origin, camera, rule, state)
        )

    def _subtopics(self) -> set[str]:
        """Every retained topic this configuration has."""
        found = {camera_status_topic(name) for name, _ in self._config.rejected if is_level(name)}
        for camera in self._config.cameras:
            found.add(camera_status_topic(camera.camera))
            if camera.enabled:
                found |= {rule_state_topic(camera.camera, rule.name) for rule in camera.rules}
        return found

    def _about(self) -> About:
        models = {engine.model for engine, _ in self._engines.values()}
        return About(
            site=self._origin.site,
            node=self._origin.node,
            software=_software(),
            models=tuple(
                ModelAbout(ref=str(model), name=model.name, sha256=model.sha256)
                for model in sorted(models, key=str)
            ),
            config=self._config.sha256,
            cameras=tuple(
                CameraAbout(camera=camera.camera, name=camera.name)
                for camera in self._config.cameras
            ),
            rules=tuple(
                RuleAbout(
                    camera=camera.camera,
                    rule=rule.name,
                    kind=rule.kind,
                    priority=rule.priority,
                )
                for camera in self._config.cameras
                for rule in camera.rules
            ),
        )


def broker_health(publisher: Publisher) -> BrokerHealth | None:
    """The link to the broker, of the first sink that has one; None while it never had one."""
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


def _software() -> dict[str, str]:
    """Versions of what decides, by name."""
    found = {"edge": __version__, "python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # JetPack brings some of them without pip's notice
            continue
    return found
