"""Changes: what going from one configuration to another does to a running box. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, SecretStr

from edge.config import Config
from edge.config.schema import Camera

AT_START = ("storage",)
"""Keys of appliance.yaml that a running box does not take up; they wait for the next start."""


@dataclass(frozen=True, slots=True)
class Change:
    """One value that differs.

    Attributes:
        path: Its keys, joined by dots.
        was: The old value in YAML's words; empty where there was none, or it may be secret.
        becomes: The new one, likewise.
    """

    path: str
    was: str
    becomes: str

    def __str__(self) -> str:
        """Such as `analyse.fps: 8 -> 5`."""
        if not self.was and not self.becomes:
            return self.path
        return f"{self.path}: {self.was or 'none'} -> {self.becomes or 'none'}"


@dataclass(frozen=True, slots=True)
class Changes:
    """What a reload does, by camera id.

    Attributes:
        appliance: Values of appliance.yaml that differ, cameras' defaults apart.
        start: Cameras that are watched from now on.
        stop: Cameras that are not any more.
        restart: Cameras that begin anew, with what differs; their open incidents end.
        keep: Cameras that go on, tracks and all.
    """

    appliance: tuple[Change, ...]
    start: tuple[str, ...]
    stop: tuple[str, ...]
    restart: tuple[tuple[str, tuple[Change, ...]], ...]
    keep: tuple[str, ...]


def changes(old: Config, new: Config) -> Changes:
    """Compare two configurations of one box.

    Args:
        old: In force.
        new: To be taken up.
    """
    before = {camera.camera: camera for camera in old.cameras if camera.enabled}
    after = {camera.camera: camera for camera in new.cameras if camera.enabled}
    both = [name for name in after if name in before]
    differing = {name: tuple(_camera(before[name], after[name], old, new)) for name in both}
    appliance = _differences(old.appliance, new.appliance)
    shared = ("defaults", "profiles")  # they show in the cameras that take them
    return Changes(
        tuple(change for change in appliance if change.path.split(".")[0] not in shared),
        tuple(name for name in after if name not in before),
        tuple(name for name in before if name not in after),
        tuple((name, differing[name]) for name in both if differing[name]),
        tuple(name for name in both if not differing[name]),
    )


def _camera(before: Camera, after: Camera, old: Config, new: Config) -> Iterator[Change]:
    """What differs for one camera, its detector's options included."""
    # A profile's name changes nothing by itself.
    yield from (c for c in _differences(before, after) if c.path != "profile")
    was = old.appliance.detectors.get(before.analyse.detector)
    becomes = new.appliance.detectors.get(after.analyse.detector)
    if was != becomes and before.analyse.detector == after.analyse.detector:
        name = after.analyse.detector
        yield from _differences(was, becomes, f"detectors.{name}")


def _differences(was: Any, becomes: Any, path: str = "") -> Iterator[Change]:
    if was == becomes:
        return
    if isinstance(was, BaseModel) and type(was) is type(becomes):
        was, becomes = dict(was), dict(becomes)
    if isinstance(was, dict) and isinstance(becomes, dict):
        for key in dict.fromkeys((*was, *becomes)):
            inner = f"{path}.{key}" if path else str(key)
            yield from _differences(was.get(key), becomes.get(key), inner)
        return
    yield Change(path, _words(was), _words(becomes))


def _words(value: Any) -> str:
    """A single value; nothing for a block or what may be secret."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, SecretStr | BaseModel | dict | tuple) or value is None:
        return ""
    return str(value)
