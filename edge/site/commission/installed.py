"""Installed: what this box is, and hashes of everything that decides what it does.

Boundary: reads the machine and the files; changes nothing.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

import edge
from edge.config import Config
from edge.config.folder import files
from edge.detectors import DetectorOptions, Models
from edge.digest import file_digest
from edge.errors import ModelError
from edge.hardware import identity
from edge.site.bench import describe
from edge.site.commission.report import Installed
from edge.update.bundle import RELEASE
from edge.update.releases import ROOT, Releases


def box_of(config: Config) -> dict[str, str]:
    """Which box this is."""
    machine = describe()
    appliance = config.appliance
    return {
        "site": appliance.site,
        "node": appliance.node,
        **identity(),
        "processor": f"{machine['cpu']}, {machine['cores']} cores, {machine['machine']}",
        "kernel": machine["system"],
    }


def versions() -> dict[str, str]:
    """Of the program and what it stands on; every package of its environment."""
    packages = {found.metadata["Name"]: found.version for found in distributions()}
    return {
        "edge": edge.__version__,
        "release in service": Releases(ROOT).current or "not installed as a release",
        "python": platform.python_version(),
        **dict(sorted(packages.items(), key=lambda pair: pair[0].lower())),
    }


def installed(config: Config, models: Models) -> list[Installed]:
    """Program, release, models, configuration and engines."""
    return [
        *_program(),
        *_models(config, models),
        Installed("configuration", "all of it, as its events carry it", config.sha256),
        *(
            Installed("configuration", str(file.relative_to(config.folder)), file_digest(file))
            for file in files(config.folder)
        ),
        *(
            Installed("engine", file.name, file_digest(file))
            for file in sorted(models.engines.glob("*"))
            if file.is_file() and not file.name.startswith(".")
        ),
    ]


def _program() -> Iterator[Installed]:
    package = Path(edge.__file__).parent
    digests = "".join(
        f"{file.relative_to(package).as_posix()}\0{file_digest(file)}\n"
        for file in sorted(package.rglob("*"))
        if file.is_file() and "__pycache__" not in file.parts
    )
    whole = hashlib.sha256(digests.encode()).hexdigest()
    yield Installed("program", f"edge {edge.__version__}, all files of the package", whole)
    releases = Releases(ROOT)
    release = releases.folder(releases.current) / RELEASE if releases.current else None
    if release is not None and release.is_file():
        yield Installed("release", releases.current, file_digest(release))


def _models(config: Config, models: Models) -> Iterator[Installed]:
    for name, options in sorted(config.appliance.detectors.items()):
        model = _model_of(options)
        if not model:
            continue
        try:
            yield Installed("model", f"{model}, detector {name}", file_digest(models.find(model)))
        except (ModelError, OSError):
            yield Installed("model", f"{model}, detector {name}", "MISSING: no weights")


def _model_of(options: DetectorOptions) -> str:
    model = getattr(options, "model", "")
    return model if isinstance(model, str) else ""
