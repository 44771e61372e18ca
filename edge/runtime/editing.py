"""Editing: drafts of the device page become camera files, and files become what is in force.

One change at a time. What is written was validated with the whole configuration first; what the
daemon then does not take up is put back.
"""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from edge.commands import CommandFailed
from edge.config import Config, Problem
from edge.config.changes import changes
from edge.config.problem import ConfigUnusable
from edge.config.revise import DRAWN, Written, difference, revised, shown, tried, write, written
from edge.config.schema import Camera
from edge.config.undo import Undo
from edge.errors import InputError
from edge.options import kinds
from edge.runtime.asker import Reload, on_page
from edge.web import Json, Refused, Visitor

log = logging.getLogger("edge.web")

_NOT_IN_A_DRAFT = frozenset({"sha256", "seconds"})


class Editing:
    """The camera files of one box.

    Args:
        folder: The configuration folder.
        in_force: Gives the configuration in force.
        reload: Has the files taken up; raises `CommandFailed` where they are not.
    """

    def __init__(self, folder: Path, in_force: Callable[[], Config], reload: Reload) -> None:
        self._folder = folder
        self._in_force = in_force
        self._reload = reload
        self._lock = threading.Lock()

    def camera(self, camera: str) -> Json:
        """A camera's file as it is written now, with what is wrong with it."""
        now = self._written(camera)
        return {
            "camera": camera,
            "name": now.name,
            "file": now.file.name,
            "sha256": now.sha256,
            "text": now.shown,
            "zones": now.blocks["zones"] or {},
            "lines": now.blocks["lines"] or {},
            "masks": now.blocks["masks"] or {},
            "rules": now.blocks["rules"] or [],
            "calibration": now.blocks["calibration"],
            "rule_kinds": sorted(kinds("edge.rules")),
            "problems": self._plain(self._try(now, now.content)[1], now),
            "can_undo": self._undo.after(camera) == now.sha256,
        }

    def preview(self, camera: str, draft: Json) -> Json:
        """What saving would write and do."""
        now = self._written(camera)
        content = self._revised(now, draft)
        _require_same(now, draft.get("sha256"))
        config, problems = self._try(now, content)
        return {
            "text": shown(self._folder, now.file, content),
            "diff": difference(now, self._folder, content),
            "problems": self._plain(problems, now),
            "changes": _told(self._in_force(), config) if config else None,
        }

    def options(self, camera: str, draft: Json) -> Camera:
        """A camera as a draft has it, to be tried."""
        now = self._written(camera)
        config, problems = self._try(now, self._revised(now, draft))
        self._check(problems, config, now)
        assert config is not None
        found = next((one for one in config.cameras if one.camera == camera), None)
        if found is None:
            raise Refused(400, f"camera {camera} cannot be used as it is written")
        return found

    def save(self, camera: str, draft: Json, by: Visitor) -> Json:
        """Write a draft and take it up."""
        with self._lock:
            now = self._current(camera, draft.get("sha256"))
            content = self._revised(now, draft)
            if content == now.content:
                return {"sha256": now.sha256, "config": self._in_force().short_hash}
            answer = self._put(camera, now, content, by)
            try:
                self._undo.push(camera, now.content, str(answer["sha256"]))
            except OSError as why:
                log.error("the last change of camera %s cannot be undone: %s", camera, why)
        differing = "\n".join(
            line
            for line in difference(now, self._folder, content).splitlines()
            if line[:1] in "+-" and line[:3] not in {"+++", "---"}
        )
        log.warning("%s changed camera %s:\n%s", by, camera, differing)
        return answer

    def undo(self, camera: str, sha256: str, by: Visitor) -> Json:
        """Back to what was there before the last change made here."""
        with self._lock:
            now = self._current(camera, sha256)
            before = self._undo.last(camera)
            if before is None:
                raise Refused(409, "nothing to undo: no change was made on this page")
            if self._undo.after(camera) != now.sha256:
                raise Refused(409, "the file was changed by hand since; undo it there")
            answer = self._put(camera, now, before, by)
            self._undo.pop(camera)
        log.warning("%s took back the last change of camera %s", by, camera)
        return answer

    @property
    def _undo(self) -> Undo:
        return Undo(self._in_force().appliance.storage.path)

    def _current(self, camera: str, sha256: object) -> Written:
        """The file, if it is still the one that was looked at."""
        now = self._written(camera)
        _require_same(now, sha256)
        return now

    def _put(self, camera: str, now: Written, content: bytes, by: Visitor) -> Json:
        """Write and take up, or leave everything as it was."""
        config, problems = self._try(now, content)
        self._check(problems, config, now)
        # Once more, as near to the writing as can be: an editor knows nothing of our lock.
        self._current(camera, now.sha256)
        try:
            write(now.file, content)
        except InputError as why:
            raise Refused(409, str(why)) from why
        try:
            in_force = self._reload(on_page(by))
        except CommandFailed as why:
            write(now.file, now.content)
            with suppress(CommandFailed):  # so that nobody is told that files are at fault
                self._reload(on_page(by))
            raise Refused(409, f"the file is as it was: {why}") from why
        return {"sha256": self._written(camera).sha256, "config": in_force}

    def _written(self, camera: str) -> Written:
        try:
            return written(self._folder, camera)
        except InputError as why:
            raise Refused(404, str(why)) from why

    def _revised(self, now: Written, draft: Json) -> bytes:
        unknown = sorted(draft.keys() - set(DRAWN) - _NOT_IN_A_DRAFT)
        if unknown:
            raise Refused(400, f"{', '.join(unknown)}: expected {', '.join(DRAWN)}")
        blocks = {
            key: {} if key == "calibration" and draft[key] is None else draft[key]
            for key in DRAWN
            if key in draft
        }
        try:
            return revised(self._folder, now, blocks)
        except InputError as why:
            raise Refused(400, str(why)) from why

    def _try(self, now: Written, content: bytes) -> tuple[Config | None, tuple[Problem, ...]]:
        """The configuration with other content in one file; None where it cannot be used."""
        try:
            config = tried(self._folder, now.file, content)
        except ConfigUnusable as why:
            return None, why.problems
        except OSError as why:
            raise Refused(409, f"{self._folder}: cannot be read: {why.strerror}") from why
        return config, config.problems

    def _check(self, problems: Iterable[Problem], config: Config | None, now: Written) -> None:
        """Refuse what the daemon would refuse, or set aside."""
        watched = {camera.camera for camera in self._in_force().cameras if camera.enabled}
        aside = {name for name, _ in config.rejected} if config else watched
        mine = [p for p in problems if p.severity == "error" and p.file == str(now.file)]
        if mine or config is None or aside & watched:
            errors = mine or [p for p in problems if p.severity == "error"]
            raise Refused(
                400,
                f"not valid: {errors[0].cause}" if errors else "the configuration is not valid",
                problems=self._plain(errors, now),
            )

    def _plain(self, problems: Iterable[Problem], now: Written) -> list[Json]:
        """Problems for a browser, those of this file first."""
        ordered = sorted(problems, key=lambda p: p.file != str(now.file))
        return [plain(problem, self._folder) for problem in ordered]


def _require_same(now: Written, sha256: object) -> None:
    """Refuse a draft of another file than is there now."""
    if sha256 != now.sha256:
        raise Refused(
            409,
            f"{now.file.name} was changed by somebody else since you loaded it; "
            "look at what it says now, and draw again what is missing",
            sha256=now.sha256,
            text=now.shown,
        )


def plain(problem: Problem, folder: Path) -> Json:
    """A problem for a browser, its file named within the folder."""
    file = Path(problem.file)
    name = str(file.relative_to(folder)) if file.is_relative_to(folder) else problem.file
    return {**dataclasses.asdict(problem), "file": name}


def _told(old: Config, new: Config) -> Json:
    found = changes(old, new)
    return {
        "appliance": [str(change) for change in found.appliance],
        "start": list(found.start),
        "stop": list(found.stop),
        "restart": [
            {"camera": name, "changes": [str(change) for change in differing]}
            for name, differing in found.restart
        ],
        "keep": list(found.keep),
    }
