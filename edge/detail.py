"""Detail: what so many pixels for a metre of target are good for, by IEC 62676-4.

Pure. The standard of 2014 (EN 62676-4:2015) and its successor of 2025 name other classes at other
figures. Sources disagree whether the second replaces the first or stands beside it, so both names
are said. They are about what a person sees in the picture, not about what a network detects.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

Detail: TypeAlias = Literal[
    "monitor", "detect", "observe", "recognise", "identify",
    "overview", "outline", "discern", "perceive", "characterise", "validate", "scrutinise",
]  # fmt: skip

DORI_2015: Mapping[Detail, float] = {
    "monitor": 12.5,
    "detect": 25.0,
    "observe": 62.5,
    "recognise": 125.0,
    "identify": 250.0,
}
"""Pixels for a metre, at least, by class of EN 62676-4:2015."""

CLASSES_2025: Mapping[Detail, float] = {
    "overview": 20.0,
    "outline": 40.0,
    "discern": 80.0,
    "perceive": 125.0,
    "characterise": 250.0,
    "validate": 500.0,
    "scrutinise": 1500.0,
}
"""Pixels for a metre, at least, by class of IEC 62676-4:2025."""

NEEDED: Mapping[Detail, float] = {**DORI_2015, **CLASSES_2025}
"""Pixels for a metre, at least, by the name of either edition."""


def classes(pixels_per_metre: float) -> tuple[Detail | None, Detail | None]:
    """The finest class of each edition that a figure reaches.

    Args:
        pixels_per_metre: NaN where there is no ground.

    Returns:
        Class of 2015 and class of 2025; None below the coarsest, and for NaN.
    """
    return _finest(DORI_2015, pixels_per_metre), _finest(CLASSES_2025, pixels_per_metre)


def density(least: float, most: float) -> str:
    """What a place shows, to three figures: `29.3`, or `55.6 to 116`.

    Alike as written is alike, whatever the last bits of a processor are.
    """
    low, high = f"{least:.3g}", f"{most:.3g}"
    return low if low == high else f"{low} to {high}"


def _finest(figures: Mapping[Detail, float], pixels_per_metre: float) -> Detail | None:
    reached = [name for name, least in figures.items() if pixels_per_metre >= least]
    return reached[-1] if reached else None
