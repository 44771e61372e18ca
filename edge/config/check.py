"""Check: what must agree across the blocks of one file, and between files.

Pure. The last of three passes, over models that are valid each by itself. What lies outside the
files (other files on disk, model cards) comes in as functions.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from zoneinfo import available_timezones

from edge.config.explain import SHAPES
from edge.config.ground import check_ground
from edge.config.problem import Finding, any_of, suggest
from edge.config.schema import Appliance, Camera, Web, is_loopback
from edge.detections import ANY_LABEL
from edge.detectors import DetectorOptions
from edge.evidence.delivery import DeliveryOptions
from edge.geometry import area, self_crossings
from edge.options import Point

Labels = Mapping[str, tuple[str, ...] | None]
"""Class names by detector; None where they cannot be had."""

LEAST_AREA = 1e-6
"""Fraction of the picture below which a polygon is a slip: two pixels of full HD."""


def check_appliance(
    appliance: Appliance, folder: Path, exists: Callable[[Path], bool]
) -> Iterator[Finding]:
    """Check `appliance.yaml`.

    Args:
        appliance: As written, paths not yet resolved.
        folder: What relative paths are relative to.
        exists: Whether there is a file.

    Yields:
        Findings; see `edge.config.problem`.
    """
    for key in ("ca_file", "cert_file", "key_file"):
        path = getattr(appliance.mqtt, key)
        if path is not None and not exists(folder / path):
            remedy = "relative paths begin in the folder of appliance.yaml"
            yield Finding(("mqtt", key), f"there is no file {folder / path}", remedy)
    if appliance.commands is not None and appliance.mqtt.protocol != 5:
        cause = "commands need MQTT 5: 3.1.1 has no response topic"
        yield Finding(("commands",), cause, "write `protocol: 5`, or take commands out")
    if appliance.web is not None:
        yield from _check_web(appliance.web, folder, appliance.storage.path, exists)
    if appliance.storage.evidence is not None:
        yield from _check_upload(appliance.storage.evidence.upload, folder, exists)


def _check_upload(
    upload: Mapping[str, DeliveryOptions], folder: Path, exists: Callable[[Path], bool]
) -> Iterator[Finding]:
    for name, options in upload.items():
        for key in ("ca_file", "cert_file", "key_file"):
            path = getattr(options, key, None)
            if isinstance(path, Path) and not exists(folder / path):
                remedy = "relative paths begin in the folder of appliance.yaml"
                place = ("storage", "evidence", "upload", name, key)
                yield Finding(place, f"there is no file {folder / path}", remedy)


def _check_web(
    web: Web, folder: Path, storage: Path, exists: Callable[[Path], bool]
) -> Iterator[Finding]:
    """The device page: others reach it encrypted and logged in, or not at all."""

    def finding(key: str, cause: str, remedy: str) -> Finding:
        return Finding(("web", key), cause, remedy, is_fatal=False)

    host, port = web.place
    if port > 65535:
        yield finding("listen", f"port {port}: expected 0 to 65535", "write one such as 8080")
    for key in ("cert_file", "key_file"):
        path = getattr(web, key)
        if path is not None and not exists(folder / path):
            remedy = "relative paths begin in the folder of appliance.yaml"
            yield finding(key, f"there is no file {folder / path}", remedy)
    if (web.cert_file is None) != (web.key_file is None):
        key = "key_file" if web.cert_file else "cert_file"
        given = "cert_file" if web.cert_file else "key_file"
        yield finding(given, f"{given} needs {key} beside it", f"write `{key}:`, or take this out")
    if is_loopback(host):
        return
    if web.cert_file is None and web.key_file is None:
        name = shlex.quote(host if host not in {"0.0.0.0", "::"} else "edge")  # noqa: S104
        cause = f"others than this box reach {web.listen}, so the page needs TLS"
        remedy = (
            "make a key, and write cert_file and key_file: "
            f"mkdir -p {shlex.quote(str(folder / 'tls'))} && openssl req -x509 -newkey ec -pkeyopt "
            f"ec_paramgen_curve:P-256 -nodes -days 825 -subj /CN={name} "
            f"-keyout {shlex.quote(str(folder / 'tls/page.key'))} "
            f"-out {shlex.quote(str(folder / 'tls/page.pem'))}"
        )
        yield finding("listen", cause, remedy)
    if not exists(folder / storage / "users.json"):
        cause = f"others than this box reach {web.listen}, so the page needs a user"
        config = shlex.quote(str(folder))
        remedy = f"run: edge user add NAME --role technician --config {config}"
        yield finding("listen", cause, remedy)


def check_camera(camera: Camera, folder: Path, exists: Callable[[Path], bool]) -> Iterator[Finding]:
    """Check one camera's file by itself.

    Args:
        camera: As written, paths not yet resolved.
        folder: What relative paths are relative to.
        exists: Whether there is a file.

    Yields:
        Findings; see `edge.config.problem`.
    """
    for key in ("path", "ca_file"):
        path = getattr(camera.source, key, None)
        if isinstance(path, Path) and not exists(folder / path):
            remedy = "relative paths begin in the folder of appliance.yaml"
            yield Finding(("source", key), f"there is no file {folder / path}", remedy)
    yield from _check_shapes(camera)
    yield from _check_rules(camera)
    if camera.location is not None and camera.location.zone is None:
        cause = f"no time zone named '{camera.location.time_zone}' on this machine"
        remedy = suggest(camera.location.time_zone, available_timezones()) or (
            "write one such as Europe/London; none at all is known where tzdata is not installed"
        )
        yield Finding(("location", "time_zone"), cause, remedy)
    yield from check_ground(camera)


def check_against(
    camera: Camera, detectors: Mapping[str, DetectorOptions], labels: Labels
) -> Iterator[Finding]:
    """Check one camera's file against the appliance.

    Args:
        camera: The camera.
        detectors: The appliance's, by name.
        labels: Class names by detector.

    Yields:
        Findings; see `edge.config.problem`.
    """
    name = camera.analyse.detector
    if name not in detectors:
        remedy = suggest(name, detectors) or f"appliance.yaml has {any_of(detectors, 'and')}"
        yield Finding(("analyse", "detector"), f"no detector named '{name}'", remedy)
        return
    known = labels.get(name)
    if known is None:
        return
    for i, rule in enumerate(camera.rules):
        if ANY_LABEL in known and rule.classes:
            cause = f"detector '{name}' knows no classes: this rule takes whatever moves"
            remedy = "leave `classes` out, or use a detector with a model"
            yield Finding(("rules", i, "classes"), cause, remedy, "warning")
            continue
        for key in rule.class_lists:
            for j, label in enumerate(getattr(rule, key)):
                if label not in known:
                    remedy = suggest(label, known) or f"it knows {any_of(known, 'and')}"
                    cause = f"detector '{name}' knows no class '{label}'"
                    yield Finding(("rules", i, key, j), cause, remedy)


def _check_shapes(camera: Camera) -> Iterator[Finding]:
    for block in ("zones", "masks"):
        polygons: Mapping[str, Sequence[Point]] = getattr(camera, block)
        for name, polygon in polygons.items():
            cause, remedy = _flaw(polygon)
            if cause:
                yield Finding((block, name), f"this {SHAPES[block]} {cause}", remedy)
    for name, line in camera.lines.items():
        if any(start == end for start, end in pairwise(line)):
            cause = "this line has the same point twice in a row"
            yield Finding(("lines", name), cause, "delete one, or move it")


def _flaw(polygon: Sequence[Point]) -> tuple[str, str]:
    """What stops a polygon from having an inside: cause and remedy, empty where nothing does."""
    if polygon[0] == polygon[-1]:
        return "ends with the point it begins with", "delete the last point; it closes by itself"
    if area(polygon) < LEAST_AREA and len(polygon) == 3:
        return "has no area: its points lie on one line", "move one of them"
    crossings = self_crossings(polygon)
    if crossings:
        first, second = (f"{edge + 1} to {(edge + 1) % len(polygon) + 1}" for edge in crossings[0])
        return (
            f"crosses or touches itself: the side from point {first} meets that from {second}",
            "list the points in order around it",
        )
    if area(polygon) < LEAST_AREA:
        return "has no area", "move its points apart"
    return "", ""


def _check_rules(camera: Camera) -> Iterator[Finding]:
    first: dict[str, int] = {}
    for i, rule in enumerate(camera.rules):
        if rule.name in first:
            cause = f"two rules of this camera are named '{rule.name}': number {first[rule.name]}"
            yield Finding(("rules", i, "name"), f"{cause} and number {i + 1}", "rename one")
        first.setdefault(rule.name, i + 1)
        for key, shapes, other in (
            ("zone", camera.zones, camera.lines),
            ("line", camera.lines, camera.zones),
        ):
            name = getattr(rule, key, None)
            if name is None or name in shapes:
                continue
            if name in other:
                remedy = f"'{name}' is in `{'lines' if key == 'zone' else 'zones'}:`"
            elif shapes:
                remedy = suggest(name, shapes) or f"there is {any_of(shapes, 'and')}"
            else:
                remedy = f"this camera has none; write it under `{key}s:`"
            yield Finding(("rules", i, key), f"no {key} named '{name}'", remedy)
        for key, cause, remedy in rule.lacks(
            is_calibrated=camera.calibration is not None, location=camera.location
        ):
            yield Finding(("rules", i, key), cause, remedy)
    if not camera.rules:
        cause = "no rules: nothing this camera sees is reported"
        yield Finding(("rules",), cause, "add one, or leave it for health reports only", "warning")
