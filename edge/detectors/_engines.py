"""Engines: files built on this box for this box, and the proof that one may be used.

Boundary: the only reader and writer of `<storage>/engines`. An engine is machine code for one
device, one library version and one network; loaded elsewhere it crashes or, worse, answers. So
each file begins with a line that says what it was built from and for, and it is given to a
library only if that is this box and its SHA-256 is right. No vendor library is known here.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import BinaryIO

from edge.errors import ModelError, ModelMismatch, ModelMissing

MAGIC = b"edge engine 1\n"
"""First line of a file. The number changes when an old file could be misread, and when a backend
makes another engine of the same ONNX file: then all are built again."""

PART = ".build-"
"""How a file's name begins until all of it is written."""

HEADER_BYTES = 4096
"""Longest header that is read: ten times what one takes, so that a stranger's file ends soon."""


@dataclass(frozen=True, slots=True)
class EngineKey:
    """What an engine was built from and for; all of it must match.

    Attributes:
        model: Name of the card; for messages.
        model_sha256: Of the ONNX file it was built from.
        backend: Kind of the detector.
        version: Of the library behind it.
        device: What it runs on, such as `Orin (sm 8.7, 8 multiprocessors)`.
        precision: `fp32`, `fp16` or `int8`.
    """

    model: str
    model_sha256: str
    backend: str
    version: str
    device: str
    precision: str

    @property
    def file_name(self) -> str:
        """`<model-hash>-<backend+version>-<device>-<precision>.engine`, fit for any disk."""
        parts = (f"{self.backend}-{self.version}", self.device, self.precision)
        return "-".join((self.model_sha256[:16], *map(_plain, parts))) + ".engine"

    @property
    def build_command(self) -> str:
        """What a technician types to have this engine."""
        return f"edge model build {self.model} --kind {self.backend} --precision {self.precision}"

    def __str__(self) -> str:
        return f"{self.precision} for {self.device}, {self.backend} {self.version}"


class EngineStore:
    """Engines on disk.

    Args:
        folder: Where they lie; made when the first is kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def has(self, key: EngineKey) -> bool:
        """Whether there is a usable engine; reads one header, so it may be asked at every start.

        The content is proven only by `read`.
        """
        try:
            with self._path(key).open("rb") as file:
                self._check(file, key)
        except (OSError, ModelError):
            return False
        return True

    def read(self, key: EngineKey) -> bytes:
        """The engine's content, for the library.

        Raises:
            ModelMissing: None was built for this box; names those that are there.
            ModelMismatch: The file of this name was built from or for something else.
            ModelError: It is damaged or cannot be read.
        """
        path = self._path(key)
        try:
            with path.open("rb") as file:
                sha256 = self._check(file, key)
                content = file.read()
        except FileNotFoundError:
            raise ModelMissing(
                f"no engine of {key.model} for this box in {self.folder}: expected {key}; "
                f"got {self._others(key)}; run `{key.build_command}`"
            ) from None
        except OSError as exc:
            raise ModelError(
                f"{path} cannot be read ({exc.strerror}); check that the user running edge may "
                f"read it, or run `{key.build_command}`"
            ) from exc
        got = hashlib.sha256(content).hexdigest()
        if got != sha256:
            raise ModelError(
                f"{path} is damaged: expected SHA-256 {sha256}, got {got}; "
                f"run `{key.build_command}`"
            )
        return content

    def keep(self, key: EngineKey, content: bytes) -> Path:
        """Write an engine so that a power cut leaves the old one, the new one or none.

        Raises:
            ModelError: The disk is full or the folder may not be written to.
        """
        sha256 = hashlib.sha256(content).hexdigest()
        told = {**asdict(key), "n_bytes": len(content), "sha256": sha256}
        return self._write(key.file_name, MAGIC + json.dumps(told).encode() + b"\n" + content)

    def notes(self, key: EngineKey) -> bytes:
        """What the library learnt in earlier builds on this device; empty if nothing."""
        try:
            return (self.folder / _notes_name(key)).read_bytes()
        except OSError:
            return b""

    def keep_notes(self, key: EngineKey, content: bytes) -> None:
        """Keep what the library learnt, for the next build.

        Raises:
            ModelError: The disk is full or the folder may not be written to.
        """
        self._write(_notes_name(key), content)

    def _path(self, key: EngineKey) -> Path:
        return self.folder / key.file_name

    def _check(self, file: BinaryIO, key: EngineKey) -> str:
        """Compare a file's header with a key; leaves the file at the content, returns its hash."""
        built, n_bytes, sha256 = _header(file)
        if built != key:
            raise ModelMismatch(
                f"{file.name} was built for something else: expected {key} from {key.model} "
                f"{key.model_sha256[:8]}; got {built} from {built.model} "
                f"{built.model_sha256[:8]}; run `{key.build_command}`"
            )
        got = os.fstat(file.fileno()).st_size - file.tell()
        if got != n_bytes:
            raise ModelError(
                f"{file.name} is damaged: expected {n_bytes} bytes of engine, got {got}; "
                f"run `{key.build_command}`"
            )
        return sha256

    def state(self, key: EngineKey) -> str:
        """What there is for this box, in a few words.

        Returns:
            `built`; or `none was built`, `stale: ...` (another version or other weights, same
            device), `foreign: ...` (built for another device), `damaged: ...`.
        """
        try:
            with self._path(key).open("rb") as file:
                self._check(file, key)
        except FileNotFoundError:
            pass
        except ModelMismatch as exc:
            return f"foreign: {exc}".rpartition("; ")[0]
        except (OSError, ModelError) as exc:
            return f"damaged: {exc}".rpartition("; ")[0]
        else:
            return "built"
        others = [other for other in self._headers("*.engine") if _is_predecessor(other, key)]
        same_device = [other for other in others if other.device == key.device]
        if same_device:
            return f"stale: there is one of {_told(same_device[-1])}"
        if others:
            return f"foreign: there is one of {_told(others[-1])}"
        return "none was built"

    def _others(self, key: EngineKey) -> str:
        return "; ".join(map(str, self._built_from(key.model_sha256))) or "none at all"

    def _built_from(self, model_sha256: str) -> Iterator[EngineKey]:
        return self._headers(f"{model_sha256[:16]}-*.engine")

    def _headers(self, pattern: str) -> Iterator[EngineKey]:
        for path in sorted(self.folder.glob(pattern)):
            try:
                with path.open("rb") as file:
                    yield _header(file)[0]
            except (OSError, ModelError):
                continue

    def _write(self, name: str, content: bytes) -> Path:
        target = self.folder / name
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            descriptor, part = tempfile.mkstemp(dir=self.folder, prefix=PART)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                Path(part).chmod(0o644)  # the daemon's user is seldom the one who builds
                Path(part).replace(target)
            finally:
                Path(part).unlink(missing_ok=True)
            _sync(self.folder)
        except OSError as exc:
            raise ModelError(
                f"{target} cannot be written: {exc.strerror}; free space on the disk, or run as a "
                "user who may write there"
            ) from exc
        return target


def _header(file: BinaryIO) -> tuple[EngineKey, int, str]:
    """What a file says it is: key, bytes and SHA-256 of the engine that follows."""
    try:
        if file.readline(len(MAGIC)) != MAGIC:
            raise ValueError  # noqa: TRY301 - one message for every way of being a stranger
        told = json.loads(file.readline(HEADER_BYTES))
        key = EngineKey(**{field.name: str(told[field.name]) for field in fields(EngineKey)})
        return key, int(told["n_bytes"]), str(told["sha256"])
    except (ValueError, KeyError, TypeError) as exc:
        raise ModelError(
            f"{file.name} is no engine of ours: expected a first line {MAGIC.decode().strip()!r} "
            "and a second that says what it was built for; remove it and build it again"
        ) from exc


def _is_predecessor(other: EngineKey, key: EngineKey) -> bool:
    """Whether it does the same work, for another box, version or file."""
    mine = (key.model, key.backend, key.precision)
    return (other.model, other.backend, other.precision) == mine


def _told(key: EngineKey) -> str:
    return f"{key.model} {key.model_sha256[:8]}, {key}"


def _notes_name(key: EngineKey) -> str:
    return f"{_plain(f'{key.backend}-{key.version}')}-{_plain(key.device)}.notes"


def _plain(text: str) -> str:
    """Letters, digits, dots and single dashes."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-")


def _sync(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
