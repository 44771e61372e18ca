"""Report: everything a commissioning found, as facts. Pure.

The page and the JSON file are made of these and say the same.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from edge.detail import classes
from edge.hardware import Sensors
from edge.site._check import Check

FORMAT = 1
"""Of the JSON; keys are only ever added."""


@dataclass(frozen=True)
class Shape:
    """A zone or line, and what detail it shows.

    Attributes:
        kind: `zone` or `line`.
        name: As in the camera's file.
        least: Pixels a metre where it is farthest; 0 at the horizon, NaN where not calibrated.
        most: Where it is nearest, likewise.
    """

    kind: str
    name: str
    least: float
    most: float

    @property
    def is_calibrated(self) -> bool:
        """Somebody measured the ground."""
        return not math.isnan(self.least)

    def facts(self) -> dict[str, Any]:
        """For JSON: classes are those that all of it reaches, None below the coarsest."""
        facts: dict[str, Any] = {"kind": self.kind, "name": self.name}
        if not self.is_calibrated:
            return {**facts, "calibrated": False}
        dori, newer = classes(self.least)
        return {
            **facts,
            "calibrated": True,
            "px_per_m": [round(self.least, 1), round(self.most, 1)],
            "en_62676_4_2015": dori,
            "iec_62676_4_2025": newer,
        }


@dataclass(frozen=True)
class Sheet:
    """One camera.

    Attributes:
        camera: Its id.
        name: What people call it.
        found: What its stream is like, or why there is no picture.
        picture: JPEG: masks black, people hidden, shapes drawn; empty where there is none.
        hidden: What was done so that nobody is recognised, and how far that goes.
        shapes: Its zones and lines.
        masks: Names of what it must not see.
    """

    camera: str
    name: str
    found: str
    picture: bytes
    hidden: str
    shapes: tuple[Shape, ...]
    masks: tuple[str, ...]

    def facts(self) -> dict[str, Any]:
        """For JSON; the picture is on the page only."""
        return {
            "camera": self.camera,
            "name": self.name,
            "found": self.found,
            "picture_sha256": hashlib.sha256(self.picture).hexdigest() if self.picture else None,
            "hidden": self.hidden,
            "shapes": [shape.facts() for shape in self.shapes],
            "masks": list(self.masks),
        }


@dataclass(frozen=True)
class Seen:
    """An event of the walk.

    Attributes:
        at: When the scene happened, as its message says.
        camera: Whose picture.
        rule: Whose event.
        kind: Of event.
        where: Zone or line.
        classes: What it was about.
        is_heard: The broker delivered it; else the box decided it, and it was found in its outbox.
    """

    at: str
    camera: str
    rule: str
    kind: str
    where: str
    classes: str
    is_heard: bool


@dataclass(frozen=True)
class Walked:
    """What a walk showed; each rule is in one of the lists.

    Attributes:
        seconds: How long it was looked at.
        events: Those of rules, in the order of their numbers.
        fired: Rules that said something, as `camera/rule`.
        silent: Rules that had to and did not.
        left_out: Rules nobody walked for, and why.
    """

    seconds: float
    events: tuple[Seen, ...]
    fired: tuple[str, ...]
    silent: tuple[str, ...]
    left_out: Mapping[str, str]


@dataclass(frozen=True)
class Installed:
    """Something whose content decides what the box does."""

    what: str
    name: str
    sha256: str


@dataclass(frozen=True)
class Report:
    """All of it.

    Attributes:
        made_at: UTC, ISO 8601.
        engineer: Who commissioned; may be empty, the page has a line to sign.
        box: Site, node, hardware, serial number, system; in order.
        versions: Of program, interpreter and libraries.
        checks: What was tried, and how it went.
        cameras: One each.
        walk: None where nobody walked.
        round_trip_ms: Of each message published and heard again; empty where none came back.
        clock: What is known of it.
        sensors: Temperatures, limits, power.
        capacity: What is left, in words by name.
        installed: Hashes.
        untested: What this report says nothing about, in words.
    """

    made_at: str
    engineer: str
    box: Mapping[str, str]
    versions: Mapping[str, str]
    checks: tuple[Check, ...]
    cameras: tuple[Sheet, ...]
    walk: Walked | None
    round_trip_ms: tuple[float, ...]
    clock: Mapping[str, str]
    sensors: Sensors
    capacity: Mapping[str, str]
    installed: tuple[Installed, ...]
    untested: tuple[str, ...] = field(default=())

    @property
    def failed(self) -> tuple[Check, ...]:
        """What does not work."""
        return tuple(check for check in self.checks if check.level == "red")

    def facts(self) -> dict[str, Any]:
        """For JSON."""
        sensors = self.sensors
        return {
            "commission": FORMAT,
            "passed": not self.failed,
            "made_at": self.made_at,
            "engineer": self.engineer,
            "box": dict(self.box),
            "versions": dict(self.versions),
            "checks": [asdict(check) for check in self.checks],
            "cameras": [sheet.facts() for sheet in self.cameras],
            "walk": None if self.walk is None else asdict(self.walk),
            "round_trip_ms": [round(ms, 2) for ms in self.round_trip_ms],
            "clock": dict(self.clock),
            "celsius": dict(sensors.celsius),
            "limit_celsius": dict(sensors.limit_celsius),
            "watts": dict(sensors.watts),
            "power_mode": sensors.power_mode,
            "throttled": dict(sensors.throttled),
            "capacity": dict(self.capacity),
            "installed": [asdict(one) for one in self.installed],
            "untested": list(self.untested),
        }
