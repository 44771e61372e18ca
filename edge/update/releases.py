"""Releases: the folder in which they lie side by side, and the link to the one in service.

    ROOT/releases/VERSION/     complete once its release.json is there, which is written last
    ROOT/current, previous     links to one each; a link is turned in one step
    ROOT/trial                 what is on trial: packaging/guard reads it, and turns back in need
    ROOT/incoming/             what an update works on; whatever lies there is a leftover

Every write is on the disk before the next step begins, so that a power cut leaves one of the states
`edge update --resume` knows.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.errors import EdgeError, InputError
from edge.files import sync_folder, write_atomically
from edge.update.bundle import RELEASE

ROOT = Path("/opt/edge")

ASKED, FOUND = "selfcheck", "selfcheck.json"
"""What edge-selfcheck.service is asked, and where systemd puts what it says; named there, too."""

LEFTOVERS = (
    *("current.new", "previous.new", "trial.new", ".trial.new", ".baseline.json.new"),
    *(".guard.new", f".{ASKED}.new", ASKED, FOUND),
)
"""Files of a step that was cut off."""


class UpdateFailed(EdgeError):
    """An update was given up; the release that was in service is again."""


class Releases:
    """The releases of one box.

    Args:
        root: Where they lie.
    """

    def __init__(self, root: Path = ROOT) -> None:
        self.root = root
        self.incoming = root / "incoming"

    def folder(self, version: str) -> Path:
        """Where a release lies, or would."""
        return self.root / "releases" / version

    def is_complete(self, version: str) -> bool:
        """It was made to the end."""
        return bool(version) and (self.folder(version) / RELEASE).is_file()

    @property
    def current(self) -> str:
        """Version of the release in service; empty where there is none."""
        return self._linked("current")

    @property
    def previous(self) -> str:
        """Version of the one before; empty where there is none."""
        return self._linked("previous")

    @property
    def trial(self) -> dict[str, str]:
        """What is on trial: `release`, `previous`, `starts`; empty where nothing is."""
        try:
            lines = (self.root / "trial").read_text().splitlines()
        except FileNotFoundError:
            return {}
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def begin_trial(self, version: str, previous: str) -> None:
        """Note what is about to be tried, and what to turn back to."""
        note = f"release={version}\nprevious={previous}\nstarts=0\n"
        write_atomically(self.root / "trial", note.encode(), mode=0o644)

    def end_trial(self) -> None:
        """What is in service stays."""
        (self.root / "trial").unlink(missing_ok=True)
        sync_folder(self.root)

    def turn(self, link: str, version: str) -> None:
        """Have `current` or `previous` be a release, in one step."""
        new = self.root / f"{link}.new"
        new.unlink(missing_ok=True)
        new.symlink_to(Path("releases") / version)
        new.replace(self.root / link)
        sync_folder(self.root)

    def tidy(self, *, all_but: tuple[str, ...] = ()) -> None:
        """Remove what an interrupted update left: all of `incoming`, releases never completed.

        Args:
            all_but: If given, every other release goes, too.
        """
        shutil.rmtree(self.incoming, ignore_errors=True)
        for name in LEFTOVERS:
            (self.root / name).unlink(missing_ok=True)
        folders = self.root / "releases"
        for folder in folders.iterdir() if folders.is_dir() else ():
            if not self.is_complete(folder.name) or (all_but and folder.name not in all_but):
                shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else changes releases meanwhile.

        Raises:
            InputError: Somebody does, or the folder cannot be written.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.root / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise InputError(unwritable(self.root, exc)) from exc
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            raise InputError("another update is under way; wait for its end") from None
        try:
            yield
        finally:
            os.close(handle)

    def _linked(self, name: str) -> str:
        try:
            return (self.root / name).readlink().name
        except OSError:
            return ""


def unwritable(place: Path, exc: OSError) -> str:
    """What a failed write means, and what to do."""
    remedies = {
        errno.ENOSPC: f"the disk is full; free some space: df -h {place}",
        errno.EROFS: f"it is read-only; mount -o remount,rw the disk that findmnt -T {place} shows",
        errno.EACCES: "run it as root: sudo edge update ...",
        errno.EPERM: "run it as root: sudo edge update ...",
    }
    what = remedies.get(exc.errno or 0, exc.strerror or str(exc))
    return f"{place} cannot be written: {what}. The release in service is untouched"
