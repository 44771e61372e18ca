"""Bundle: what a file says it is, and whether that is something for this box.

A bundle is a tar made by scripts/build-bundle whose first member is `release.json`; beside it lies
`NAME.tar.minisig`.
"""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.errors import InputError
from edge.update.signature import PublicKey, read_public_key, read_signature, verify

RELEASE = "release.json"
FORMAT = 1
MAX_UNHASHED = 1 << 30
"""A signature of old form is of the whole file, which must fit into memory then."""

_VERSION = re.compile(
    r"[0-9]+(\.[0-9]+)*((a|b|rc)[0-9]+)?(\.post[0-9]+)?(\.dev[0-9]+)?(\+[a-z0-9.]+)?"
)


@dataclass(frozen=True)
class Release:
    """What `release.json` says.

    Attributes:
        version: Of the program.
        machine: Of `uname -m`.
        python: Major and minor, such as `3.11`.
    """

    version: str
    machine: str
    python: str


@dataclass(frozen=True)
class Box:
    """What a bundle has to fit.

    Attributes:
        machine: As `uname -m` says.
        python: Of the system, major and minor.
        version: Of the release in service; empty where there is none.
    """

    machine: str
    python: str
    version: str


def trusted_keys(folder: Path) -> list[PublicKey]:
    """The keys a box trusts: every `*.pub` in a folder; none where there is no folder.

    Raises:
        InputError: One of them is none.
    """
    return [
        read_public_key(file.read_text(errors="replace"), file.name)
        for file in sorted(folder.glob("*.pub"))
    ]


def check_signature(bundle: Path, signature: Path, keys: Sequence[PublicKey]) -> str:
    """Who signed a bundle, and their trusted comment.

    Raises:
        InputError: Nobody did who may.
    """
    try:
        signed = read_signature(signature.read_text(errors="replace"), signature.name)
    except FileNotFoundError:
        raise InputError(
            f"{bundle.name} has no signature: expected {signature.name} beside it; nothing was "
            "installed"
        ) from None
    if signed.is_prehashed:
        digest = hashlib.blake2b()
        with bundle.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
        content = digest.digest()
    elif bundle.stat().st_size > MAX_UNHASHED:
        raise InputError(f"{bundle.name} is too large for a signature of old form; sign it anew")
    else:
        content = bundle.read_bytes()
    key = verify(signed, keys, content, bundle.name)
    return f"{signed.comment} (key {key.name})"


def read_release(bundle: Path) -> Release:
    """What a bundle says it is.

    Raises:
        InputError: It is no bundle, or one of another time.
    """
    try:
        with tarfile.open(bundle, "r:") as tar:
            member = tar.next()
            file = (
                tar.extractfile(member) if member is not None and member.name == RELEASE else None
            )
            said = json.loads(file.read(1 << 20)) if file is not None else None
    except (tarfile.TarError, ValueError, EOFError) as exc:
        raise InputError(f"{bundle.name} is no bundle, or is damaged ({exc})") from exc
    if not isinstance(said, dict):
        raise InputError(f"{bundle.name} is no bundle: expected {RELEASE} as its first file")
    if said.get("format") != FORMAT:
        raise InputError(
            f"{bundle.name} has format {said.get('format')}, this release reads {FORMAT}; install "
            "a release in between first"
        )
    release = Release(*(str(said.get(field)) for field in ("version", "machine", "python")))
    if not _VERSION.fullmatch(release.version):
        raise InputError(f"{bundle.name}: {release.version!r} is no version")
    return release


def check_fits(release: Release, box: Box, *, allow_older: bool) -> None:
    """Whether a release can run on a box, and is no step back.

    Raises:
        InputError: It cannot, or is.
    """
    if release.machine != box.machine:
        raise InputError(
            f"the bundle is for {release.machine}, this box is {box.machine}; take the other file"
        )
    if release.python != box.python:
        raise InputError(
            f"the bundle is for Python {release.python}, this box has {box.python}; take the other "
            "file"
        )
    if box.version and ordered(release.version) < ordered(box.version) and not allow_older:
        raise InputError(
            f"the bundle is release {release.version}, older than {box.version} in service; old "
            "releases have known faults. If you mean it: --allow-older"
        )


def ordered(version: str) -> tuple[tuple[int, ...], int, int, int, int]:
    """A key that sorts versions as people do: 0.9 < 0.10.dev1 < 0.10rc1 < 0.10 < 0.10.post1."""
    numbers = re.match(r"[0-9]+(?:\.[0-9]+)*", version)
    release = [int(part) for part in numbers[0].split(".")] if numbers else []
    while release and release[-1] == 0:
        release.pop()
    before = re.search(r"(a|b|rc)([0-9]+)", version)
    post, dev = re.search(r"\.post([0-9]+)", version), re.search(r"\.dev([0-9]+)", version)
    stage = {"a": 1, "b": 2, "rc": 3}[before[1]] if before else 0 if dev and not post else 4
    return (
        tuple(release),
        stage,
        int(before[2]) if before else 0,
        int(post[1]) if post else -1,
        int(dev[1]) if dev else 1 << 30,
    )
