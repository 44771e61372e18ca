"""Table: figures that know the records behind them, in a form for machines and one for people.

Pure. A figure that few people are behind is not shown to the public.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

LEAST_SHOWN = 5
"""Counts of people's affairs below this, and above 0, are not published."""

LEAST_PUBLIC = 30
"""Objects below which a public table shows no miss rate of a group or a condition."""

NOT_PROVIDED = "NOT PROVIDED"
"""Where only the operator can say; text is never made up."""


@dataclass(frozen=True)
class Figure:
    """A number or word, and what it rests on.

    Attributes:
        value: As a machine reads it; None where there is nothing to say.
        records: Numbers of audit records.
        shown: As people read it; empty for the value itself.
        is_small: A count so small that the public is not shown it.
    """

    value: float | int | str | None
    records: tuple[int, ...] = ()
    shown: str = ""
    is_small: bool = False

    @property
    def text(self) -> str:
        """As people read it."""
        if self.shown:
            return self.shown
        if self.value is None:
            return "-"
        return f"{self.value:,.1f}" if isinstance(self.value, float) else str(self.value)


Cell: TypeAlias = "str | Figure"
Row: TypeAlias = dict[str, Cell]


@dataclass(frozen=True)
class Table:
    """Rows of one kind.

    Attributes:
        key: In the machine's form.
        title: For people.
        columns: Heading by key, in order.
        rows: Cell by column.
        note: What a reader must know; may be empty.
        chart: Column whose figures a chart shows; empty for none.
    """

    key: str
    title: str
    columns: Mapping[str, str]
    rows: Sequence[Mapping[str, Cell]]
    note: str = ""
    chart: str = ""


@dataclass(frozen=True)
class Report:
    """A month, for one audience.

    Attributes:
        title: What it is.
        audience: `public` or `committee`.
        facts: What is said at the top, by key.
        tables: In order.
    """

    title: str
    audience: str
    facts: Mapping[str, Cell]
    tables: Sequence[Table] = field(default_factory=tuple)


def counted(records: Iterable[int], *, is_public: bool, is_sensitive: bool = False) -> Figure:
    """How many records there are, as a figure.

    Args:
        records: Their numbers.
        is_public: For the public.
        is_sensitive: A small number might point to a person.
    """
    numbers = tuple(records)
    if is_public and is_sensitive and 0 < len(numbers) < LEAST_SHOWN:
        return Figure(None, (), f"fewer than {LEAST_SHOWN}", is_small=True)
    return Figure(len(numbers), numbers)


def ranges(records: Iterable[int]) -> list[tuple[int, int]]:
    """Numbers as ranges: 3, 4, 5, 9 is 3-5 and 9-9."""
    found: list[tuple[int, int]] = []
    for number in sorted(set(records)):
        if found and number == found[-1][1] + 1:
            found[-1] = found[-1][0], number
        else:
            found.append((number, number))
    return found


def plain(report: Report) -> dict[str, Any]:
    """The report as JSON has it: every figure with the ranges of records behind it."""
    return {
        "report": 1,
        "title": report.title,
        "audience": report.audience,
        **{key: _plain(cell) for key, cell in report.facts.items()},
        "tables": {
            table.key: {
                "title": table.title,
                **({"note": table.note} if table.note else {}),
                "rows": [{key: _plain(cell) for key, cell in row.items()} for row in table.rows],
            }
            for table in report.tables
        },
    }


def _plain(cell: Cell) -> Any:
    if isinstance(cell, str):
        return cell
    told: dict[str, Any] = {"value": cell.value}
    if cell.shown and cell.shown != str(cell.value):
        told["shown"] = cell.shown
    return {**told, "records": [list(pair) for pair in ranges(cell.records)]}
