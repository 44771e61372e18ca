"""Retention: what of the evidence has to go, and what is not begun, so that watching goes on.

Pure. Four reasons, in this order: its days are over, its camera's quota, the quota in all, the
disk is nearly full. Within each the oldest goes first; what is on legal hold never goes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from edge.evidence.item import Item
from edge.evidence.sidecar import Media, Sidecar

Why: TypeAlias = Literal["days", "camera quota", "quota", "disk"]

SPARED = timedelta(days=1)
"""Evidence younger than this is not erased for a disk that others have filled."""

ORDER: tuple[Media, ...] = ("clean", "clip", "snapshot")
"""What is no longer begun on a nearly full disk, the first first."""

_BACK = 1.25  # times the room at which it was stopped: no flutter around a threshold


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is kept, and for how long.

    Attributes:
        max_bytes: Most of all evidence.
        keep_days: Days, where nothing else is said for a purpose.
        keep_days_by_purpose: Days by the purpose of the rule.
        max_bytes_per_camera: Most of each camera; None for no such quota.
        max_bytes_by_camera: The same for single cameras.
        min_free_bytes: What is to stay free on the disk.
    """

    max_bytes: int
    keep_days: int
    keep_days_by_purpose: Mapping[str, int] = field(default_factory=dict)
    max_bytes_per_camera: int | None = None
    max_bytes_by_camera: Mapping[str, int] = field(default_factory=dict)
    min_free_bytes: int = 0

    def days(self, purpose: str | None) -> int:
        """Days that evidence of a purpose is kept."""
        return self.keep_days_by_purpose.get(purpose or "", self.keep_days)

    def camera_bytes(self, camera: str) -> int | None:
        """A camera's quota; None where it has none."""
        return self.max_bytes_by_camera.get(camera, self.max_bytes_per_camera)


def doomed(
    items: Sequence[Item],
    is_held: Callable[[Sidecar], bool],
    bounds: Bounds,
    now: datetime | None,
    free_bytes: int,
) -> list[tuple[Item, Why]]:
    """What has to go now.

    Args:
        items: All of it, in any order.
        is_held: Whether an item is on legal hold.
        bounds: How much is kept.
        now: UTC; None where the box does not know the time: then nothing goes for its age, or for
            the disk.
        free_bytes: Free on the disk.

    Returns:
        Items and why, in the order in which they are to go.
    """
    kept = sorted(items, key=lambda item: (item.sidecar.begin, item.sidecar.ref))
    gone: list[tuple[Item, Why]] = []

    def drop(which: Iterable[Item], why: Why, excess: float = float("inf")) -> None:
        """Take out the first unheld ones until so many bytes are free."""
        leaving: list[Item] = []
        for item in which:
            if excess <= 0:
                break
            if not is_held(item.sidecar):
                leaving.append(item)
                excess -= item.stored_bytes
        left = set(map(id, leaving))
        gone.extend((item, why) for item in leaving)
        kept[:] = [item for item in kept if id(item) not in left]

    if now is not None:
        drop([i for i in kept if now - i.sidecar.end > _days(bounds, i)], "days")
    for camera in dict.fromkeys(item.sidecar.camera for item in kept):
        most = bounds.camera_bytes(camera)
        if most is not None:
            own = [item for item in kept if item.sidecar.camera == camera]
            drop(own, "camera quota", total(own) - most)
    drop(list(kept), "quota", total(kept) - bounds.max_bytes)
    if now is not None:
        short = bounds.min_free_bytes - free_bytes - total(item for item, _ in gone)
        drop([i for i in kept if now - i.sidecar.end > SPARED], "disk", short)
    return gone


def _days(bounds: Bounds, item: Item) -> timedelta:
    return timedelta(days=bounds.days(item.sidecar.purpose))


def total(items: Iterable[Item]) -> int:
    """Bytes on the disk."""
    return sum(item.stored_bytes for item in items)


def withheld(free_bytes: int, min_free_bytes: int, before: Sequence[Media] = ()) -> list[Media]:
    """What is not begun for want of room on the disk, in the declared order.

    Args:
        free_bytes: Free on the disk.
        min_free_bytes: What is to stay free.
        before: What is withheld now; it comes back at a quarter more room.

    Returns:
        The first of `ORDER` below the room wanted, the first two below two thirds of it, all below
        one third.
    """
    steps = [min_free_bytes * share for share in (1.0, 2 / 3, 1 / 3)]
    return [
        media
        for media, room in zip(ORDER, steps, strict=True)
        if free_bytes < room * (_BACK if media in before else 1.0)
    ]
