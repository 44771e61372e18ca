"""Examine: has a release check itself on this box, by its own interpreter.

Where systemd runs, `edge-selfcheck.service` does it: as the daemon's user, with its secrets and its
devices, so that what replaces the program needs neither. Elsewhere, in a container say, it is a
process of our own.
"""

from __future__ import annotations

import grp
import json
import os
import pwd
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edge.files import write_atomically
from edge.update.releases import ASKED, FOUND, ROOT
from edge.update.service import is_installed, run_unit

CONFIG = Path("/etc/edge")
UNIT = "edge-selfcheck.service"

LONGEST_S = 1800


class Examiner:
    """Runs steps of the self-check of any release.

    Args:
        config: The configuration's folder.
        root: Where releases lie.
        user: Who reads files and opens devices where the unit is not there; if there is no such
            user, or we are not root, whoever we are.
    """

    def __init__(self, config: Path, root: Path, user: str = "edge") -> None:
        self._config, self._root = config, root
        is_known = os.geteuid() == 0 and user in {entry.pw_name for entry in pwd.getpwall()}
        self._user = user if is_known else None

    def __call__(self, release: Path, steps: Sequence[str]) -> list[dict[str, Any]]:
        """What a release finds: each answer as `Check` in JSON; none where nothing is configured.

        Args:
            release: Its folder.
            steps: Which of the self-check's.
        """
        is_usual = (self._config, self._root) == (CONFIG, ROOT)
        ask = self._by_systemd if is_usual and is_installed(UNIT) else self._by_ourselves
        said, trouble = ask(release, steps)
        try:
            found: list[dict[str, Any]] = json.loads(said)
        except ValueError:
            found = [{"name": "self-check", "level": "red", "found": trouble}]
        return found

    def _by_systemd(self, release: Path, steps: Sequence[str]) -> tuple[str, str]:
        asked, answer = self._root / ASKED, self._root / FOUND
        write_atomically(
            asked, f"RELEASE={release}\nSTEPS={' '.join(steps)}\n".encode(), mode=0o644
        )
        try:
            answer.unlink(missing_ok=True)
            trouble = run_unit(UNIT)
            said = answer.read_text() if answer.exists() else ""
        finally:
            for file in (asked, answer):
                file.unlink(missing_ok=True)
        return said, trouble or f"it said nothing; see journalctl -u {UNIT}"

    def _by_ourselves(self, release: Path, steps: Sequence[str]) -> tuple[str, str]:
        if not (self._config / "appliance.yaml").exists():
            return "[]", ""  # installed, and not configured yet
        done = subprocess.run(  # noqa: S603 - of a release whose maker is known
            [
                *(str(release / "bin/python"), "-m", "edge.update.selfcheck"),
                *("--config", str(self._config), *steps),
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            timeout=LONGEST_S,
            user=self._user,
            group=self._user,
            extra_groups=_groups() if self._user else None,
        )
        said = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        return done.stdout, said[0]


def _groups() -> list[str]:
    return [group.gr_name for group in grp.getgrall() if group.gr_name in ("video", "render")]
