"""Draft: a media file while it is written; it has its name only once it is whole and on the disk.

A crash leaves a hidden `.part`, or a media file without a sidecar: nothing lists either, and
`sweep` removes them at the next start.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from edge.evidence.sidecar import MODE, sidecar_path
from edge.files import sync_folder

PART = ".part"


class Draft:
    """A new file, hashed on its way to the disk.

    Args:
        path: Its name once it is kept; folders are made.

    Attributes:
        n_bytes: Written so far.

    Raises:
        OSError: It cannot be made.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.n_bytes = 0
        self._part = path.with_name(f".{path.name}{PART}")
        self._digest = hashlib.sha256()
        handle = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, MODE)
        self._file = os.fdopen(handle, "wb", buffering=0)

    def write(self, block: bytes, /) -> int:
        """Append a block.

        Raises:
            OSError: The disk is full or fails.
        """
        view = memoryview(block)
        while view:  # an unbuffered file may take less than it is given
            written = self._file.write(view)
            view = view[written:]
        self._digest.update(block)
        self.n_bytes += len(block)
        return len(block)

    @property
    def sha256(self) -> str:
        """Hex digest of what was written."""
        return self._digest.hexdigest()

    def keep(self) -> None:
        """See it through to the disk, then give it its name.

        Raises:
            OSError: It did not get there; the draft is gone.
        """
        try:
            os.fsync(self._file.fileno())
            self._file.close()
            self._part.replace(self.path)
            sync_folder(self.path.parent)  # before the sidecar that vouches for it
        except OSError:
            self.discard()
            raise

    def discard(self) -> None:
        """Remove it; safe to call twice, and after a failure."""
        try:
            self._file.close()
        finally:
            self._part.unlink(missing_ok=True)


def sweep(evidence: Path) -> int:
    """Remove what a crash left behind; only while nobody writes.

    Args:
        evidence: `storage.path/evidence`.

    Returns:
        How many files were removed: drafts, and media that have no sidecar.

    Raises:
        OSError: A folder cannot be read or a file not removed.
    """
    n_removed = 0
    for file in evidence.glob("*/*/*"):
        is_draft = file.name.startswith(".")
        is_media = file.suffix in (".mp4", ".jpg")
        if is_draft or (is_media and not sidecar_path(file).exists()):
            file.unlink(missing_ok=True)
            n_removed += 1
    return n_removed
