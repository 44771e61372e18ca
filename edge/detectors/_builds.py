"""Builds: which engine is being built on this box, how far it is, and which could not be.

Boundary: the only reader and writer of the records beside the engines. A build runs in a process
of its own; the daemon, `edge model list` and `edge doctor` are others. They meet in two files: a
lock that lives exactly as long as the building process, and a record of what it said last.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

from edge.detectors._engines import PART, EngineKey
from edge.errors import ModelError
from edge.files import write_atomically

Progress: TypeAlias = Callable[[str, int, int], bool]
"""Called with a phase's name, its steps done and its steps in all; False ends the building.

TensorRT 8.6 has no way to report, and calls nothing.
"""

MOST_BEGUN = 3
"""Builds that were begun and neither ended nor failed, as when the box lost its power: after so
many the build itself is the likely reason, and is not begun again by the daemon."""

SAY_S = 1.0
"""Time between two records of progress: a phase of TensorRT has thousands of steps."""

LOCK_WAIT_S = 2.0
"""A reader that asks whether anybody builds holds the lock for an instant."""


@dataclass(frozen=True, slots=True)
class Build:
    """What is known of a build that did not end well, or not yet.

    Attributes:
        state: `running` now, `failed`, or `interrupted` before it could do either.
        n_begun: How often it was begun since it last ended.
        phase: What it was last doing, in the library's words; empty if it said nothing.
        n_done: Steps of that phase that are done.
        n_all: Steps it has; 0 if unknown.
        reason: Why it failed.
    """

    state: Literal["running", "failed", "interrupted"]
    n_begun: int = 1
    phase: str = ""
    n_done: int = 0
    n_all: int = 0
    reason: str = ""

    def __str__(self) -> str:
        if self.state == "failed":
            return f"could not be built: {self.reason}"
        if self.state == "interrupted":
            return "its building was interrupted"
        if not self.n_all:
            return "is being built"
        return f"is being built: {self.phase}, {100 * self.n_done // self.n_all} %"


class Builds:
    """The records of one folder of engines.

    Args:
        folder: Where the engines lie; made when the first is built.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def of(self, key: EngineKey) -> Build | None:
        """How the build of an engine stands; None where none was begun, or the last ended well."""
        build = self._read(key)
        if build is None or build.state == "failed" or self._is_running():
            return build
        if build.n_begun >= MOST_BEGUN:
            reason = (
                f"it was begun {build.n_begun} times and never came to an end; the box may be out "
                "of memory or power"
            )
            return replace(build, state="failed", reason=reason)
        return replace(build, state="interrupted")

    @contextmanager
    def begun(self, key: EngineKey, progress: Progress | None = None) -> Iterator[Progress]:
        """Hold the lock while an engine is built; the record says how far it is, and how it ended.

        Args:
            key: What is built.
            progress: Also told how far it is; may end the building.

        Yields:
            What the building tells how far it is.

        Raises:
            ModelError: Another process builds on this box, or the folder cannot be written to.
        """
        with self._locked(key):
            before = self._read(key)
            build = Build("running", n_begun=1 if before is None else before.n_begun + 1)
            for rest in self.folder.glob(f"{PART}*"):  # of a build that was killed while it wrote
                rest.unlink(missing_ok=True)
            self._write(key, build)
            said_at = time.monotonic()

            def told(phase: str, n_done: int, n_all: int) -> bool:
                nonlocal said_at
                if time.monotonic() - said_at >= SAY_S:
                    said_at = time.monotonic()
                    self._write(key, replace(build, phase=phase, n_done=n_done, n_all=n_all))
                return progress is None or progress(phase, n_done, n_all)

            try:
                yield told
            except Exception as exc:
                self.fail(key, str(exc))
                raise
            except BaseException:  # somebody ended it; that is no fault of the build
                self.forget(key)
                raise
            self.forget(key)

    def fail(self, key: EngineKey, reason: str) -> None:
        """Note that an engine could not be built, so that nobody tries again unasked."""
        with suppress(ModelError):  # a full disk, perhaps the very reason
            self._write(key, Build("failed", reason=reason))

    def forget(self, key: EngineKey) -> None:
        """Take back what was noted of an engine."""
        with suppress(OSError):
            self._record(key).unlink(missing_ok=True)

    def _record(self, key: EngineKey) -> Path:
        return self.folder / f"{key.file_name}.build"

    @property
    def _lock(self) -> Path:
        return self.folder / "building.lock"

    def _read(self, key: EngineKey) -> Build | None:
        try:
            return Build(**json.loads(self._record(key).read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    def _write(self, key: EngineKey, build: Build) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            # The daemon's user is seldom the one who builds.
            write_atomically(self._record(key), json.dumps(asdict(build)).encode(), mode=0o644)
        except OSError as exc:
            raise ModelError(f"{self._record(key)} cannot be written: {exc.strerror}") from exc

    def _is_running(self) -> bool:
        try:
            descriptor = os.open(self._lock, os.O_RDONLY)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(descriptor)
        return False

    @contextmanager
    def _locked(self, key: EngineKey) -> Iterator[None]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if not self._lock.exists():
                self._lock.touch(0o644)
            descriptor = os.open(self._lock, os.O_RDONLY)  # who made it may be another user
        except OSError as exc:
            raise ModelError(
                f"{self.folder} cannot be written: {exc.strerror}; free space on the disk, or run "
                "as a user who may write there"
            ) from exc
        try:
            self._take(descriptor, key)
            yield
        finally:
            os.close(descriptor)

    def _take(self, descriptor: int, key: EngineKey) -> None:
        end = time.monotonic() + LOCK_WAIT_S
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as exc:
                if time.monotonic() < end:
                    time.sleep(0.05)
                    continue
                same = self._read(key)
                raise ModelError(
                    f"engine {key.file_name}: "
                    + (str(same) if same else "another engine is being built on this box")
                    + "; wait until it is ready: `edge model list`"
                ) from exc
            return
