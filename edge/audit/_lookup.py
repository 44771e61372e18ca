"""Lookup: single facts out of a log that may be large: newest first, without reading all of it."""

from __future__ import annotations

import mmap
from datetime import datetime, timedelta, timezone
from pathlib import Path
from re import fullmatch

from edge.audit import _folder, _merkle
from edge.audit._folder import read
from edge.audit._keys import verify
from edge.audit._log import AuditLog
from edge.audit._note import WITNESS, Head, parse_head, parse_key
from edge.audit._record import parsed
from edge.errors import AuditError

_UUID7 = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
_SLACK = timedelta(days=1)  # between the time in an id and the time of its record


def has_event(folder: Path, event: str) -> bool:
    """Whether an event message of this id was recorded.

    Args:
        folder: The log's.
        event: A UUIDv7; its time tells which files need not be looked at.

    Raises:
        AuditError: The log cannot be read.
    """
    if fullmatch(_UUID7, event) is None:
        return False
    milliseconds = int(event[:8] + event[9:13], 16)
    decided = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(milliseconds=milliseconds)
    wanted = f'"id":"{event}"'.encode()
    try:
        for first in reversed(_folder.segments(folder)):
            with _folder.records_file(folder, first).open("rb") as file:
                line = file.readline()
                if not line:
                    continue
                with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                    if _is_of_event(content, wanted):
                        return True
                at = datetime.fromisoformat(parsed(line[:-1])["at"].replace("Z", "+00:00"))
                if at + _SLACK < decided:
                    return False
    except (OSError, OverflowError, ValueError) as exc:
        raise AuditError(f"{folder}: {exc}") from exc
    return False


def _is_of_event(content: mmap.mmap, wanted: bytes) -> bool:
    place = content.find(wanted)
    while place >= 0:
        end = content.find(b"\n", place)
        if b'"kind":"event"' in content[place:end]:
            return True
        place = content.find(wanted, end)
    return False


def last_number(folder: Path, size: int) -> int | None:
    """Number of the newest event message that the log knows of; None where it knows none.

    Args:
        folder: The log's.
        size: Records in it.

    Raises:
        AuditError: The log cannot be read.
    """
    end, step = size, 256
    while end > 0:
        first = max(0, end - step)
        for record in reversed([r for r in read(folder, first) if r.n < end]):
            if record.kind in ("event", "start") and isinstance(record.facts.get("seq"), int):
                return int(record.facts["seq"])
        end, step = first, step * 4
    return None


def heard_cosignature(vkey: str, note: str, log: AuditLog) -> Head:
    """What a witness says to have signed, where it is a head of this very log.

    Raises:
        ValueError: It is not; says why.
    """
    key, head = parse_key(vkey), parse_head(note)
    if key.type != WITNESS or not head.is_signed_by(key, verify):
        raise ValueError("it is not signed by the key it names")
    if head.origin != log.key.name or not head.is_signed_by(log.key, verify):
        raise ValueError("it is not a head that this log has signed")
    if head.size > log.size:
        raise ValueError(
            f"it is over {head.size} records, and there are {log.size}: some were lost"
        )
    tree = _folder.Tree(log.folder)
    try:
        if _merkle.root(head.size, tree) != head.root:
            raise ValueError(f"a fork: its root over {head.size} records is not this log's")
    finally:
        tree.close()
    return head
