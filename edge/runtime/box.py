"""Box: the hands of the commands, for the configuration in force.

Boundary: between `edge.commands`, which decide, and the service, which does. Called from the desk's
thread.
"""

from __future__ import annotations

import logging
import time
from concurrent.futures import TimeoutError as FutureTimeoutError
from datetime import datetime, timedelta, timezone

from edge.commands import Caller, CommandFailed, Kept, Picture, Replay
from edge.errors import EvidenceUnmade, SinkError
from edge.event import RuleState
from edge.evidence.witness import METADATA_ONLY
from edge.runtime.arming import Disarming
from edge.runtime.asker import Asker, Reload
from edge.runtime.camera import Camera
from edge.runtime.service import Service
from edge.sinks import Publisher
from edge.sinks.mqtt import MqttSink
from edge.snapshot import jpeg

log = logging.getLogger("edge.commands")

SNAPSHOT_S = 6.0
"""Longest wait for a picture: an idle camera is looked at once a keyframe, at most 2.5 s apart."""

CLIP_S = 20.0
"""Longest wait for a clip to be on the disk; one that is masked has to be coded anew."""


class LocalBox:
    """This box.

    Args:
        service: Its cameras.
        publisher: What delivered messages can be sent again through.
        reload: Reads the configuration again.
    """

    def __init__(self, service: Service, publisher: Publisher, reload: Reload) -> None:
        self._service = service
        self._publisher = publisher
        self._reload = reload

    def look(self) -> dict[str, str]:
        """State of every camera, by id."""
        return {camera.name: camera.status.state for camera in self._service.cameras}

    def snapshot(self, camera: str, max_bytes: int) -> Picture:
        """The camera's next picture.

        Raises:
            CommandFailed: There is no such camera, or it shows no picture.
        """
        watched = self._camera(camera)
        if watched.policy.metadata_only:
            raise CommandFailed(f"camera {camera}: {METADATA_ONLY}")
        frame = watched.next_picture(SNAPSHOT_S)
        if frame is None:
            status = watched.status
            raise CommandFailed(
                f"camera {camera} showed no picture within {SNAPSHOT_S:.0f} s: "
                f"{status.state} {status.why}".strip()
            )
        coded, size_wh = jpeg(frame, max_bytes)
        return Picture(coded, frame.stamp, size_wh)

    def clip(self, camera: str, seconds: int, by: Caller) -> Kept:
        """Keep the camera's last seconds as evidence.

        Raises:
            CommandFailed: There is no such camera, or its policy lets no clip be made, or it could
                not be made.
        """
        watched = self._camera(camera)
        if watched.policy.metadata_only:
            raise CommandFailed(f"camera {camera}: {METADATA_ONLY}")
        if watched.witness is None:
            raise CommandFailed("this box keeps no evidence: set `storage: evidence`")
        log.info("camera %s: a clip of the last %d s, asked for by %s", camera, seconds, by)
        try:
            made = watched.witness.past(seconds).result(CLIP_S)
        except FutureTimeoutError:
            raise CommandFailed(f"the clip was not made within {CLIP_S:.0f} s") from None
        except EvidenceUnmade as exc:
            raise CommandFailed(f"camera {camera}: {exc}") from exc
        return Kept(made.ref, made.sha256, made.begin, made.end)

    def disarm(self, camera: str, rule: str, seconds: int, by: Caller, why: str) -> datetime:
        """Keep a rule's events back.

        Raises:
            CommandFailed: There is no such camera or rule.
        """
        watched = self._camera(camera)
        _check_rule(watched, rule)
        until = datetime.now(timezone.utc) + timedelta(seconds=seconds)
        words = f"by {by} until {until:%Y-%m-%dT%H:%M:%SZ}" + (f": {why}" if why else "")
        watched.disarm(Disarming(rule, time.monotonic() + seconds, until, words))
        self._service.disarmings.keep(camera, watched.disarmed)
        return until

    def arm(self, camera: str, rule: str, by: Caller) -> RuleState:
        """Let a rule's events out again.

        Raises:
            CommandFailed: There is no such camera or rule, or the policy does not let it arm.
        """
        watched = self._camera(camera)
        _check_rule(watched, rule)
        if why := watched.refused(rule):
            raise CommandFailed(f"the policy does not let {camera}/{rule} arm: {why}")
        state = watched.arm(rule, f"armed by {by}")
        self._service.disarmings.keep(camera, watched.disarmed)
        return state

    def reload(self, by: Caller) -> str:
        """Read the configuration again."""
        return self.take_up(Asker("command", str(by)))

    def take_up(self, by: Asker) -> str:
        """The same for whoever asks in another way.

        Raises:
            CommandFailed: It cannot be used, or it takes too long.
        """
        return self._reload(by)

    def replay(self, start: int | datetime) -> Replay:
        """Send delivered messages again through the broker they went to.

        Raises:
            CommandFailed: They cannot be read.
        """
        for outlet in self._publisher.outlets:
            if isinstance(outlet, MqttSink):
                try:
                    return Replay(*outlet.replay(start))
                except SinkError as exc:
                    raise CommandFailed(str(exc)) from exc
        raise CommandFailed("nothing here sends to a broker")

    def _camera(self, name: str) -> Camera:
        cameras = {camera.name: camera for camera in self._service.cameras}
        if name not in cameras:
            known = ", ".join(sorted(cameras)) or "none"
            raise CommandFailed(f"no camera {name} is being watched; there are: {known}")
        return cameras[name]


def _check_rule(camera: Camera, rule: str) -> None:
    if rule not in camera.rules:
        known = ", ".join(camera.rules) or "none"
        raise CommandFailed(f"camera {camera.name} has no rule {rule}; there are: {known}")
