"""Kept pictures: the one people are shown of an event, from the evidence on this disk.

Only `<event>.jpg`, in which people are hidden as the policy says. Clean pictures and clips are for
the evidence role, which the device page does not know: `edge evidence export`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

from edge.evidence import sidecar as sidecars
from edge.evidence.sealed import Key, plain

_EVENT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class KeptPictures:
    """Reads the vault; writes nothing.

    Args:
        folder: `storage.path/evidence`; need not exist.
        key: What it is encrypted with; None where it is not.
    """

    def __init__(self, folder: Path, key: Key | None) -> None:
        self._folder = folder
        self._key = key

    def of(self, event: str) -> bytes | None:
        """The JPEG shown of an event; None where none was kept, or it has been erased.

        Args:
            event: Its id.

        Raises:
            EvidenceError: It is encrypted and cannot be opened, or was changed.
        """
        if not _EVENT.fullmatch(event):
            return None
        for path in self._places(event):
            try:
                if sidecars.read(path.with_name(path.name + ".json")).media == "snapshot":
                    return b"".join(plain(path, self._key, path.name))
            except FileNotFoundError:  # erased meanwhile
                continue
        return None

    def _places(self, event: str) -> Iterator[Path]:
        """Where it may lie: by the day of its id, or a day beside it around midnight."""
        at_ms = int(event[:13].replace("-", ""), 16)
        try:
            at = datetime.fromtimestamp(at_ms / 1000, timezone.utc)
            days = [at + timedelta(days=n) for n in (0, -1, 1)]
        except (OverflowError, ValueError):  # no time anybody lives to see
            return
        for day in days:
            yield from (self._folder / f"{day:%Y-%m-%d}").glob(f"*/{event}.jpg")
