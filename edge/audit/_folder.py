"""Folder: how the log lies on disk, and reading it. docs/audit.md describes it to the byte.

records-<first>.jsonl    65 536 records each, one a line
personal-<first>.jsonl   what is kept apart of the same records
tree                     the hashes of all complete nodes, in the order of their completion
heads                    signed heads, one after the other
log.vkey, log.key        who signs them, one key a line; the private half never leaves the box
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from edge.audit import _merkle
from edge.audit._note import Head, PublicKey, parse_head, parse_key
from edge.audit._record import Record, as_record, parsed
from edge.errors import AuditError, InputError

SEGMENT = 1 << 16
"""Records in a file: a complete subtree, so that files can be checked apart from each other."""

FOLDER = "audit"
TREE, HEADS, PRIVATE_KEY, PUBLIC_KEY, LOCK, COSIGNED = (
    "tree", "heads", "log.key", "log.vkey", "lock", "cosigned",
)  # fmt: skip
MOST = 1 << 17
"""Bytes of a line that is read at all."""


def records_file(folder: Path, first: int) -> Path:
    """Where records from a multiple of `SEGMENT` on are."""
    return folder / f"records-{first:010d}.jsonl"


def personal_file(folder: Path, first: int) -> Path:
    """Where their personal parts are."""
    return folder / f"personal-{first:010d}.jsonl"


def segments(folder: Path) -> list[int]:
    """First numbers of the files there are, in order."""
    found = (file.name[8:-6] for file in folder.glob("records-*.jsonl"))
    return sorted(int(name) for name in found if name.isascii() and name.isdigit())


def lines(file: BinaryIO) -> Iterator[tuple[bytes, bool]]:
    """Each line without its end, and whether it has one; the last may lack it."""
    while line := file.readline(MOST):
        is_whole = line.endswith(b"\n")
        yield (line[:-1] if is_whole else line), is_whole


def log_keys(folder: Path) -> list[PublicKey]:
    """Who signs a log's heads, as its folder says: every key it ever had, the newest last.

    Raises:
        InputError: There is no log.
    """
    file = folder / PUBLIC_KEY
    try:
        return [parse_key(line) for line in file.read_text("ascii").splitlines(keepends=True)]
    except OSError as exc:
        raise InputError(
            f"{folder}: no audit log here ({PUBLIC_KEY}: {exc.strerror}); expected the folder "
            "`audit` of a box's storage.path, or a copy of it"
        ) from exc
    except ValueError as exc:
        raise InputError(f"{file}: {exc}") from exc


def head_notes(folder: Path, end: int | None = None) -> Iterator[str]:
    """The texts of all signed heads, the oldest first, not verified; none where no file is.

    Args:
        folder: The log's.
        end: Bytes of the file to read; None for all.

    Raises:
        ValueError: The last one is not whole, or something is not UTF-8.
    """
    note, n_empty, place = b"", 0, 0
    try:
        with (folder / HEADS).open("rb") as file:
            for line in file:
                place += len(line)
                if end is not None and place > end:
                    return
                n_empty += line == b"\n"
                if n_empty == 2:
                    yield note.decode()
                    note, n_empty = b"", 0
                else:
                    note += line
    except FileNotFoundError:
        return
    if note:
        raise ValueError("the last head is not whole")


def last_head(folder: Path) -> tuple[Head | None, int]:
    """The newest head that is whole, not verified, and where it ends in the file.

    Returns:
        None and 0 where there is none; what lies behind the end was torn by a crash.
    """
    try:
        with (folder / HEADS).open("rb") as file:
            start = max(0, file.seek(0, 2) - 4096)
            file.seek(start)
            tail = file.read()
    except FileNotFoundError:
        return None, 0
    pieces = tail.split(b"\n\n")  # body, signatures, body, signatures, and nothing at the end
    end = start + len(tail) - len(pieces[-1])
    for k in range(len(pieces) - 2, 0, -1):
        try:
            return parse_head(b"\n\n".join(pieces[k - 1 : k + 1]).decode() + "\n"), end
        except ValueError:
            end -= len(pieces[k]) + 2
    return None, 0


class Tree:
    """The file of the nodes' hashes, for reading."""

    def __init__(self, folder: Path) -> None:
        self._file = (folder / TREE).open("rb")

    def __call__(self, level: int, index: int) -> bytes:
        """The hash of a complete node.

        Raises:
            AuditError: It is not in the file.
        """
        self._file.seek(_merkle.place(level, index) * _merkle.HASH_BYTES)
        found = self._file.read(_merkle.HASH_BYTES)
        if len(found) != _merkle.HASH_BYTES:
            raise AuditError(f"{self._file.name}: it ends before node {index} of level {level}")
        return found

    def close(self) -> None:
        """Let go of it."""
        self._file.close()


_NUMBERED = re.compile(rb'\{"n":(0|[1-9][0-9]{0,15}),"personal":\{')


def number(line: bytes) -> int | None:
    """Which record a line of a personal file belongs to; None where it cannot be read."""
    if quick := _NUMBERED.match(line):  # a year has millions of them
        return int(quick[1])
    try:
        n = json.loads(line)["n"]
    except (ValueError, KeyError, TypeError):
        return None
    return n if type(n) is int else None


def erased_line(n: int) -> bytes:
    """What stands for a personal part that was erased; spaces follow, to the old length."""
    return b'{"erased":true,"n":%d}' % n


def personal_parts(folder: Path, first: int) -> dict[int, dict[str, Any]]:
    """What is kept apart of one file's records, by number; empty where the file is not there.

    An erased one has `erased`. A line that cannot be read is left out; of two
    for one record the later counts, for a crash may have come between a part and its record.
    """
    found: dict[int, dict[str, Any]] = {}
    try:
        with personal_file(folder, first).open("rb") as file:
            for line, _ in lines(file):
                try:
                    part = json.loads(line)
                    found[part["n"]] = part
                except (ValueError, KeyError, TypeError):
                    continue
    except FileNotFoundError:
        pass
    return found


def read(folder: Path, first: int = 0) -> Iterator[Record]:
    """Read records in order, one file's personal parts at a time in memory; verifies nothing.

    Args:
        folder: The log's.
        first: Number to begin with.

    Raises:
        AuditError: A line is not a record; `edge audit verify` says more.
    """
    for start in segments(folder):
        if start + SEGMENT <= first:
            continue
        apart = personal_parts(folder, start)
        path = records_file(folder, start)
        with path.open("rb") as file:
            for k, (line, is_whole) in enumerate(islice(lines(file), max(0, first - start), None)):
                if not is_whole:
                    return  # being written
                n = max(start, first) + k
                try:
                    record = parsed(line)
                    part = apart.get(record["n"], {})
                    yield as_record(record, part.get("personal", {}), is_erased="erased" in part)
                except (ValueError, KeyError, TypeError) as wrong:
                    raise AuditError(f"{path}: record {n}: {wrong}") from wrong
