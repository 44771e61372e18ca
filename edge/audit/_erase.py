"""Erase: personal parts of records, in place; what the tree is made of stays, and so do proofs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from edge.audit import _folder
from edge.audit._log import AuditLog
from edge.errors import AuditError

_MOST_PAIRS = 1000  # in one record; more are said in several


def erase(log: AuditLog, numbers: Iterable[int], facts: Mapping[str, object]) -> int:
    """Erase what is kept apart of some records, salts included, and record that.

    The record comes first: after a crash in between, erase the same again.

    Args:
        log: The log they are in.
        numbers: Of records; those without a personal part, or with an erased one, are passed over.
        facts: Who asks, and why.

    Returns:
        How many were erased.

    Raises:
        AuditError: The disk does not take it.
    """
    found = _present(log.folder, set(numbers))
    pairs = _pairs(sorted(n for places in found.values() for n in places))
    for k in range(0, len(pairs), _MOST_PAIRS):
        log.append("personal.erased", {**facts, "records": pairs[k : k + _MOST_PAIRS]})
    try:
        for first, places in found.items():
            _overwrite(_folder.personal_file(log.folder, first), places)
    except OSError as exc:
        raise AuditError(f"{exc.filename or log.folder}: {exc.strerror}; erase them again") from exc
    return sum(map(len, found.values()))


def _present(folder: Path, wanted: set[int]) -> dict[int, dict[int, list[tuple[int, int]]]]:
    """Where each part lies: by file, by number, place and length of every line of it."""
    found: dict[int, dict[int, list[tuple[int, int]]]] = {}
    for first in _folder.segments(folder):
        path = _folder.personal_file(folder, first)
        if not path.exists() or not any(first <= n < first + _folder.SEGMENT for n in wanted):
            continue
        place = 0
        with path.open("rb") as file:
            for line, is_whole in _folder.lines(file):
                n = _folder.number(line)
                if n in wanted and line.rstrip(b" ") != _folder.erased_line(n):
                    found.setdefault(first, {}).setdefault(n, []).append((place, len(line)))
                place += len(line) + is_whole
    return found


def _overwrite(path: Path, places: Mapping[int, list[tuple[int, int]]]) -> None:
    handle = os.open(path, os.O_WRONLY)
    try:
        for n, lines in places.items():
            for place, length in lines:
                os.pwrite(handle, _folder.erased_line(n).ljust(length), place)
        os.fsync(handle)
    finally:
        os.close(handle)


def _pairs(numbers: list[int]) -> list[tuple[int, int]]:
    """Runs of numbers, as first and last."""
    pairs: list[tuple[int, int]] = []
    for n in numbers:
        if pairs and pairs[-1][1] == n - 1:
            pairs[-1] = (pairs[-1][0], n)
        else:
            pairs.append((n, n))
    return pairs
