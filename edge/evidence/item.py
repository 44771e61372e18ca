"""Item: one piece of evidence as it lies in the vault."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge.evidence.sidecar import Sidecar, sidecar_path


@dataclass(frozen=True, slots=True)
class Item:
    """A media file that has a sidecar.

    Attributes:
        sidecar: What is known of it.
        path: The media file.
        stored_bytes: What both take on the disk, in whole blocks of 4 KiB.
        sent: Names of the other sides that have it.
    """

    sidecar: Sidecar
    path: Path
    stored_bytes: int
    sent: tuple[str, ...] = ()

    @property
    def sidecar_path(self) -> Path:
        """The sidecar's file."""
        return sidecar_path(self.path)


@dataclass(frozen=True, slots=True)
class Broken:
    """What should be an item and is none.

    Attributes:
        path: The sidecar.
        why: What is wrong, in words.
    """

    path: Path
    why: str
