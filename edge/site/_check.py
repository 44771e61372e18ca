"""A line of doctor's report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Level: TypeAlias = Literal["green", "amber", "red"]


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report.

    Attributes:
        name: What was examined, such as `camera high-street-north`.
        level: `green` works, `amber` works with a reservation, `red` does not.
        found: What was found, in words.
        remedy: What to do; empty on green.
        is_missing: Something is to be installed or fetched, and `remedy` is the command.
    """

    name: str
    level: Level
    found: str
    remedy: str = ""
    is_missing: bool = False
