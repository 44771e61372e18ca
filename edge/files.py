"""Files: written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def write_atomically(
    file: Path, content: bytes, *, mode: int, owner: Path | None = None, is_new: bool = False
) -> None:
    """Replace a file; after a crash or power cut it is the old one or the new one.

    Args:
        file: What to write; its folder exists.
        content: All of it.
        mode: Permissions of the new file, also while it is being written.
        owner: For root, who may give files away: the file or folder whose owner and group the new
            file has; None leaves it root's.
        is_new: There must be none yet.

    Raises:
        FileExistsError: There is one, and `is_new`.
        OSError: It could not be written; the old file is as it was.
    """
    part = file.with_name(f".{file.name}.new")
    try:
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(handle, "wb") as out:
            os.fchmod(handle, mode)  # the umask, or a file left by a crash, may have said otherwise
            if owner is not None and os.geteuid() == 0:
                like = owner.stat()
                os.fchown(handle, like.st_uid, like.st_gid)
            out.write(content)
            out.flush()
            os.fsync(handle)
        if is_new:
            os.link(part, file)
            part.unlink()
        else:
            part.replace(file)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    sync_folder(file.parent)


def sync_folder(folder: Path) -> None:
    """See to it that the names in a folder survive a power cut.

    Raises:
        OSError: They may not.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def nearest(path: Path) -> Path:
    """A path itself, or the folder above it that exists and would hold it."""
    return next(place for place in (path, *path.parents) if place.exists())
