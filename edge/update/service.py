"""Service: the daemon as systemd runs it. The one file that talks to systemctl."""

from __future__ import annotations

import re
import subprocess
import time
from typing import Protocol

UNIT = "edge.service"


class Service(Protocol):
    """What an update needs of the daemon."""

    @property
    def is_running(self) -> bool:
        """It is, or systemd is about to start it again."""

    @property
    def n_watching(self) -> int:
        """Cameras that show pictures, as the daemon says."""

    def restart(self) -> None:
        """Stop it and start what the link shows now."""

    def wait_ready(self, timeout_s: float) -> str:
        """Wait until it says that it is ready; else why it is not, in words."""


class Systemd:
    """The real one."""

    @property
    def is_running(self) -> bool:
        """See `Service`."""
        return self._property("ActiveState") in ("active", "activating", "reloading")

    @property
    def n_watching(self) -> int:
        """See `Service`; from what the daemon has systemd show as its status."""
        found = re.match(r"watching (\d+) of", self._property("StatusText"))
        return int(found[1]) if found else 0

    def restart(self) -> None:
        """See `Service`."""
        for command in (["daemon-reload"], ["reset-failed", UNIT], ["restart", "--no-block", UNIT]):
            _systemctl(*command)

    def wait_ready(self, timeout_s: float) -> str:
        """See `Service`."""
        deadline = time.monotonic() + timeout_s
        time.sleep(1.0)  # the old one stops first
        while time.monotonic() < deadline:
            state = self._property("ActiveState")
            if state == "active" and self._property("SubState") == "running":
                return ""
            if state == "failed" or int(self._property("NRestarts") or 0) >= 2:
                status = self._property("ExecMainStatus")
                return f"it ended with exit code {status}; see journalctl -u edge"
            time.sleep(0.5)
        return f"it was not ready within {timeout_s:.0f} s"

    def _property(self, name: str) -> str:
        return _property(UNIT, name)


def is_installed(unit: str) -> bool:
    """Whether systemd runs here, and knows a unit."""
    return _property(unit, "LoadState") == "loaded"


def run_unit(unit: str) -> str:
    """Run a unit of type oneshot to its end; else why it was not, in words."""
    said = _systemctl("start", unit, is_complaint=True).strip()
    result = _property(unit, "Result")
    if result == "success" and not said:
        return ""
    return f"{unit} ended with {result}; see journalctl -u {unit}"


def _property(unit: str, name: str) -> str:
    return _systemctl("show", unit, f"--property={name}", "--value").strip()


def _systemctl(*arguments: str, is_complaint: bool = False) -> str:
    """What it prints, or complains of; nothing where there is no systemd."""
    try:
        done = subprocess.run(  # noqa: S603 - our own arguments
            ["systemctl", *arguments],  # noqa: S607 - on the path of every box with systemd
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:  # a container: somebody else runs the daemon
        return ""
    return done.stderr if is_complaint else done.stdout
