"""A maker's key pair, made by the real minisign program."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge.update.releases import Releases
from edge.update.trial import Update
from tests.unit.update.boxes import Daemon, bundle_of, green


@dataclass(frozen=True)
class Maker:
    """Who makes releases; `keys` is what a box that trusts them holds."""

    secret: Path
    keys: Path

    def sign(self, path: Path, *more: str) -> Path:
        """Sign as scripts/build-bundle does."""
        command = ["minisign", "-S", "-s", str(self.secret), "-m", str(path), "-t", "edge test"]
        subprocess.run([*command, *more], check=True, capture_output=True, input=b"\n")
        return path


def make(folder: Path, name: str) -> Maker:
    keys = folder / name
    keys.mkdir()
    secret = folder / f"{name}.key"
    command = ["minisign", "-G", "-W", "-p", str(keys / f"{name}.pub"), "-s", str(secret)]
    subprocess.run(command, check=True, capture_output=True)
    return Maker(secret, keys)


@pytest.fixture(scope="session")
def maker(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    if shutil.which("minisign") is None:
        pytest.skip("needs minisign: apt-get install minisign")
    return make(tmp_path_factory.mktemp("maker"), "maker")


@pytest.fixture
def update(tmp_path: Path, maker: Maker) -> Update:
    """A box with release 1.0 in service."""
    releases = Releases(tmp_path / "opt")
    daemon = Daemon(releases)
    update = Update(releases, daemon, green, maker.keys)
    update.install(maker.sign(bundle_of(tmp_path / "stick", "1.0")))
    return update
