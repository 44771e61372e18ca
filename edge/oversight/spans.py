"""Spans: stretches of time, put together and taken away. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

Span = tuple[datetime, datetime]
"""From and to; empty where `to` is not after `from`."""


def union(spans: Iterable[Span]) -> list[Span]:
    """The same times, in order and without overlap."""
    found: list[Span] = []
    for begin, end in sorted(span for span in spans if span[0] < span[1]):
        if found and begin <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((begin, end))
    return found


def common(first: Iterable[Span], second: Iterable[Span]) -> list[Span]:
    """Times that are in both."""
    one, two = union(first), union(second)
    found = [(max(a[0], b[0]), min(a[1], b[1])) for a in one for b in two]
    return union(found)


def without(spans: Iterable[Span], taken: Iterable[Span]) -> list[Span]:
    """Times of the first that are not in the second."""
    left: list[Span] = union(spans)
    for begin, end in union(taken):
        left = [
            part
            for a, b in left
            for part in ((a, min(b, begin)), (max(a, end), b))
            if part[0] < part[1]
        ]
    return left


def hours(spans: Sequence[Span]) -> float:
    """How long they are together; of overlapping ones, unite them first."""
    return sum((end - begin).total_seconds() for begin, end in spans) / 3600
