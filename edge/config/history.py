"""History: the last good configurations of a box, as they were written.

Boundary: keeps copies of the files in `storage.path`, never of `secrets.yaml`; puts one back.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from edge.config.folder import digest_on_disk, files
from edge.errors import ConfigError, InputError
from edge.files import write_atomically

N_KEPT = 10
_STAMP = "%Y%m%dT%H%M%S.%fZ"


@dataclass(frozen=True, slots=True)
class Kept:
    """A configuration that was in force.

    Attributes:
        folder: Its copy: `appliance.yaml` and `cameras/`.
        sha256: Its hash, as `about` has it.
        since: UTC at which it was taken up.
    """

    folder: Path
    sha256: str
    since: datetime


class History:
    """What was in force on this box, the newest ten.

    Args:
        storage: `storage.path` of the configuration.

    Attributes:
        folder: Where they are kept.
    """

    def __init__(self, storage: Path) -> None:
        self.folder = storage / "configurations"

    def keep(self, folder: Path, sha256: str, at: datetime) -> None:
        """Copy the files of a configuration that is now in force.

        Args:
            folder: Where they are.
            sha256: The configuration's hash; where the files have changed since they were read,
                nothing is kept.
            at: UTC now.

        Raises:
            OSError: They cannot be copied; what was kept before is untouched.
        """
        entries = self.entries()
        if entries and entries[0].sha256 == sha256:
            return
        name = f"{at.astimezone(timezone.utc).strftime(_STAMP)}-{sha256}"
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = self.folder / ".new"
        shutil.rmtree(part, ignore_errors=True)
        (part / "cameras").mkdir(parents=True)
        for file in files(folder):
            copy = part / file.relative_to(folder)
            write_atomically(copy, file.read_bytes(), mode=0o600)
        if digest_on_disk(part) != sha256:
            shutil.rmtree(part)
            return
        part.rename(self.folder / name)
        for old in entries[N_KEPT - 1 :]:
            shutil.rmtree(old.folder)

    def entries(self) -> list[Kept]:
        """What is kept, the newest first; empty where there is nothing."""
        found = []
        for folder in self.folder.glob("*Z-*"):
            stamp, _, sha256 = folder.name.partition("-")
            since = datetime.strptime(stamp, _STAMP).replace(tzinfo=timezone.utc)
            found.append(Kept(folder, sha256, since))
        return sorted(found, key=lambda kept: kept.folder.name, reverse=True)

    def find(self, short: str, present: Path) -> Kept:
        """Choose one to go back to.

        Args:
            short: The beginning of its hash; empty for the newest that differs from `present`.
            present: The configuration folder.

        Raises:
            InputError: None fits, or several do; says what there is.
        """
        entries = self.entries()
        fitting = [kept for kept in entries if kept.sha256.startswith(short)]
        if not short:
            now = digest_on_disk(present)
            fitting = [kept for kept in fitting if kept.sha256 != now][:1]
        if len({kept.sha256 for kept in fitting}) == 1:
            return fitting[0]
        there = ", ".join(kept.sha256[:8] for kept in entries) or "none"
        what = f"begins with '{short}'" if short else "differs from the present one"
        raise InputError(
            f"{self.folder}: expected one kept configuration that {what}, got {len(fitting)}; "
            f"kept are: {there}"
        )


def restore(kept: Kept, folder: Path, at: datetime) -> Path:
    """Put a configuration back; the present files are moved aside first, and none is lost.

    Args:
        kept: What to put back.
        folder: The configuration folder; its `secrets.yaml` stays as it is.
        at: UTC now.

    Returns:
        The folder that holds the files that were there.

    Raises:
        ConfigError: It cannot be written.
    """
    aside = folder / f"replaced-{at.astimezone(timezone.utc).strftime(_STAMP)}"
    try:
        (aside / "cameras").mkdir(parents=True, mode=0o700)
        for file in files(folder):
            write_atomically(aside / file.relative_to(folder), file.read_bytes(), mode=0o600)
        wanted = {file.relative_to(kept.folder): file for file in files(kept.folder)}
        for name, file in wanted.items():
            (folder / name).parent.mkdir(exist_ok=True)
            mode = (folder / name).stat().st_mode & 0o777 if (folder / name).exists() else 0o644
            write_atomically(folder / name, file.read_bytes(), mode=mode)
        for file in list(files(folder)):
            if file.relative_to(folder) not in wanted:
                file.unlink()
    except OSError as why:
        raise ConfigError(f"{why.filename or folder}: {why.strerror}; check its owner") from why
    return aside
