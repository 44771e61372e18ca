"""Seal: passwords that are written out in the files move to `secrets.yaml`.

Boundary: writes the configuration folder. The whole value that holds a password becomes a secret,
named after its camera and place, and `!secret NAME` stands where it was; everything else in the
files stays as it is. The secrets are on disk before a file names them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edge.config.credentials import FILE, Secrets
from edge.config.edit import replaced, spans
from edge.config.folder import files
from edge.config.marks import read
from edge.config.problem import KeyPath
from edge.config.schema import Storage
from edge.errors import ConfigError
from edge.files import write_atomically

APPLIANCE = "appliance.yaml"


@dataclass(frozen=True, slots=True)
class Sealed:
    """A value that was moved, or could not be.

    Attributes:
        file: Where it stood.
        path: Its keys, joined by dots.
        secret: The name it has in `secrets.yaml`; empty where it was left alone.
        why_not: Why it was left alone.
    """

    file: Path
    path: str
    secret: str = ""
    why_not: str = ""


def seal(folder: Path) -> list[Sealed]:
    """Move every password in the clear.

    Args:
        folder: The configuration folder.

    Returns:
        What was found, in the order of files and lines; empty where there is nothing to do.

    Raises:
        ConfigError: `secrets.yaml` cannot be used, or a file cannot be written; nothing was lost.
    """
    secrets = Secrets(folder)
    known = secrets.names()
    if secrets.problem is not None:
        raise ConfigError(str(secrets.problem))
    found: list[Sealed] = []
    new: dict[str, str] = {}
    edited: dict[Path, str] = {}
    for file in files(folder):
        document = read(file, secrets)
        if not document.in_clear or document.data is None:
            continue
        text = file.read_text("utf-8-sig")
        stands = spans(text)
        places: dict[KeyPath, str] = {}
        for path in document.in_clear:
            begin, end = stands[path]
            if "${" in text[begin:end]:
                why = "part of it is a reference; put the whole address into secrets.yaml by hand"
                found.append(Sealed(file, _dotted(path), why_not=why))
                continue
            name = secret_name(file, path, {*known, *new})
            new[name] = document.marks[path].text
            places[path] = f"!secret {name}"
            found.append(Sealed(file, _dotted(path), name))
        edited[file] = replaced(text, places)
    try:
        if new:
            append(folder / FILE, new, reader(folder))
        for file, text in edited.items():
            mode = file.stat().st_mode & 0o777
            write_atomically(file, text.encode(), mode=mode, owner=file)
    except OSError as why:
        raise ConfigError(f"{why.filename or folder}: {why.strerror}; check its owner") from why
    return found


def secret_name(file: Path, path: KeyPath, taken: set[str]) -> str:
    """Such as `mqtt.password` or `high-street-north.source.url`."""
    parts = [] if file.name == APPLIANCE else [file.stem]
    name = ".".join([*parts, *map(str, path)])
    name = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in name)
    n = 2
    unique = name
    while unique in taken:
        unique, n = f"{name}-{n}", n + 1
    return unique


def reader(folder: Path) -> Path:
    """Whose `secrets.yaml` has to be: the service's, also where root writes it.

    Args:
        folder: The configuration folder.

    Returns:
        What the service's user owns: the folder of its data; where there is none yet, the
        configuration's own file.
    """
    data = read(folder / APPLIANCE, Secrets(folder)).data
    said = data.get("storage") if isinstance(data, dict) else None
    path = said.get("path") if isinstance(said, dict) else None
    storage = folder / (path if isinstance(path, str) else Storage.model_fields["path"].default)
    return storage if storage.is_dir() else folder / APPLIANCE


def append(file: Path, new: Mapping[str, str], owner: Path | None = None) -> None:
    """Write more secrets down; what root writes stays readable by the service.

    Args:
        file: `secrets.yaml`; made where there is none.
        new: Values by names that it does not have.
        owner: Whose a new file is; see `edge.files.write_atomically`.

    Raises:
        OSError: It could not be written, and is as it was.
    """
    before = file.read_text("utf-8") if file.exists() else ""
    if before and not before.endswith("\n"):
        before += "\n"
    # A JSON text is a YAML text in double quotes: any character may be in a password.
    lines = "".join(f"{name}: {json.dumps(value)}\n" for name, value in new.items())
    kept = file if file.exists() else owner
    write_atomically(file, (before + lines).encode(), mode=0o600, owner=kept)


def _dotted(path: KeyPath) -> str:
    return ".".join(map(str, path))
