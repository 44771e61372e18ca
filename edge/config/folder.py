"""Folder: which files make up a configuration, and the one digest that names it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from edge.admission.policy import FILE as POLICY


def files(folder: Path) -> Iterator[Path]:
    """The files of a configuration, `secrets.yaml` apart, in the order of their digest."""
    if (folder / "appliance.yaml").is_file():
        yield folder / "appliance.yaml"
    if (folder / POLICY).is_file():
        yield folder / POLICY
    yield from cameras(folder)


def cameras(folder: Path) -> list[Path]:
    """The cameras' files, by name; empty where there are none."""
    if not (folder / "cameras").is_dir():
        return []
    found = (folder / "cameras").iterdir()
    return sorted(p for p in found if p.suffix == ".yaml" and not p.name.startswith("."))


def digest(digests: Iterable[tuple[str, str]]) -> str:
    """One SHA-256 of several files.

    Args:
        digests: Name relative to the folder, and hex digest of its bytes, for each of `files`.
    """
    lines = (f"{name}\0{sha256}\n" for name, sha256 in digests)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def digest_on_disk(folder: Path) -> str:
    """The same of the files as they are on disk now.

    Raises:
        OSError: One of them cannot be read.
    """
    return digest(
        (
            file.relative_to(folder).as_posix(),
            hashlib.sha256(file.read_bytes()).hexdigest(),
        )
        for file in files(folder)
    )
