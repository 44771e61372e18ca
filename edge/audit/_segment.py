"""Segment: checks one file of records by itself.

Its lines, its personal parts, its share of the tree and the heads that were signed inside of it.

Runs in a process of its own where there are several; holds one file's hashes (4 MiB), no records.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge.audit import _folder, _merkle
from edge.audit._keys import verify
from edge.audit._merkle import HASH_BYTES, Frontier, folded, leaf_hash
from edge.audit._note import Head, PublicKey, parse_head
from edge.audit._record import is_committed
from edge.audit._shape import Shapes


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was written.

    Attributes:
        n: Record it concerns; the first, where it may be one of several.
        words: What is wrong.
    """

    n: int
    words: str

    def __str__(self) -> str:
        """For people."""
        return f"record {self.n}: {self.words}"


@dataclass(frozen=True, slots=True)
class Job:
    """What to check.

    Attributes:
        folder: The log's.
        first: Number of the file's first record.
        notes: Heads whose newest record is in the file, in order.
        keys: Who may have signed them.
        records_end: Bytes to read; None for all.
        personal_end: Likewise, of the personal parts.
        tree_end: Likewise, of the tree; 0 where there is none.
    """

    folder: Path
    first: int
    notes: tuple[str, ...]
    keys: tuple[PublicKey, ...]
    records_end: int | None
    personal_end: int | None
    tree_end: int


@dataclass(slots=True)
class Checked:
    """What was found.

    Attributes:
        first: Number of the first record.
        n: Records.
        findings: The first of each sort.
        heads: Each head, and the hash over this file's part of it, if there is any; None where the
            signature is wrong.
        roots: Roots of the complete subtrees of the whole file.
        kinds: Records by kind.
        gaps: Records that say that others are missing, with why.
        erased: Numbers whose personal part was erased.
        erasures: Numbers that `personal.erased` records name, as pairs of first and last.
        n_kept_back: Personal parts that are not here, in a copy without them.
    """

    first: int
    n: int = 0
    findings: list[Finding] = field(default_factory=list)
    heads: list[tuple[Head, tuple[bytes, ...] | None]] = field(default_factory=list)
    roots: tuple[bytes, ...] = ()
    kinds: Counter[str] = field(default_factory=Counter)
    gaps: list[tuple[int, str]] = field(default_factory=list)
    erased: list[int] = field(default_factory=list)
    erasures: list[tuple[int, int]] = field(default_factory=list)
    n_kept_back: int = 0


def check(job: Job) -> Checked:
    """Check one file."""
    done = Checked(job.first)
    said: set[str] = set()

    def find(sort: str, n: int, words: str) -> None:
        if sort not in said:
            said.add(sort)
            done.findings.append(Finding(n, words))

    heads = _signed(job, done)
    tree = Frontier()
    nodes = bytearray()
    shapes, kinds = Shapes(), done.kinds
    apart = _Apart(job, done, find)
    for n, line in enumerate(_until(_folder.records_file(job.folder, job.first), job.records_end),
                             job.first):  # fmt: skip
        if n == job.first + _folder.SEGMENT:
            find("length", n, f"it stands in a file that holds {_folder.SEGMENT}")
            break
        if not line.endswith(b"\n"):
            find("line", n, "it is cut off in the middle")
            break
        record = line[:-1]
        nodes += b"".join(tree.append(leaf_hash(record)))
        done.n += 1
        try:
            number, kind, commitment, facts = shapes.read(record)
        except ValueError as wrong:
            find("line", n, str(wrong))
        else:
            kinds[kind] += 1
            _note(number, kind, facts, done)
            if number == n:
                apart.compare(n, commitment)
            else:
                find("line", n, f"record {number} stands in its place")
        while heads and heads[-1].size == n + 1:
            done.heads.append((heads.pop(), (folded(tree.roots),)))
    apart.end()
    done.heads += [(head, ()) for head in reversed(heads)]  # over records that are not here
    done.roots = tree.roots
    _compare_tree(job, bytes(nodes), done.n, find)
    return done


def _until(path: Path, end: int | None) -> Iterator[bytes]:
    """Lines of a file with their ends, up to a place that is the end of one."""
    left = path.stat().st_size if end is None else end
    with path.open("rb") as file:
        while line := file.readline(_folder.MOST):
            left -= len(line)
            if left < 0:
                return
            yield line


def _signed(job: Job, done: Checked) -> list[Head]:
    """The heads whose signature is right, the last first; the others are noted as wrong."""
    good = []
    for note in job.notes:
        head = parse_head(note)
        if any(head.is_signed_by(key, verify) for key in job.keys):
            good.append(head)
        else:
            done.heads.append((head, None))
    return good[::-1]


def _note(n: int, kind: str, facts: Mapping[str, Any], done: Checked) -> None:
    if kind == "log.gap":
        done.gaps.append((n, str(facts.get("reason", ""))))
    elif kind == "personal.erased":
        done.erasures += [(int(first), int(last)) for first, last in facts.get("records", ())]


def _compare_tree(job: Job, nodes: bytes, n: int, find: Any) -> None:
    """Compare the hashes of the records that are here with those that were kept."""
    if not job.tree_end:
        return
    with (job.folder / _folder.TREE).open("rb") as file:
        file.seek(_merkle.n_complete(job.first) * HASH_BYTES)
        kept = file.read(min(len(nodes), max(0, job.tree_end - file.tell())))
    if kept == nodes:
        return
    same = next(
        (k for k in range(0, len(nodes), HASH_BYTES) if nodes[k : k + 32] != kept[k : k + 32]),
        len(nodes),
    )
    leaf = bisect_right(range(n + 1), same // HASH_BYTES, key=_merkle.n_complete) - 1
    find("tree", job.first + leaf, f"its hash is not the one in `{_folder.TREE}`")


class _Apart:
    """The personal parts of a file, read along with its records."""

    def __init__(self, job: Job, done: Checked, find: Any) -> None:
        self._done, self._find = done, find
        path = _folder.personal_file(job.folder, job.first)
        self._is_here = path.exists()
        lines = _until(path, job.personal_end) if self._is_here else iter(())
        self._parts = _last_of_each(lines)
        self._next = next(self._parts, None)

    def compare(self, n: int, commitment: object) -> None:
        """Compare a record's commitment, which may be None, with its part."""
        while self._next is not None and self._next[0] < n:
            self._stray(self._next[0], n)
        if commitment is None:
            return
        if not self._is_here:
            self._done.n_kept_back += 1
            return
        if self._next is None or self._next[0] != n:
            self._find("personal", n, "its personal part is gone, and not by an erasure")
            return
        line = self._next[1]
        self._next = next(self._parts, None)
        if line.startswith(b'{"erased"') and line.rstrip(b" ") == _folder.erased_line(n):
            self._done.erased.append(n)
        elif not is_committed(line, n, commitment):
            self._find("personal", n, "its personal part is not the one it was written with")

    def end(self) -> None:
        """What is left belongs to no record; that of the next one was written, and it was not."""
        if self._next is None:
            return
        n = self._done.first + self._done.n
        if self._next[0] == n:
            self._find("personal", n, "a personal part whose record was cut off")
        else:
            self._stray(self._next[0], n)

    def _stray(self, found: int, n: int) -> None:
        at = found if found >= self._done.first else n
        self._find("personal", at, "a personal part that belongs to no record, or cannot be read")
        self._next = next(self._parts, None)


def _last_of_each(lines: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    """The last line for each number; -1 for what cannot be read."""
    held: tuple[int, bytes] | None = None
    for line in lines:
        number = _folder.number(line) if line.endswith(b"\n") else None
        if number is None:
            number = -1
        if held is not None and held[0] != number:
            yield held
        held = number, line.removesuffix(b"\n")
    if held is not None:
        yield held
