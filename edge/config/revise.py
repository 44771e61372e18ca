"""Revise: a camera's file as a page shows it, and what it becomes by a draft.

Boundary: reads the configuration folder and writes one camera's file. What is shown holds
references as they are written, and never what they stand for; nothing is written that the daemon
would not take up.
"""

from __future__ import annotations

import difflib
import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edge.config import Config, Problem, load
from edge.config.amend import Unamendable, amended, rounded, texts, unordered
from edge.config.credentials import Secrets
from edge.config.edit import replaced, spans
from edge.config.folder import cameras as camera_files
from edge.config.folder import files
from edge.config.layers import layered
from edge.config.marks import parse, read
from edge.config.problem import HIDDEN, ConfigUnusable, Document, masked
from edge.errors import InputError
from edge.files import write_atomically

DRAWN = ("zones", "lines", "masks", "calibration", "rules")
"""What a draft may change."""


class _Unresolved(Secrets):
    """References as they are written."""

    def secret(self, name: str) -> str:
        return f"!secret {name}"

    def variable(self, name: str) -> str:
        return f"${{{name}}}"


@dataclass(frozen=True, slots=True)
class Written:
    """A camera's file at one moment.

    Attributes:
        file: Where it is.
        content: Its bytes.
        sha256: Of them, in hex.
        blocks: What `DRAWN` keys say, references as written, shared values under them.
        own: The same without shared values: None for a key that is not in this file.
        shown: Its text, fit to be seen; empty where it is no YAML, for passwords cannot be found
            in it then.
        name: What people call the camera.
    """

    file: Path
    content: bytes
    sha256: str
    blocks: Mapping[str, Any]
    own: Mapping[str, Any]
    shown: str
    name: str


def written(folder: Path, camera: str) -> Written:
    """A camera's file as it is now.

    Raises:
        InputError: There is none, or it cannot be read.
    """
    file = _file_of(folder, camera)
    try:
        return _written(folder, file, file.read_bytes())
    except OSError as why:
        raise InputError(f"{file}: cannot be read: {why.strerror}") from why


def revised(folder: Path, now: Written, draft: Mapping[str, Any]) -> bytes:
    """What a camera's file becomes.

    Args:
        folder: The configuration folder.
        now: The file.
        draft: Other values for some of the `DRAWN` keys.

    Returns:
        Its bytes; those it has where the draft says the same.

    Raises:
        InputError: The draft says more than it may, or the file must be edited by hand.
    """
    known = texts(dict(now.blocks))
    for key, value in draft.items():
        empty: type = list if key == "rules" else dict
        if not isinstance(value, empty):
            raise InputError(f"{key}: expected {'a list' if empty is list else 'an object'}")
        if any("${" in text and text not in known for text in texts(value)):
            raise InputError(f"{key}: a reference (${{...}}) can only be written by hand")
    wanted = {
        key: rounded(value, now.blocks.get(key))
        for key, value in draft.items()
        if unordered(value) != unordered(now.blocks.get(key) or type(value)())
    }
    if not wanted:
        return now.content
    mark = b"\xef\xbb\xbf" if now.content.startswith(b"\xef\xbb\xbf") else b""
    try:
        text = amended(now.content.decode("utf-8-sig"), dict(now.own), wanted)
    except (Unamendable, UnicodeDecodeError) as why:
        raise InputError(f"{now.file.name}: {why}") from why
    content = mark + text.encode()
    if content == now.content:
        raise InputError(
            f"{', '.join(wanted)}: come from appliance.yaml, which cameras share; write what this "
            f"camera has instead into {now.file.name} by hand"
        )
    # What came out is read again: a layout nobody thought of is refused, not written.
    result = _written(folder, now.file, content)
    expected = {**now.own, **{key: value or None for key, value in wanted.items()}}
    if any(unordered(result.own[key]) != unordered(expected[key]) for key in DRAWN) or (
        _others(folder, now.file, content) != _others(folder, now.file, now.content)
    ):
        raise InputError(f"{now.file.name}: is laid out so that it must be edited by hand")
    return content


def tried(folder: Path, file: Path, content: bytes, secrets: Secrets | None = None) -> Config:
    """The configuration, were one of its files other than it is, or one more.

    Raises:
        ConfigUnusable: It could not be used at all; problems name the files as they are on disk.
    """
    with tempfile.TemporaryDirectory(prefix="edge-config-") as name:
        copy = Path(name)
        (copy / "cameras").mkdir()
        for there in {*files(folder), file}:
            same = there.resolve() == file.resolve()
            place = copy / there.relative_to(folder)
            place.write_bytes(content if same else there.read_bytes())
        try:
            config = load(copy, root=folder, secrets=secrets)
        except ConfigUnusable as why:
            raise ConfigUnusable([_at_home(p, copy, folder) for p in why.problems]) from None
        return replace(
            config,
            folder=folder,
            problems=tuple(_at_home(p, copy, folder) for p in config.problems),
            rejected=tuple(
                (name, tuple(_at_home(p, copy, folder) for p in problems))
                for name, problems in config.rejected
            ),
        )


def difference(before: Written, folder: Path, content: bytes) -> str:
    """What changes, as a unified diff of what may be shown."""
    after = _written(folder, before.file, content)
    name = f"cameras/{before.file.name}"
    lines = difflib.unified_diff(
        before.shown.splitlines(keepends=True), after.shown.splitlines(keepends=True), name, name
    )
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def shown(folder: Path, file: Path, content: bytes) -> str:
    """A camera's file with passwords masked; empty where it is no YAML."""
    return _written(folder, file, content).shown


def write(file: Path, content: bytes) -> None:
    """Replace a camera's file, its mode kept.

    Raises:
        InputError: It cannot be written; says how it could be.
    """
    try:
        target = file.resolve()
        write_atomically(target, content, mode=target.stat().st_mode & 0o777)
    except OSError as why:
        raise InputError(
            f"{file}: cannot be written: {why.strerror}; let the service write there, "
            f"or edit the file by hand"
        ) from why


def _file_of(folder: Path, camera: str) -> Path:
    """The file that says it is this camera's; of one that cannot be read, the name counts."""
    by_name = None
    for file in camera_files(folder):
        document = read(file, _Unresolved(folder))
        mark = document.marks.get(("camera",))
        if mark and mark.text == camera:
            return file
        if not mark and file.stem == camera:
            by_name = file
    if by_name is None:
        raise InputError(f"no file in {folder / 'cameras'} is camera {camera}'s")
    return by_name


def _written(folder: Path, file: Path, content: bytes) -> Written:
    document = parse(content, file, _Unresolved(folder))
    appliance = read(folder / "appliance.yaml", _Unresolved(folder))
    own = document.data if isinstance(document.data, dict) else {}
    below = layered(document, appliance).data
    blocks = below if isinstance(below, dict) else {}
    name = blocks.get("name")
    return Written(
        file,
        content,
        hashlib.sha256(content).hexdigest(),
        {key: blocks.get(key) for key in DRAWN},
        {key: own.get(key) for key in DRAWN},
        _shown(document, content),
        name if isinstance(name, str) else "",
    )


def _shown(document: Document, content: bytes) -> str:
    if document.data is None:
        return ""
    text = content.decode("utf-8-sig")
    places = spans(text)
    # A password over several lines is one value; those in one line are masked within it.
    several = {
        path: HIDDEN
        for path in document.in_clear
        if path in places and "\n" in text[slice(*places[path])].strip()
    }
    text = replaced(text, several)
    text = "".join(masked(line) for line in text.splitlines(keepends=True))
    for secret, stands_for in document.secrets:
        if stands_for == HIDDEN and len(secret) > 3:
            text = text.replace(secret, HIDDEN)
    return text


def _others(folder: Path, file: Path, content: bytes) -> Any:
    data = parse(content, file, _Unresolved(folder)).data
    return {key: value for key, value in data.items() if key not in DRAWN} if data else data


def _at_home(problem: Problem, copy: Path, folder: Path) -> Problem:
    def home(text: str) -> str:
        return text.replace(str(copy), str(folder))

    return replace(
        problem, file=home(problem.file), cause=home(problem.cause), remedy=home(problem.remedy)
    )
