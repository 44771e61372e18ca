"""Excerpt: records of the log that are about something, with proof that they are in it.

Boundary: reads a log that may be being written; changes nothing. Personal parts stay behind, but
for the hash of an event message, by which whoever has that message can see that it was recorded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from edge.audit import _folder, _merkle
from edge.audit._keys import verify
from edge.audit._note import parse_head, parse_key
from edge.audit._record import parsed
from edge.errors import AuditError

_SLACK = timedelta(days=1)
"""What a clock may have been stepped by between a scene and the record of it."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Some records, and what proves them.

    Attributes:
        lines: JSON each: `n`, `record` (its exact bytes, as text), `proof` (hex, RFC 6962 2.1.1,
            for the size of the head; none where the head does not cover it) and, for an event that
            has one, `personal` (that line, exact).
        head: The newest signed checkpoint; empty where nothing was signed yet.
        keys: Who signs, one vkey a line.
    """

    lines: tuple[bytes, ...]
    head: str
    keys: str


def excerpt(folder: Path, names: Iterable[str], since: datetime) -> Excerpt:
    """Find what the log says of some events, incidents and files.

    Args:
        folder: The log's.
        names: Their ids and refs.
        since: UTC when the oldest of it happened; what is older by a day is not read.

    Raises:
        InputError: There is no log here.
        AuditError: It cannot be read.
    """
    keys = "".join(f"{key}\n" for key in _folder.log_keys(folder))
    wanted = {name.encode() for name in names}
    try:
        head, _ = _folder.last_head(folder)
        size = head.size if head else 0
        lines = tuple(_lines(folder, wanted, since, size))
    except (OSError, ValueError, KeyError) as exc:
        raise AuditError(f"{folder}: {exc}; `edge audit verify` says more") from exc
    return Excerpt(lines, head.note if head else "", keys)


def is_signed(note: str, vkeys: str) -> str | None:
    """Which of some keys has signed a checkpoint; None where none has.

    Args:
        note: The checkpoint.
        vkeys: One a line.

    Raises:
        ValueError: One of them cannot be read.
    """
    head = parse_head(note)
    keys = map(parse_key, vkeys.splitlines())
    return next((str(key) for key in keys if head.is_signed_by(key, verify)), None)


def _lines(folder: Path, wanted: set[bytes], since: datetime, size: int) -> Iterator[bytes]:
    any_of = re.compile(b"|".join(map(re.escape, sorted(wanted))))
    tree = _folder.Tree(folder)
    try:
        for first in _read_from(folder, since):
            apart: dict[int, bytes] | None = None
            with _folder.records_file(folder, first).open("rb") as file:
                for line, is_whole in _folder.lines(file):
                    if not is_whole or not any_of.search(line):
                        continue
                    record = parsed(line)
                    n = record["n"]
                    told = {"n": n, "record": line.decode(), "proof": None}
                    if n < size:
                        proof = _merkle.inclusion_proof(n, size, tree)
                        told["proof"] = [node.hex() for node in proof]
                    if record["kind"] == "event" and "personal" in record:
                        apart = _personal(folder, first) if apart is None else apart
                        if n in apart:
                            told["personal"] = apart[n].decode()
                    yield json.dumps(told, ensure_ascii=False).encode()
    finally:
        tree.close()


def _read_from(folder: Path, since: datetime) -> list[int]:
    """Files that may hold something of that time: not those whose successor is older still."""
    found = _folder.segments(folder)
    while len(found) > 1:
        with _folder.records_file(folder, found[1]).open("rb") as file:
            line = file.readline()
        if not line:
            break
        at = datetime.fromisoformat(parsed(line[:-1])["at"].replace("Z", "+00:00"))
        if at + _SLACK >= since:
            break
        found.pop(0)
    return found


def _personal(folder: Path, first: int) -> dict[int, bytes]:
    """Lines of one file's personal parts that were not erased, by number; the later counts."""
    found: dict[int, bytes] = {}
    path = _folder.personal_file(folder, first)
    if path.exists():
        with path.open("rb") as file:
            for line, is_whole in _folder.lines(file):
                n = _folder.number(line)
                if is_whole and n is not None and line.startswith(b'{"n":'):
                    found[n] = line
    return found
