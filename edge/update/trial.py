"""Trial: from a bundle on a stick to the release in service, in a straight line.

    copied -> verified -> unpacked -> made -> checked -> noted
    -> turned -> restarted -> proved -> kept

Up to `noted` the release in service knows nothing of it. From then on the `trial` file says what to
turn back to, and whoever comes next does: this program where a check fails, `edge update --resume`
after a power cut, packaging/guard where the new release cannot even start. So the box boots one
complete release or the other, wherever the power goes.
"""

from __future__ import annotations

import errno
import json
import platform
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.errors import InputError, MissingDependency
from edge.files import write_atomically
from edge.update.bundle import Box, check_fits, check_signature, read_release, trusted_keys
from edge.update.releases import Releases, UpdateFailed, unwritable
from edge.update.service import Service

READY_S = 300.0
"""As long as systemd gives the daemon to become ready: engines are loaded first."""

ROOM = 4
"""Times its size a bundle needs: its copy, its files, and what they become."""

GONE = (errno.EIO, errno.ENODEV, errno.ENXIO, errno.ENOENT, errno.ESTALE)
"""What reading from a stick says that was pulled or is failing."""

BEFORE = ("configuration", "engines", "broker", "cameras")
AFTER = ("broker", "cameras")

NEVER_FORGIVEN = ("broker", "self-check")
"""Beginnings of the names of checks that must be well, also where they were red before."""

CONFIGURATION = "configuration"
"""Red where the files cannot be used at all: then no other check was made."""

Checks = Callable[[Path, Sequence[str]], "list[dict[str, Any]]"]
"""Runs steps of the self-check with a release's interpreter; each answer as `Check` in JSON."""


@dataclass
class Update:
    """What changes the release of one box.

    Attributes:
        releases: Where they lie.
        service: The daemon.
        checks: Runs the self-check of a release.
        keys: Folder of the keys this box trusts.
        reached: Told each step; prints, or ends the process in a test.
    """

    releases: Releases
    service: Service
    checks: Checks
    keys: Path
    reached: Callable[[str], None] = lambda _step: None

    def install(self, bundle: Path, *, allow_older: bool = False) -> str:
        """Make the bundle's release the one in service; returns its version.

        Raises:
            InputError: The bundle is not for this box, or is not signed; nothing was done.
            UpdateFailed: The new release does not do what the old one does, which is in service.
            MissingDependency: What the new release needs is not on this box.
        """
        with self.releases.locked():
            if self.releases.trial:
                self._finish()
            self.releases.tidy()
            try:
                version = self._made(bundle, allow_older=allow_older)
            except OSError as exc:
                raise InputError(unwritable(self.releases.root, exc)) from exc
            finally:
                shutil.rmtree(self.releases.incoming, ignore_errors=True)
            if version == self.releases.current:
                return version
            try:
                self._try(version)
            except OSError as exc:
                raise UpdateFailed(
                    f"release {version}: {self.releases.root} cannot be written any more "
                    f"({exc.strerror}); when it can, `edge update --resume` finishes or undoes it"
                ) from exc
            return version

    def resume(self) -> str:
        """Finish what was interrupted; says what was done, empty where there was nothing."""
        with self.releases.locked():
            done = self._finish() if self.releases.trial else ""
            self.releases.tidy()
            return done

    def roll_back(self) -> str:
        """Go back to the release before; returns its version.

        Raises:
            InputError: There is none.
        """
        with self.releases.locked():
            current = self.releases.current
            previous = self.releases.trial.get("previous") or self.releases.previous
            if previous == current or not self.releases.is_complete(previous):
                raise InputError("there is no release to go back to")
            self.releases.turn("current", previous)
            self.releases.end_trial()
            if self.service.is_running:
                self.service.restart()
            return previous

    def _made(self, bundle: Path, *, allow_older: bool) -> str:
        """From the file to a complete release beside the one in service."""
        box = Box(platform.machine(), _python(), self.releases.current)
        check_fits(read_release(_there(bundle)), box, allow_older=allow_older)  # before a long copy
        keys = trusted_keys(self.keys)
        if not keys:
            raise InputError(
                f"this box trusts no key: expected one in {self.keys}/*.pub; put the maker's "
                "minisign.pub there"
            )
        incoming = self.releases.incoming
        incoming.mkdir()
        self._check_room(bundle)
        # From here on the copy counts: a stick can be pulled, and can lie the second time.
        copy, signature = incoming / bundle.name, bundle.with_name(bundle.name + ".minisig")
        try:
            shutil.copyfile(bundle, copy)
            if signature.is_file():
                shutil.copyfile(signature, incoming / signature.name)
        except OSError as exc:
            if exc.errno not in GONE:
                raise
            raise InputError(
                f"{bundle} cannot be read to its end ({exc.strerror}): was the stick pulled, or is "
                "it failing? Nothing was installed; copy the bundle again"
            ) from exc
        self.reached("copied")
        signer = check_signature(copy, incoming / signature.name, keys)
        release = read_release(copy)
        check_fits(release, box, allow_older=allow_older)
        self.reached(f"verified: {signer}")
        unpacked = incoming / "unpacked"
        with tarfile.open(copy) as tar:
            if hasattr(tarfile, "data_filter"):  # from 3.10.12 on
                tar.extractall(unpacked, filter="data")
            else:
                tar.extractall(unpacked)  # noqa: S202 - its maker is known
        self.reached("unpacked")
        made = subprocess.run(  # noqa: S603 - signed
            [str(unpacked / "make-release"), str(unpacked), str(self.releases.root)],
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            said = made.stderr.strip().splitlines()[-1:] or ["it said nothing"]
            kind = {2: InputError, 3: MissingDependency}.get(made.returncode, UpdateFailed)
            raise kind(f"{said[0].removeprefix('make-release: ')}; nothing was changed")
        self.reached("made")
        return release.version

    def _check_room(self, bundle: Path) -> None:
        need = ROOM * bundle.stat().st_size
        free = shutil.disk_usage(self.releases.root).free
        if free < need:
            raise InputError(
                f"{self.releases.root}: {need >> 20} MiB are needed, {free >> 20} MiB are free; "
                "nothing was done. Free some space: df -h, journalctl --vacuum-size=100M"
            )

    def _try(self, version: str) -> None:
        previous = self.releases.current
        before = self._baseline(previous)
        found = self.checks(self.releases.folder(version), BEFORE)
        if worse := _worse(before["checks"], found):
            shutil.rmtree(self.releases.folder(version), ignore_errors=True)
            raise UpdateFailed(f"release {version} was not put in service: {worse}")
        self.reached("checked")
        note = self.releases.root / "baseline.json"
        write_atomically(note, json.dumps(before).encode(), mode=0o600)
        self.releases.begin_trial(version, previous)
        self.reached("noted")
        self.releases.turn("current", version)
        self.reached("turned")
        if before["is_running"]:
            self.service.restart()
        self.reached("restarted")
        self._finish()

    def _baseline(self, version: str) -> dict[str, Any]:
        """How the box is under the release in service: what failed there need not work later."""
        checks = self.checks(self.releases.folder(version), BEFORE) if version else []
        running = self.service.is_running
        return {
            "checks": checks,
            "is_running": running,
            "n_watching": self.service.n_watching if running else 0,
        }

    def _finish(self) -> str:
        """Keep what is on trial, or turn back; from wherever it was left."""
        trial = self.releases.trial
        version, previous = trial.get("release", ""), trial.get("previous", "")
        if self.releases.current != version:
            self.releases.end_trial()  # cut off before the link was turned, or rolled back since
            return f"release {version} was not put in service, {self.releases.current} is"
        if trouble := self._trouble(version):
            self._turn_back(version, previous, trouble)
        self.reached("proved")
        if previous and previous != version:
            self.releases.turn("previous", previous)
        guard = self.releases.folder(version) / "guard"
        if guard.is_file():
            write_atomically(self.releases.root / "guard", guard.read_bytes(), mode=0o755)
        self.reached("kept")
        self.releases.end_trial()
        (self.releases.root / "baseline.json").unlink(missing_ok=True)
        keep = tuple(name for name in (version, previous) if name)
        self.releases.tidy(all_but=keep)
        return f"release {version} is in service"

    def _trouble(self, version: str) -> str:
        """What the new release does not do that the old one did; empty where it does all."""
        try:
            before = json.loads((self.releases.root / "baseline.json").read_text())
        except (OSError, ValueError):
            before = {"checks": [], "is_running": self.service.is_running, "n_watching": 0}
        if before["is_running"]:
            if why := self.service.wait_ready(READY_S):
                return f"the service did not come up: {why}"
            if self.service.n_watching < before["n_watching"]:
                return (
                    f"expected {before['n_watching']} cameras with pictures as before, got "
                    f"{self.service.n_watching}"
                )
        return _worse(before["checks"], self.checks(self.releases.folder(version), AFTER))

    def _turn_back(self, version: str, previous: str, trouble: str) -> None:
        if not self.releases.is_complete(previous):
            raise UpdateFailed(f"release {version}: {trouble}; there is none to turn back to")
        self.releases.turn("current", previous)
        self.releases.end_trial()
        if self.service.is_running:
            self.service.restart()
        shutil.rmtree(self.releases.folder(version), ignore_errors=True)
        raise UpdateFailed(f"release {version}: {trouble}; release {previous} is in service again")


def _worse(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> str:
    """What fails now and did not before.

    Some must work in any case: the broker, or nobody would hear of what comes, and a configuration
    that can be used at all, or nothing was examined.
    """
    failed = {check["name"] for check in before if check["level"] == "red"}
    failed = {n for n in failed if not n.startswith(NEVER_FORGIVEN) and n != CONFIGURATION}
    worse = [
        f"{check['name']}: {check['found']}"
        + (f" (-> {check['remedy']})" if check.get("remedy") else "")
        for check in after
        if check["level"] == "red" and check["name"] not in failed
    ]
    return "; ".join(worse)


def _python() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _there(bundle: Path) -> Path:
    if not bundle.is_file():
        raise InputError(f"{bundle}: no such file; is the stick mounted? lsblk shows it")
    return bundle
