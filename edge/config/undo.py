"""Undo: what camera files said before changes made on the device page, the last twenty of each.

Boundary: keeps copies in `storage.path`, readable by the service alone, beside the history.
"""

from __future__ import annotations

from pathlib import Path

from edge.files import write_atomically

N_KEPT = 20


class Undo:
    """Copies by camera, the newest last.

    Args:
        storage: `storage.path` of the configuration.
    """

    def __init__(self, storage: Path) -> None:
        self._folder = storage / "undo"

    def push(self, camera: str, content: bytes, after: str) -> None:
        """Keep what a file said.

        Args:
            camera: The camera's id.
            content: What it said.
            after: SHA-256 of what it says now, in hex.

        Raises:
            OSError: It cannot be kept.
        """
        folder = self._folder / camera
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        kept = self._kept(camera)
        number = int(kept[-1].name.partition("-")[0]) + 1 if kept else 1
        write_atomically(folder / f"{number:08d}-{after}.yaml", content, mode=0o600)
        for old in kept[: len(kept) + 1 - N_KEPT]:
            old.unlink(missing_ok=True)

    def last(self, camera: str) -> bytes | None:
        """What the file said before the last change; None where there was none."""
        kept = self._kept(camera)
        return kept[-1].read_bytes() if kept else None

    def after(self, camera: str) -> str:
        """SHA-256 of what the last change made of the file; empty where there was none."""
        kept = self._kept(camera)
        return kept[-1].stem.partition("-")[2] if kept else ""

    def pop(self, camera: str) -> None:
        """Forget the last change: it was taken back."""
        for file in self._kept(camera)[-1:]:
            file.unlink(missing_ok=True)

    def _kept(self, camera: str) -> list[Path]:
        return sorted((self._folder / camera).glob("*-*.yaml"))
