"""A box on a test's disk: signed bundles, releases, and a daemon that is a file."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import signal
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edge.update.releases import Releases
from edge.update.trial import Update

MAKE_RELEASE = """#!/bin/sh
# As packaging/make-release, but the release is one small program.
set -eu
version=$(sed -n 's/.*"version": "\\([^"]*\\)".*/\\1/p' "$1/release.json")
rm -rf "$2/releases/$version"
mkdir -p "$2/releases/$version/bin"
cp "$1/edge" "$2/releases/$version/bin/edge"
cp "$1/release.json" "$2/releases/$version/release.json"
"""

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


def bundle_of(
    folder: Path,
    version: str,
    *,
    machine: str = platform.machine(),
    python: str = PYTHON,
    form: int = 1,
) -> Path:
    """An unsigned bundle."""
    inside = folder / f"inside-{version}"
    inside.mkdir(parents=True)
    release = {"format": form, "version": version, "machine": machine, "python": python}
    (inside / "release.json").write_text(json.dumps(release))
    (inside / "edge").write_text(f"#!/bin/sh\necho {version}\n")
    (inside / "make-release").write_text(MAKE_RELEASE)
    for name in ("edge", "make-release"):
        (inside / name).chmod(0o755)
    path = folder / f"edge-{version}.tar"
    with tarfile.open(path, "w") as tar:
        for name in ("release.json", "edge", "make-release"):
            tar.add(inside / name, name)
    return path


class Daemon:
    """A daemon that is a file: what it runs, and whether it is well.

    Attributes:
        trouble: Why it does not become ready, by release.
    """

    def __init__(self, releases: Releases, trouble: dict[str, str] | None = None) -> None:
        self._releases = releases
        self.trouble = trouble or {}
        self._running = releases.root / "running"

    @property
    def is_running(self) -> bool:
        return True

    @property
    def runs(self) -> str:
        """The release it was started with last."""
        return self._running.read_text() if self._running.exists() else ""

    @property
    def n_watching(self) -> int:
        return 2

    def restart(self) -> None:
        self._running.write_text(self._releases.current)

    def wait_ready(self, timeout_s: float) -> str:  # noqa: ARG002
        return self.trouble.get(self._releases.current, "")


def green(release: Path, steps: Sequence[str]) -> list[dict[str, Any]]:
    """A self-check that runs the release, and finds all well."""
    subprocess.run([release / "bin/edge"], check=True, capture_output=True)
    return [{"name": step, "level": "green", "found": "fine"} for step in steps]


def boots(root: Path) -> str:
    """What the box would start after a power cut, as systemd and the guard do it."""
    guard = Path(__file__).parents[3] / "packaging" / "guard"
    subprocess.run([guard, "start"], env={**os.environ, "EDGE_ROOT": str(root)}, check=True)
    done = subprocess.run([root / "current/bin/edge"], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def die_at(step: str) -> Any:
    """Ends this process as a power cut does, at a step."""

    def reached(now: str) -> None:
        if now.split(":", maxsplit=1)[0] == step:
            os.kill(os.getpid(), signal.SIGKILL)

    return reached


def main() -> None:
    """`python -m tests.unit.update.boxes ROOT KEYS BUNDLE STEP`: an update that is cut off."""
    root, keys, bundle, step = sys.argv[1:]
    releases = Releases(Path(root))
    Update(releases, Daemon(releases), green, Path(keys), die_at(step)).install(Path(bundle))


if __name__ == "__main__":
    main()
