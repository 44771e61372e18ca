"""Overview: how the box is right now, for the page's first look. Costs no picture."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import datetime, timezone

from edge.config import Config, Problem
from edge.config.schema import Camera as CameraOptions
from edge.runtime.camera import Camera
from edge.runtime.editing import plain
from edge.runtime.service import Service
from edge.runtime.standing import Status
from edge.sinks import Publisher
from edge.sinks.mqtt import MqttSink
from edge.web import Json

LEAST_S = 2.0
"""Rates are counted over at least this long."""


@dataclass(slots=True)
class _Rate:
    """Packets and looks of one camera, a while ago."""

    at: float
    n_packets: int
    n_frames: int
    fps: float | None = None
    looked_fps: float | None = None


class Overview:
    """What the page's first look shows.

    Args:
        service: The cameras.
        publisher: Outbox and broker.
    """

    def __init__(self, service: Service, publisher: Publisher) -> None:
        self._service = service
        self._publisher = publisher
        self._lock = threading.Lock()
        self._rates: dict[str, _Rate] = {}
        self._is_refused = False
        self._at = datetime.now(timezone.utc)
        self.problems: tuple[Problem, ...] = ()

    def note(self, problems: tuple[Problem, ...], *, is_refused: bool) -> None:
        """A configuration was taken up, or refused."""
        self.problems = problems
        self._is_refused = is_refused
        self._at = datetime.now(timezone.utc)

    def told(self) -> Json:
        """Everything, as docs/device-page.md has it."""
        config = self._service.config
        return {
            "site": config.appliance.site,
            "node": config.appliance.node,
            "uptime_s": int(self._service.uptime_s),
            "config": {
                "sha256": config.sha256,
                "state": "refused" if self._is_refused else "in_force",
                "at": utc(self._at),
                "problems": [plain(problem, config.folder) for problem in self.problems],
            },
            "outbox": self._publisher.outbox_health.model_dump(mode="json"),
            "broker": self._broker(),
            "cameras": self._cameras(config),
        }

    def _broker(self) -> Json | None:
        links = [outlet.link for outlet in self._publisher.outlets if isinstance(outlet, MqttSink)]
        if not links:
            return None
        link = next((link for link in links if link.is_connected), links[0])
        return {
            "connected": link.is_connected,
            "place": link.place,
            "trouble": link.error or None,
            "since": utc(link.since) if link.since else None,
        }

    def _cameras(self, config: Config) -> list[Json]:
        watched = {camera.name: camera for camera in self._service.cameras}
        told = []
        for options in config.cameras:
            camera = watched.get(options.camera)
            if camera is not None:
                told.append(self._watched(options, camera))
        names = {options.camera: options.name for options in config.cameras}
        for name, status in self._service.aside.items():
            told.append(_standing(name, names.get(name, ""), status))
        return sorted(told, key=lambda one: str(one["camera"]))

    def _watched(self, options: CameraOptions, camera: Camera) -> Json:
        rate = self._rate(camera)
        states = camera.rule_states
        return {
            **_standing(camera.name, options.name, camera.status),
            "fps": rate.fps,
            "looked_fps": rate.looked_fps,
            "late_s": round(max(0.0, camera.reader.late_s), 2) if camera.reader.n_packets else None,
            "figures": camera.figures(),
            "rules": [
                {
                    "rule": rule.name,
                    "kind": rule.kind,
                    "active": state.is_active,
                    "count": state.count,
                    "armed": state.is_armed and state.disarmed_until is None,
                    "disarmed_until": utc(state.disarmed_until) if state.disarmed_until else None,
                }
                for rule in options.rules
                if (state := states.get(rule.name)) is not None
            ],
        }

    def _rate(self, camera: Camera) -> _Rate:
        now = time.monotonic()
        n_packets, n_frames = camera.reader.n_packets, camera.counters.n_frames
        with self._lock:
            before = self._rates.get(camera.name)
            if before is None or n_packets < before.n_packets or n_frames < before.n_frames:
                self._rates[camera.name] = _Rate(now, n_packets, n_frames)
            elif (passed_s := now - before.at) >= LEAST_S:
                fps = round((n_packets - before.n_packets) / passed_s, 1)
                looked_fps = round((n_frames - before.n_frames) / passed_s, 1)
                self._rates[camera.name] = _Rate(now, n_packets, n_frames, fps, looked_fps)
            return self._rates[camera.name]


def utc(at: datetime) -> str:
    """A moment as messages have it."""
    return at.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _standing(camera: str, name: str, status: Status) -> Json:
    return {
        "camera": camera,
        "name": name,
        "state": status.state,
        "since": utc(status.since),
        "why": status.why,
    }
