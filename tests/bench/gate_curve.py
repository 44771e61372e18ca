"""The trade-off of the gate's settings as a picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT, LEFT, TOP, BOTTOM, GAP = 250, 170, 46, 58, 40, 44
LINES = (
    ("busy", "#8a8a8a", "looked at, busy clips"),
    ("quiet", "#1f77b4", "looked at, quiet scenes with weather"),
    ("lost", "#c1272d", "lost: events, or pictures of a walker"),
)


@dataclass(frozen=True)
class Point:
    """What one value of a setting led to; shares of what `always` does.

    Attributes:
        value: Of the setting.
        busy: Looks at the clips.
        quiet: Looks at the quiet scenes.
        lost: The larger of events missing and pictures of the walker not looked at.
    """

    value: float
    busy: float
    quiet: float
    lost: float


def drawn(settings: Mapping[str, Sequence[Point]], default: Mapping[str, Any]) -> str:
    """An SVG with one panel a setting, its default marked.

    Args:
        settings: By name, in rising order of value.
        default: The value each has if nobody sets it.
    """
    wide = LEFT + len(settings) * (WIDTH + GAP)
    high = TOP + HEIGHT + BOTTOM
    box = f'viewBox="0 0 {wide} {high}" font-family="sans-serif" font-size="11"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {box}>',
        f'<rect width="{wide}" height="{high}" fill="#fff"/>',
    ]
    for number, (_, colour, words) in enumerate(LINES):
        x = LEFT + 290 * number
        parts.append(f'<rect x="{x}" y="12" width="14" height="4" fill="{colour}"/>')
        parts.append(f'<text x="{x + 20}" y="18">{words}</text>')
    for number, (name, points) in enumerate(settings.items()):
        parts += _panel(LEFT + number * (WIDTH + GAP), name, points, default[name])
    return "\n".join([*parts, "</svg>", ""])


def _panel(left: float, name: str, points: Sequence[Point], default: float) -> list[str]:
    foot = TOP + HEIGHT
    parts = [f'<text x="{left}" y="{TOP - 12}" font-weight="bold">{name}</text>']
    for percent in (0, 25, 50, 75, 100):
        y = foot - HEIGHT * percent / 100
        parts.append(f'<path d="M{left} {y:.1f}h{WIDTH}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{percent} %</text>')
    at = {point.value: left + x for point, x in zip(points, _across(points), strict=True)}
    for value, x in at.items():
        weight = ' font-weight="bold"' if value == default else ""
        parts.append(f'<text x="{x:.1f}" y="{foot + 16}" text-anchor="middle"{weight}>{value:g}')
        parts.append("</text>")
        if value == default:
            parts.append(f'<path d="M{x:.1f} {TOP}v{HEIGHT}" stroke="#bbb" stroke-dasharray="3"/>')
    for key, colour, _ in LINES:
        corners = " ".join(
            f"{at[point.value]:.1f},{foot - HEIGHT * getattr(point, key):.1f}" for point in points
        )
        parts.append(
            f'<polyline points="{corners}" fill="none" stroke="{colour}" stroke-width="2"/>'
        )
    return parts


def _across(points: Sequence[Point]) -> list[float]:
    """Where each value stands: by its logarithm where none is 0."""
    values = [point.value for point in points]
    if min(values) > 0:
        values = [math.log(value) for value in values]
    low, high = min(values), max(values)
    return [WIDTH * (0.06 + 0.88 * (value - low) / (high - low)) for value in values]
