"""Verify: whether a copy of the log is what was written, offline; names the first bad record.

Boundary: reads a folder and says what it found; changes nothing.
"""

from __future__ import annotations

import fcntl
import os
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

from edge.audit import _folder, _merkle
from edge.audit._keys import verify as is_signature
from edge.audit._merkle import HASH_BYTES, Frontier, folded
from edge.audit._note import Head, PublicKey, parse_head
from edge.audit._segment import Checked, Finding, Job, check
from edge.errors import InputError

_MOST_UNCOVERED = 4096  # records; the writer signs after 256, but a second may bring many


@dataclass(slots=True)
class Verdict:
    """What a check of a log found.

    Attributes:
        n: Records.
        head: The newest head whose signature is right and whose records are here.
        n_heads: Heads that are right.
        findings: What is wrong, the first record first; none where all is well.
        kinds: Records by kind.
        gaps: Records that say that others are missing, with why.
        n_erased: Personal parts that were erased, and said to be.
        n_kept_back: Personal parts that the copy does not have.
        is_tree_here: The copy has the tree, so that records after the newest head are covered too.
        keys: Who was trusted to sign.
        is_key_given: They were given, and not taken from the copy itself.
    """

    n: int = 0
    head: Head | None = None
    n_heads: int = 0
    findings: list[Finding] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    gaps: list[tuple[int, str]] = field(default_factory=list)
    n_erased: int = 0
    n_kept_back: int = 0
    is_tree_here: bool = False
    keys: tuple[PublicKey, ...] = ()
    is_key_given: bool = False

    @property
    def is_sound(self) -> bool:
        """Nothing is wrong."""
        return not self.findings


def verify(
    folder: Path,
    keys: Sequence[PublicKey] = (),
    against: Sequence[Head] = (),
    processes: int | None = None,
) -> Verdict:
    """Check every record, the tree, every head and every personal part.

    Args:
        folder: The log's, or a copy. One that is being written is read as it is at the moment.
        keys: Who may sign; empty trusts what the folder says.
        against: Heads from elsewhere: the broker, a witness, an earlier copy.
        processes: At once; None for one a core.

    Raises:
        InputError: There is no log here.
    """
    here = _folder.log_keys(folder)
    trusted = tuple(keys) or tuple(here)
    verdict = Verdict(keys=trusted, is_key_given=bool(keys))
    known = {key.key for key in trusted}
    if here[-1].key not in known:
        verdict.findings.append(
            Finding(0, f"the log's newest key {here[-1]} is not one of those given")
        )
    ends = _ends(folder)
    verdict.is_tree_here = ends.tree > 0
    whole = _Whole(folder, ends, verdict, against)
    for checked in _all_checked(_jobs(folder, ends, trusted, verdict), processes):
        whole.take(checked)
    whole.end()
    verdict.findings.sort(key=lambda finding: finding.n)
    return verdict


@dataclass(frozen=True, slots=True)
class _Ends:
    """How long the files are, at one moment."""

    segments: tuple[int, ...]
    records: int
    personal: int
    tree: int
    heads: int


def _ends(folder: Path) -> _Ends:
    lock = -1
    with suppress(OSError):  # a copy may be read only, or without the lock
        lock = os.open(folder / _folder.LOCK, os.O_RDWR)
        fcntl.flock(lock, fcntl.LOCK_SH)
    try:
        found = _folder.segments(folder)
        last = found[-1] if found else 0
        return _Ends(
            tuple(found),
            _size(_folder.records_file(folder, last)),
            _size(_folder.personal_file(folder, last)),
            _size(folder / _folder.TREE),
            _size(folder / _folder.HEADS),
        )
    finally:
        if lock >= 0:
            os.close(lock)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


class _Whole:
    """Puts together what was found in each file."""

    def __init__(
        self, folder: Path, ends: _Ends, verdict: Verdict, against: Sequence[Head]
    ) -> None:
        self._folder, self._ends, self._verdict = folder, ends, verdict
        self._against = against
        self._files = Frontier()  # over the files that are full
        self._full: list[bytes] = []  # the same, as roots of complete subtrees
        self._erased: list[int] = []
        self._erasures: list[tuple[int, int]] = []
        self._good = 0  # size of the newest head that is right
        self._tail: tuple[bytes, ...] = ()

    def take(self, checked: Checked) -> None:
        """The next file's."""
        verdict = self._verdict
        if checked.first != verdict.n:  # a file is missing, or records of the one before
            verdict.findings.append(
                Finding(verdict.n, f"it is missing, with all up to {checked.first - 1}")
            )
        verdict.n = checked.first + checked.n
        verdict.findings += checked.findings
        verdict.kinds += checked.kinds
        verdict.gaps += checked.gaps
        verdict.n_kept_back += checked.n_kept_back
        self._erased += checked.erased
        self._erasures += checked.erasures
        before = self._files.roots
        for head, inside in checked.heads:
            self._judge(head, before, inside, checked)
        if checked.n == _folder.SEGMENT:
            self._close_file(checked)
            self._tail = ()
        else:
            self._tail = checked.roots

    def _judge(
        self,
        head: Head,
        before: Sequence[bytes],
        inside: tuple[bytes, ...] | None,
        checked: Checked,
    ) -> None:
        verdict = self._verdict
        if inside is None:
            self._find(head, "by none of the keys")
        elif head.origin != verdict.keys[-1].name:
            self._find(head, f"for another log, {head.origin}")
        elif head.size > checked.first + checked.n:
            verdict.findings.append(
                Finding(
                    checked.first + checked.n,
                    f"it is missing, with all up to {head.size - 1}: a head was signed over "
                    f"{head.size} records",
                )
            )
        elif folded([*before, *inside]) != head.root:
            first = self._good
            if not any(first <= finding.n < head.size for finding in verdict.findings):
                verdict.findings.append(
                    Finding(
                        first,
                        f"it, or one of those up to {head.size - 1}, is not the one that was "
                        f"signed: the head over {head.size} records has another root",
                    )
                )
        elif head.size <= self._good:
            self._find(head, f"after one over {self._good}")
        else:
            self._good = head.size
            verdict.head = head
            verdict.n_heads += 1

    def _find(self, head: Head, words: str) -> None:
        self._verdict.findings.append(
            Finding(max(0, head.size - 1), f"the head over {head.size} records is signed {words}")
        )

    def _close_file(self, checked: Checked) -> None:
        """A full file is one leaf of the tree above; its nodes are compared with those kept."""
        completed = self._files.append(checked.roots[0])[1:]
        last = checked.first + checked.n - 1
        level = (_folder.SEGMENT - 1).bit_length()
        if not self._ends.tree or not completed:
            return
        place = (_merkle.place(0, last) + level + 1) * HASH_BYTES
        with (self._folder / _folder.TREE).open("rb") as file:
            file.seek(place)
            if file.read(len(completed) * HASH_BYTES) != b"".join(completed):
                self._verdict.findings.append(
                    Finding(last, f"the nodes above it are not those in `{_folder.TREE}`")
                )

    def end(self) -> None:
        """What concerns the whole log."""
        verdict = self._verdict
        kept = self._ends.tree
        if kept > _merkle.n_complete(verdict.n) * HASH_BYTES:
            verdict.findings.append(
                Finding(verdict.n, f"it is missing: `{_folder.TREE}` goes on after the last record")
            )
        elif kept == 0 and verdict.n and (self._folder / _folder.TREE).exists():
            verdict.findings.append(Finding(0, f"`{_folder.TREE}` is empty"))
        if self._ends.heads == 0 and (
            (self._folder / _folder.HEADS).exists() or verdict.n > _MOST_UNCOVERED
        ):
            verdict.findings.append(Finding(0, "no head covers it, nor any other record"))
        for head in self._against:
            self._compare(head)
        unsaid = [n for n in self._erased if not any(a <= n <= b for a, b in self._erasures)]
        if unsaid and not verdict.findings:  # else the record that says so may be what is wrong
            verdict.findings.append(
                Finding(unsaid[0], "its personal part was erased, and no record says so")
            )
        verdict.n_erased = len(self._erased) - len(unsaid)

    def _compare(self, head: Head) -> None:
        """Compare with a head from elsewhere."""
        verdict = self._verdict
        if not any(head.is_signed_by(key, is_signature) for key in verdict.keys):
            self._find(head, "by none of the keys (it was given to compare with)")
        elif head.size > verdict.n:
            verdict.findings.append(
                Finding(
                    verdict.n,
                    f"it is missing, with all up to {head.size - 1}: a head from elsewhere was "
                    f"signed over {head.size} records",
                )
            )
        elif _root_at(self._folder, head.size) != head.root:
            verdict.findings.append(
                Finding(
                    0,
                    f"a fork: a head from elsewhere over {head.size} records has another root; one "
                    "of them was changed, and what was signed here was signed anew",
                )
            )


def _root_at(folder: Path, size: int) -> bytes:
    """Root of the first records, from themselves."""
    tree = Frontier()
    for first in _folder.segments(folder):
        with _folder.records_file(folder, first).open("rb") as file:
            for line, _ in _folder.lines(file):
                if tree.size == size:
                    return tree.root
                tree.append(_merkle.leaf_hash(line))
    return tree.root


def _jobs(
    folder: Path, ends: _Ends, keys: tuple[PublicKey, ...], verdict: Verdict
) -> Iterator[Job]:
    """One job a file, with the heads that were signed inside of it."""
    heads = _heads(folder, ends, verdict)
    waiting = next(heads, None)
    for first in ends.segments:
        is_last = first == ends.segments[-1]
        notes = []
        while waiting and (waiting[0] <= first + _folder.SEGMENT or is_last):
            notes.append(waiting[1])
            waiting = next(heads, None)
        yield Job(
            folder,
            first,
            tuple(notes),
            keys,
            ends.records if is_last else None,
            ends.personal if is_last else None,
            ends.tree,
        )


def _heads(folder: Path, ends: _Ends, verdict: Verdict) -> Iterator[tuple[int, str]]:
    size = k = 0
    try:
        for note in _folder.head_notes(folder, ends.heads):
            head = parse_head(note)
            size, k = head.size, k + 1
            yield size, note
    except ValueError as wrong:
        verdict.findings.append(
            Finding(size, f"head {k}, the first that may cover it, cannot be read: {wrong}")
        )


def _all_checked(jobs: Iterator[Job], processes: int | None) -> Iterator[Checked]:
    """Each job's result, in order."""
    first, second = next(jobs, None), next(jobs, None)
    if first is None:
        return
    if second is None or processes == 1:
        yield check(first)
        if second is not None:
            yield check(second)
        yield from map(check, jobs)
        return
    n = processes or os.cpu_count() or 1
    with ProcessPoolExecutor(n, mp_context=get_context("spawn")) as pool:
        running: deque[Future[Checked]] = deque()
        for job in (first, second):
            running.append(pool.submit(check, job))
        for job in jobs:
            if len(running) >= 2 * n:
                yield running.popleft().result()
            running.append(pool.submit(check, job))
        while running:
            yield running.popleft().result()


def head_in(file: Path) -> Head:
    """A head from a file: a checkpoint, or the retained message that carries one.

    Raises:
        InputError: It is neither.
    """
    import json

    try:
        text = file.read_text("utf-8")
        return parse_head(json.loads(text)["checkpoint"] if text.startswith("{") else text)
    except OSError as exc:
        raise InputError(f"{file}: {exc.strerror}") from exc
    except (ValueError, KeyError, TypeError) as exc:
        raise InputError(f"{file}: expected a checkpoint or a message of the audit topic") from exc
