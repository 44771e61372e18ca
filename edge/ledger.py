"""Ledger: which numbers of which box have arrived, and which are missing. Pure.

A box numbers its messages without a gap, so what is missing here was lost, or is still on its way:
alerts overtake when a box has been away. What a full outbox threw away the box says itself.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Arrival: TypeAlias = Literal["new", "late", "duplicate", "conflict"]
"""new: above all before; late: fills a gap or comes before the first; duplicate: was here already;
conflict: the number was here under another id, so two boxes share one name."""

_MOST_IDS = 200_000
"""Ids remembered of each box, to tell a duplicate from a conflict."""


@dataclass(frozen=True, slots=True)
class Account:
    """What is known of one box's numbers.

    Attributes:
        first: Lowest number that arrived.
        last: Highest.
        n_arrived: How many different ones.
        n_duplicates: How many came again.
        n_conflicts: How many came again under another id.
        missing: Ranges of numbers that did not arrive, ends included.
        declared: Those among them that the box itself has said it threw away.
    """

    first: int
    last: int
    n_arrived: int
    n_duplicates: int
    n_conflicts: int
    missing: tuple[tuple[int, int], ...]
    declared: tuple[tuple[int, int], ...]

    @property
    def is_whole(self) -> bool:
        """Nothing is missing that the box has not said itself, and no number came twice over."""
        return self.missing == self.declared and not self.n_conflicts


@dataclass
class _Box:
    """Numbers as ranges: [starts[i], ends[i]] have arrived."""

    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    ids: dict[int, str] = field(default_factory=dict)
    lost: list[tuple[int, int]] = field(default_factory=list)
    n_duplicates: int = 0
    n_conflicts: int = 0


class Ledger:
    """The numbers of all boxes heard."""

    def __init__(self) -> None:
        self._boxes: dict[str, _Box] = {}

    def note(self, box: str, seq: int, id_: str) -> tuple[Arrival, tuple[int, int] | None]:
        """Take in one message.

        Args:
            box: Its site and node.
            seq: Its number.
            id_: Its id.

        Returns:
            What kind of arrival it is, and the first and last number of the gap it opens, or None.
        """
        found = self._boxes.setdefault(box, _Box())
        at = bisect_right(found.starts, seq) - 1
        if at >= 0 and seq <= found.ends[at]:
            if found.ids.get(seq, id_) != id_:
                found.n_conflicts += 1
                return "conflict", None
            found.n_duplicates += 1
            return "duplicate", None
        is_newest = not found.ends or seq > found.ends[-1]
        gap = (found.ends[-1] + 1, seq - 1) if is_newest and found.ends else None
        self._insert(found, at, seq)
        found.ids[seq] = id_
        if len(found.ids) > _MOST_IDS:
            found.ids.pop(next(iter(found.ids)))
        return "new" if is_newest else "late", gap if gap and gap[0] <= gap[1] else None

    def has(self, box: str, seq: int) -> bool:
        """Whether a number has arrived."""
        found = self._boxes.get(box, _Box())
        at = bisect_right(found.starts, seq) - 1
        return at >= 0 and seq <= found.ends[at]

    def lose(self, box: str, first: int, last: int) -> None:
        """The box says that it threw away some numbers of a range."""
        self._boxes.setdefault(box, _Box()).lost.append((first, last))

    def accounts(self) -> dict[str, Account]:
        """How it stands with each box that sent something, by site and node."""
        return {name: _account(box) for name, box in sorted(self._boxes.items()) if box.starts}

    @staticmethod
    def _insert(box: _Box, at: int, seq: int) -> None:
        joins_left = at >= 0 and box.ends[at] == seq - 1
        joins_right = at + 1 < len(box.starts) and box.starts[at + 1] == seq + 1
        if joins_left and joins_right:
            box.ends[at] = box.ends.pop(at + 1)
            box.starts.pop(at + 1)
        elif joins_left:
            box.ends[at] = seq
        elif joins_right:
            box.starts[at + 1] = seq
        else:
            box.starts.insert(at + 1, seq)
            box.ends.insert(at + 1, seq)


def _account(box: _Box) -> Account:
    missing = tuple(
        (end + 1, start - 1) for end, start in zip(box.ends[:-1], box.starts[1:], strict=True)
    )
    declared = tuple(
        gap
        for gap in missing
        if any(first <= gap[0] and gap[1] <= last for first, last in box.lost)
    )
    n_arrived = sum(end - start + 1 for start, end in zip(box.starts, box.ends, strict=True))
    return Account(
        box.starts[0],
        box.ends[-1],
        n_arrived,
        box.n_duplicates,
        box.n_conflicts,
        missing,
        declared,
    )
