"""Bulletin: what a box says of its cameras and of itself, beside their events."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone

from edge.config import Config
from edge.detections import ModelRef
from edge.event import RuleState
from edge.message import CameraStatus, Health, Origin, PolicyAbout, rule_status
from edge.runtime.about import about, broker_health, retained_topics
from edge.runtime.books import Books
from edge.runtime.standing import Status
from edge.sinks import Publisher
from edge.topics import camera_status_topic, is_level, rule_state_topic

log = logging.getLogger("edge.service")


class Bulletin:
    """Says it for one configuration.

    Args:
        publisher: Where everything said goes.
        origin: Who speaks.

    Attributes:
        origin: Who speaks; another after a reload.
    """

    def __init__(self, publisher: Publisher, origin: Origin) -> None:
        self.origin = origin
        self._publisher = publisher
        self._aside: dict[str, Status] = {}

    @property
    def aside(self) -> dict[str, Status]:
        """Cameras that are not watched, by id, with why and since when."""
        return dict(self._aside)

    def about(
        self, config: Config, models: Iterable[ModelRef], governed: PolicyAbout | None
    ) -> None:
        """Say what this box is."""
        self._publisher.about(about(config, self.origin, models, governed))

    def forget_others(self, config: Config) -> None:
        """Take back what is retained of cameras and rules a configuration does not have."""
        self._publisher.keep_only(retained_topics(config))

    def set_aside(self, config: Config) -> None:
        """Say which cameras are not watched, and since when."""
        off = {c.camera: "switched off in its file" for c in config.cameras if not c.enabled}
        for name, problems in config.rejected:
            off[name] = f"its file has {len(problems)} problems: {problems[0]}".splitlines()[0]
            log.error("camera %s: set aside: %s", name, off[name])
        now, before = datetime.now(timezone.utc), self._aside
        # A file whose name can stand in no topic is in the log alone.
        self._aside = {
            name: before[name]
            if name in before and before[name].why == why
            else Status("disabled", why, now)
            for name, why in off.items()
            if is_level(name)
        }
        for name, status in self._aside.items():
            if before.get(name) is not status:
                self.status(name, status)

    def health(
        self,
        uptime_s: float,
        cameras: Mapping[str, Mapping[str, int | float]],
        books: Books | None,
        commands: Mapping[str, int] | None,
        page: str = "",
    ) -> None:
        """Say its vital signs.

        Args:
            uptime_s: Since the service began.
            cameras: Counters by camera.
            books: Keeps the audit log; None where nobody does.
            commands: Commands by what became of them.
            page: Why the device page is not open; empty while it is.
        """
        self._publisher.health(
            Health(
                site=self.origin.site,
                node=self.origin.node,
                at=datetime.now(timezone.utc),
                uptime_s=int(uptime_s),
                outbox=self._publisher.outbox_health,
                broker=broker_health(self._publisher),
                audit=books.health if books is not None else None,
                commands=dict(commands) if commands else None,
                page=page or None,
                cameras={name: dict(figures) for name, figures in cameras.items()},
                profile=self.origin.profile,
            )
        )

    def status(self, camera: str, status: Status) -> None:
        """Say how a camera is."""
        log.info("camera %s: %s %s", camera, status.state, status.why)
        self._publisher.state(
            camera_status_topic(camera),
            CameraStatus(
                site=self.origin.site,
                node=self.origin.node,
                camera=camera,
                state=status.state,
                since=status.since,
                why=status.why or None,
                profile=self.origin.profile,
            ),
        )

    def rule(self, camera: str, rule: str, state: RuleState) -> None:
        """Say how a rule is."""
        self._publisher.state(
            rule_state_topic(camera, rule), rule_status(self.origin, camera, rule, state)
        )
