"""Check an export of evidence: python3 verify.py [FOLDER or ZIP].

Needs Python 3.8 or newer and nothing else; this file travels with every export as `verify.py`.
Names each file that was changed, is missing or was added. Exits with 0 where there is none, else 1.

`SHA256SUMS` lists every other file, as `sha256sum -c SHA256SUMS` checks too, and ends with the
digest of itself. Whoever changed a file and the list with it is found by the digest of the list,
printed at the end: compare it with the one noted when the export was made.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import zipfile
import zlib
from pathlib import Path
from typing import IO

SUMS = "SHA256SUMS"
LINE = re.compile(r"([0-9a-f]{64})  (.+)")
OWN = re.compile(rb"# this list: ([0-9a-f]{64})\n")
UNREADABLE = (OSError, ValueError, RuntimeError, EOFError, KeyError, zipfile.BadZipFile, zlib.error)


class Export:
    """The files of an export, in a folder or a zip."""

    def __init__(self, place: Path) -> None:
        self.zip = zipfile.ZipFile(place) if place.is_file() else None
        self.place = place
        if self.zip:
            self.names = [name for name in self.zip.namelist() if not name.endswith("/")]
        else:
            found = (path for path in sorted(place.rglob("*")) if not path.is_dir())
            self.names = [path.relative_to(place).as_posix() for path in found]

    def open(self, name: str) -> IO[bytes]:
        """A file's content."""
        return self.zip.open(name) if self.zip else (self.place / name).open("rb")

    def digest(self, name: str) -> str:
        """SHA-256 of a file."""
        with self.open(name) as content:
            return digest_of(content)

    def read(self, name: str) -> bytes:
        """All of a small file."""
        with self.open(name) as content:
            return content.read()


def digest_of(content: IO[bytes]) -> str:
    """SHA-256 of what is left to read."""
    found = hashlib.sha256()
    for chunk in iter(lambda: content.read(1 << 20), b""):
        found.update(chunk)
    return found.hexdigest()


def listed(content: bytes) -> dict[str, str] | None:
    """What SHA256SUMS says: (digest by name), or None where it was changed itself."""
    *_, last = content.splitlines(keepends=True) or [b""]
    own = OWN.fullmatch(last)
    body = content[: len(content) - len(last)]
    if not own or own.group(1).decode() != hashlib.sha256(body).hexdigest():
        return None
    return entries(body)


def entries(content: bytes) -> dict[str, str]:
    """Digest by name, of the lines that can be read."""
    lines = (LINE.fullmatch(line) for line in content.decode("utf-8", "replace").splitlines())
    return {line.group(2): line.group(1) for line in lines if line}


def check(place: Path) -> tuple[list[str], str]:
    """What is wrong with an export: a list of "name: what"; and the digest of its list."""
    try:
        export = Export(place)
        content = export.read(SUMS)
    except UNREADABLE as exc:
        return [f"{place.name}: cannot be read as an export: {exc}"], ""
    problems = []
    sums = listed(content)
    if sums is None:
        problems.append(f"{SUMS}: changed: its own digest differs; what follows may be its fault")
        sums = entries(content)
    there = set(export.names)
    problems += [f"{name}: missing" for name in sorted(set(sums) - there)]
    problems += [f"{name}: not part of the export" for name in sorted(there - set(sums) - {SUMS})]
    problems += [f"{name}: there twice" for name in there if export.names.count(name) > 1]
    for name in sorted(set(sums) & there):
        problems += fault(export, name, sums)
    return problems + beside(place), hashlib.sha256(content).hexdigest()


def fault(export: Export, name: str, sums: dict[str, str]) -> list[str]:
    """What is wrong with one file: none or one."""
    try:
        if export.digest(name) != sums[name]:
            return [f"{name}: changed: its SHA-256 is not the one in {SUMS}"]
        if name.startswith("media/") and name.endswith(".json"):
            said = json.loads(export.read(name))
            media = name[: -len(".json")]
            if sums.get(media, said["sha256"]) != said["sha256"]:
                return [f"{media}: its SHA-256 is not the one in its sidecar"]
    except UNREADABLE as exc:
        return [f"{name}: cannot be read: {exc}"]
    return []


def beside(place: Path) -> list[str]:
    """What is wrong with a zip as a whole, by the digest that lies beside it."""
    noted = place.with_name(place.name + ".sha256")
    if not place.is_file() or not noted.is_file():
        return []
    with place.open("rb") as content:
        found = digest_of(content)
    if noted.read_bytes() == f"{found}  {place.name}\n".encode():
        return []
    return [f"{place.name}: changed, or {noted.name} was: they do not agree"]


def main() -> int:
    """Check, and say what was found."""
    default = Path(__file__).resolve().parent
    place = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    problems, digest = check(place)
    for problem in problems:
        sys.stdout.write(f"WRONG  {problem}\n")
    verdict = f"{len(problems)} problems" if problems else "every file is as it was exported"
    sys.stdout.write(f"{verdict}\ndigest of the list: {digest or 'none'}\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
