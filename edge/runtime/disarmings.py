"""Disarmings over a restart: who disarmed what until when, in one small file.

Boundary: the file `disarmed.json` beside the outbox, and the clocks. Written when a person disarms
or arms, before they have their answer; read once, at the start. It is never worth more than the
clock: where that cannot be right, or the file cannot be read, every rule is armed.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from edge.files import write_atomically
from edge.runtime.arming import Disarming

log = logging.getLogger("edge.runtime")

FILE = "disarmed.json"

_SLACK = timedelta(seconds=60)  # a clock that was set right may have gone back by so much


class Disarmings:
    """What is disarmed, for the next start.

    Args:
        storage: The folder; made where it is missing.
    """

    def __init__(self, storage: Path) -> None:
        self._path = storage / FILE
        self._lock = threading.Lock()
        self._cameras = _read(self._path)

    def going_on(self) -> dict[str, tuple[Disarming, ...]]:
        """What still goes on, by camera, measured from now on."""
        with self._lock:
            found = {
                camera: tuple(one for written in those if (one := _resumed(camera, written)))
                for camera, those in self._cameras.items()
            }
        return {camera: those for camera, those in found.items() if those}

    def keep(self, camera: str, disarmings: Sequence[Disarming]) -> None:
        """Replace what is known of one camera; a disk that does not take it is logged."""
        now = datetime.now(timezone.utc)
        written = [
            {
                "rule": one.rule,
                "at": now.isoformat(),
                "until": one.until.isoformat(),
                "words": one.words,
            }
            for one in disarmings
        ]
        with self._lock:
            self._cameras = {**self._cameras, camera: written}
            kept = {name: those for name, those in self._cameras.items() if those}
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                write_atomically(self._path, json.dumps(kept).encode(), mode=0o600)
            except OSError as exc:
                log.error("disarmings end with this run: %s: %s", self._path, exc.strerror)


def _resumed(camera: str, written: Any) -> Disarming | None:
    """A disarming that goes on; None where it is over, or no clock can tell."""
    try:
        rule, words = str(written["rule"]), str(written["words"])
        at = datetime.fromisoformat(written["at"])
        until = datetime.fromisoformat(written["until"])
        now = datetime.now(timezone.utc)
        is_clock_back = now < at - _SLACK
        left = (min(until, until - at + now) - now).total_seconds()
    except (KeyError, TypeError, ValueError) as exc:
        log.error("camera %s: a disarming cannot be read, the rule is armed: %r", camera, exc)
        return None
    if is_clock_back:
        log.error(
            "camera %s: rule %s is armed: it was disarmed at %s and the clock says %s",
            camera,
            rule,
            at,
            now,
        )
        return None
    return Disarming(rule, time.monotonic() + left, until, words) if left > 0 else None


def _read(path: Path) -> dict[str, list[Any]]:
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as exc:
        log.error("every rule is armed: %s cannot be read: %s", path, exc)
        return {}
    if not isinstance(found, dict):
        log.error("every rule is armed: %s holds no cameras", path)
        return {}
    return {str(camera): those for camera, those in found.items() if isinstance(those, list)}
