"""Configuration: what technicians write, read strictly and explained.

A folder holds `appliance.yaml`, one file per camera in `cameras/`, and where the box is governed
`policy.yaml` with its signatures. Three passes, each
reporting everything it finds: YAML (`marks`), models (`schema`, `explain`), agreement (`check`).
A camera's file that cannot be used is set aside while the others run.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from edge.admission.policy import FILE as POLICY
from edge.admission.policy import SIGNATURES, Policy
from edge.config.check import check_against, check_appliance, check_camera
from edge.config.credentials import Secrets
from edge.config.explain import explain
from edge.config.folder import cameras as camera_files
from edge.config.folder import digest
from edge.config.layers import layered
from edge.config.marks import read
from edge.config.policy import check_policy, check_purposes, check_thresholds
from edge.config.problem import (
    ConfigUnusable,
    Document,
    Finding,
    KeyPath,
    Problem,
    any_of,
    suggest,
)
from edge.config.schema import Appliance, Camera
from edge.detections import ANY_LABEL
from edge.detectors import DetectorOptions, Models
from edge.errors import InputError, ModelError, ModelMissing

__all__ = ["Appliance", "Camera", "Config", "ConfigUnusable", "Problem", "load"]

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Config:
    """A configuration that can run.

    Attributes:
        folder: Where it was read from.
        appliance: The box.
        cameras: Cameras that can be watched, by file name; disabled ones among them.
        sha256: Hex digest of the files as written: names and contents, without `secrets.yaml`.
        problems: Everything found, in all files: warnings, and errors of the cameras set aside.
        rejected: Cameras set aside, with their problems: the camera's id where it could be read
            and is no other's, else the name of its file without `.yaml`.
        policy: What may run here; None where nothing is governed.
        policy_sha256: Hex digest of its file; empty where there is none.
        signers: Approvers whose signature over it is right, and when they signed.
    """

    folder: Path
    appliance: Appliance
    cameras: tuple[Camera, ...]
    sha256: str
    problems: tuple[Problem, ...] = ()
    rejected: tuple[tuple[str, tuple[Problem, ...]], ...] = ()
    policy: Policy | None = None
    policy_sha256: str = ""
    signers: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_laboratory(self) -> bool:
        """What it says is a trial, and every message says so."""
        return self.policy is not None and self.policy.profile == "laboratory"

    @property
    def short_hash(self) -> str:
        """First 8 digits of `sha256`, as every event carries them."""
        return self.sha256[:8]


@dataclass
class _Reading(Generic[M]):
    """One file on its way through the passes."""

    file: Path
    document: Document
    model: M | None
    findings: list[Finding] = field(default_factory=list)

    @property
    def is_usable(self) -> bool:
        return (
            self.model is not None
            and not self.document.others
            and all(one.severity == "warning" or not one.is_fatal for one in self.findings)
        )

    @property
    def problems(self) -> list[Problem]:
        placed = map(self.document.problem, self.findings)
        by_place = sorted(placed, key=lambda p: (p.line, p.column, p.severity))
        return [*self.document.others, *by_place]


def load(folder: Path, root: Path | None = None, secrets: Secrets | None = None) -> Config:
    """Read and check a configuration folder.

    Args:
        folder: Holds `appliance.yaml`, `cameras/*.yaml` and, where `!secret` is used,
            `secrets.yaml`. Relative paths in the files are relative to it.
        root: The folder to take for it, secrets included, where `folder` is a copy.
        secrets: What references stand for, where that is not what the folder says.

    Returns:
        The configuration, without the cameras whose files cannot be used.

    Raises:
        ConfigUnusable: There is no usable `appliance.yaml`. Carries the problems of all files.
    """
    root = root or folder
    secrets = secrets or Secrets(root)
    appliance = _read(folder / "appliance.yaml", Appliance, secrets)
    cameras = [_camera(file, appliance.document, secrets) for file in camera_files(folder)]

    stray = list(_stray(folder, has_cameras=bool(cameras)))
    if appliance.model is not None:
        appliance.findings += check_appliance(appliance.model, root, Path.is_file)
    for camera in cameras:
        if camera.model is not None:
            camera.findings += check_camera(camera.model, root, Path.is_file)
    _check_ids(cameras)
    if appliance.model is not None:
        detectors = appliance.model.detectors
        labels = _labels(appliance, _resolved(appliance.model, root).storage.path)
        for camera in cameras:
            if camera.model is not None:
                camera.findings += check_against(camera.model, detectors, labels)

    policy, signers = _policy(folder, secrets, appliance.model, cameras)
    governed = [policy] if policy else []
    found = [*appliance.problems, *(problem for one in governed for problem in one.problems)]
    found += [problem for camera in cameras for problem in camera.problems]
    problems = tuple(dict.fromkeys([*found, *stray]))
    # A policy that cannot be used is never taken for none.
    if appliance.model is None or not appliance.is_usable or not all(p.is_usable for p in governed):
        raise ConfigUnusable(problems)
    usable = [c.model for c in cameras if c.model is not None and c.is_usable]
    taken = {camera.camera for camera in usable}
    return Config(
        folder,
        _resolved(appliance.model, root),
        tuple(_resolved(camera, root) for camera in usable),
        digest(
            [
                ("appliance.yaml", appliance.document.sha256),
                *((POLICY, one.document.sha256) for one in governed),
                *((f"cameras/{camera.file.name}", camera.document.sha256) for camera in cameras),
            ]
        ),
        problems,
        tuple(
            (c.file.stem if _id(c) in taken else _id(c), tuple(c.problems))
            for c in cameras
            if not c.is_usable
        ),
        policy.model if policy else None,
        policy.document.sha256 if policy else "",
        signers,
    )


def _policy(
    folder: Path,
    secrets: Secrets,
    appliance: Appliance | None,
    cameras: Iterable[_Reading[Camera]],
) -> tuple[_Reading[Policy] | None, Mapping[str, str]]:
    """The policy, checked, and who signed it; None where there is no file."""
    if not (folder / POLICY).exists():
        return None, {}
    from edge.admission.signatures import read_signatures, verified

    reading = _read(folder / POLICY, Policy, secrets)
    if reading.model is None:
        return reading, {}
    policy = reading.model
    reading.findings += check_policy(policy)
    usable = {c.model.camera: c for c in cameras if c.model is not None}
    rules = {name: camera.model.rules for name, camera in usable.items() if camera.model}
    for name, camera in usable.items():
        camera.findings += check_purposes(policy, rules[name])
    if appliance is not None:
        reading.findings += check_thresholds(policy, list(appliance.detectors), rules)
    signers: Mapping[str, str] = {}
    try:
        signatures = read_signatures(folder)
        signers = verified(signatures, reading.document.sha256, policy.approvers)
    except InputError as exc:
        reading.findings.append(Finding((), str(exc), severity="warning"))
    if policy.profile == "governed" and len(signers) < SIGNATURES:
        cause = f"this version has {len(signers)} of {SIGNATURES} signatures, so no rule arms"
        remedy = f"run: edge policy sign --config {folder} --key FILE"
        reading.findings.append(Finding(("profile",), cause, remedy, "warning"))
    return reading, signers


def _read(file: Path, model: type[M], secrets: Secrets) -> _Reading[M]:
    """The first two passes over one file."""
    return _validated(file, read(file, secrets), model)


def _camera(file: Path, appliance: Document, secrets: Secrets) -> _Reading[Camera]:
    """The same over a camera's file, with what cameras share under it."""
    return _validated(file, layered(read(file, secrets), appliance), Camera)


def _validated(file: Path, document: Document, model: type[M]) -> _Reading[M]:
    findings = list(document.findings)
    findings += [_in_clear(path, file) for path in document.in_clear]
    if document.data is None:
        if not findings:
            keys = ", ".join(k for k, f in model.model_fields.items() if f.is_required())
            findings = [Finding((), "the file is empty", f"it needs the keys {keys}")]
        return _Reading(file, document, None, findings)
    valid: M | None = None
    try:
        # JSON is how a strict model takes a list for a tuple and a text for a path, and still
        # refuses "8" for 8. It is built in memory and holds secrets: it must not be kept.
        valid = model.model_validate_json(json.dumps(document.data))
    except ValidationError as refused:
        errors = refused.errors(include_url=False, include_input=False)
        if any(finding.path == ("profile",) for finding in document.findings):
            # What is missing may be in the profile that was meant.
            errors = [error for error in errors if error["type"] != "missing"]
        findings += explain(errors, document, model)
    return _Reading(file, document, valid, findings)


def _in_clear(path: KeyPath, file: Path) -> Finding:
    folder = file.parent.parent if file.parent.name == "cameras" else file.parent
    remedy = f"run: edge config seal --config {folder}"
    return Finding(path, "a password in the clear", remedy, "warning")


def _stray(folder: Path, *, has_cameras: bool) -> Iterator[Problem]:
    """Warnings about what lies in the folder and is not read, or does not lie there."""
    cameras = folder / "cameras"
    for path in sorted(cameras.iterdir()) if cameras.is_dir() else ():
        is_near = path.suffix.lower() in {".yml", ".yaml"} and path.suffix != ".yaml"
        if is_near and not path.name.startswith("."):
            cause, remedy = "this file is not read", f"rename it to {path.stem}.yaml"
            yield Problem(str(path), 0, 0, "", cause, remedy, "warning")
    if not has_cameras:
        remedy = "add one file for each camera, such as cameras/front-door.yaml"
        yield Problem(str(cameras), 0, 0, "", "no cameras", remedy, "warning")


def _check_ids(cameras: Iterable[_Reading[Camera]]) -> None:
    """Of several files with one camera id, keep the one that is named after it, or the first."""
    owner: dict[str, Path] = {}
    for camera in sorted(cameras, key=lambda c: (c.file.stem != _id(c), c.file)):
        if camera.model is None:
            continue
        name = camera.model.camera
        if name in owner:
            cause = f"camera id '{name}' is already used in {owner[name]}"
            camera.findings.append(Finding(("camera",), cause, "give each camera its own id"))
        elif name != camera.file.stem:
            cause = f"the file is named '{camera.file.name}', not after its camera"
            remedy = f"rename it to '{name}.yaml'"
            camera.findings.append(Finding(("camera",), cause, remedy, "warning"))
        owner.setdefault(name, camera.file)


def _id(camera: _Reading[Camera]) -> str:
    """What a camera is called also where it is set aside: never by what a reference stands for."""
    mark = camera.document.marks.get(("camera",))
    return mark.text if mark and mark.text and "${" not in mark.text else camera.file.stem


def _labels(appliance: _Reading[Appliance], storage: Path) -> Mapping[str, tuple[str, ...] | None]:
    """Class names of each detector; a model that cannot be looked up is a warning."""
    assert appliance.model is not None
    models = Models.on_this_machine(storage)
    labels: dict[str, tuple[str, ...] | None] = {}
    for name, options in appliance.model.detectors.items():
        model = _model_of(options)
        labels[name] = None if model else (ANY_LABEL,)
        if not model:
            continue
        try:
            labels[name] = models.card(model).labels
        except ModelError as why:
            cause, remedy = str(why), "until then the rules' classes cannot be checked"
            if isinstance(why, ModelMissing):
                known = models.names()
                cause = f"no model card named '{model}', so the rules' classes were not checked"
                remedy = suggest(model, known) or f"there is {any_of(known, 'and')}"
            path = ("detectors", name, "model")
            appliance.findings.append(Finding(path, cause, remedy, "warning"))
    return labels


def _model_of(options: DetectorOptions) -> str | None:
    model = getattr(options, "model", None)
    return model if isinstance(model, str) else None


def _resolved(model: M, folder: Path) -> M:
    """The same options with every relative path put into the folder."""
    root = folder.absolute()

    def resolved(value: Any) -> Any:
        if isinstance(value, Path):
            return root / value
        if isinstance(value, BaseModel):
            inner = {key: resolved(getattr(value, key)) for key in type(value).model_fields}
            return value.model_copy(update=inner)
        if isinstance(value, dict):
            return {key: resolved(item) for key, item in value.items()}
        if isinstance(value, tuple):
            return tuple(map(resolved, value))
        return value

    answer: M = resolved(model)
    return answer
