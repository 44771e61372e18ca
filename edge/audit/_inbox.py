"""Inbox: what a command has to record while the daemon holds the log.

The log has one writer. A command leaves a file, whole or not at all, and the daemon records it
within a second, or at its next start; whoever can write here can write the log itself.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from edge.audit._record import KINDS
from edge.errors import AuditError
from edge.files import write_atomically

_NAME = "inbox"
_MOST_BYTES = 64 * 1024


def leave(folder: Path, kind: str, facts: Mapping[str, object]) -> None:
    """Leave something to be recorded.

    Args:
        folder: Of the log.
        kind: One of `KINDS`.
        facts: What happened; values that JSON does not know are written as text.

    Raises:
        AuditError: It could not be written; then nothing of it is there.
    """
    inbox = folder / _NAME
    name = f"{time.time_ns():020}-{os.getpid()}-{secrets.token_hex(4)}.json"  # by age
    content = json.dumps({"kind": kind, "facts": dict(facts)}, default=str).encode()
    try:
        inbox.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomically(inbox / name, content, mode=0o600)
    except OSError as exc:
        raise AuditError(f"{inbox}: {kind} cannot be left to be recorded: {exc.strerror}") from exc


def collect(folder: Path) -> Iterator[tuple[Path, str, Mapping[str, Any]]]:
    """What was left, oldest first; the caller removes each file once it is recorded.

    Yields:
        The file, its kind and its facts. What cannot be read is yielded as a `log.gap`.
    """
    for file in sorted((folder / _NAME).glob("[0-9]*.json")):
        try:
            with file.open("rb") as content:
                found = json.loads(content.read(_MOST_BYTES))
            kind, facts = found["kind"], dict(found["facts"])
        except (OSError, ValueError, KeyError, TypeError):
            kind, facts = "", {}
        if kind not in KINDS:
            reason = f"{file.name[:64]}, left by a command, says nothing that can be recorded"
            kind, facts = "log.gap", {"reason": reason, "lost": 1}
        yield file, kind, facts
