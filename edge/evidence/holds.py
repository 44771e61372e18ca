"""Holds: which incidents the law wants kept. One file for each, so a crash loses none."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from edge.errors import EvidenceInvalid, InputError
from edge.evidence.sidecar import MODE, Sidecar
from edge.files import write_atomically

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Hold:
    """One legal hold.

    Attributes:
        id: Event or incident; all evidence of either is held, also what is yet to come.
        who: Who asked for it.
        why: The reason, or the reference of the request.
        at: UTC, ISO 8601.
    """

    id: str
    who: str
    why: str
    at: str


class Holds:
    """The holds of one vault.

    Args:
        folder: Where they lie; made with the first.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def all(self) -> dict[str, Hold]:
        """Every hold by its event or incident.

        Raises:
            EvidenceInvalid: One cannot be read; nothing may be erased then.
        """
        found: dict[str, Hold] = {}
        for file in sorted(self._folder.glob("*.json")):
            try:
                # A hold that cannot be read holds all the same: its name says what.
                hold = Hold(**json.loads(file.read_text("utf-8")))
            except (OSError, ValueError, TypeError) as exc:
                raise EvidenceInvalid(
                    f"{file}: a legal hold that cannot be read, so nothing is erased; put it right "
                    f"with `edge evidence hold {file.stem}`"
                ) from exc
            found[hold.id] = hold
        return found

    def put(self, id_: str, who: str, why: str, now: datetime) -> Hold:
        """Hold an event or incident; a second time replaces who and why.

        Raises:
            InputError: It is no id, or who or why are empty.
            OSError: It could not be written.
        """
        hold = Hold(_checked(id_), *_said(who, why), now.isoformat(timespec="seconds"))
        self._folder.mkdir(parents=True, exist_ok=True)
        content = json.dumps(asdict(hold), ensure_ascii=False).encode() + b"\n"
        write_atomically(self._file(hold.id), content, mode=MODE)
        return hold

    def take_away(self, id_: str) -> bool:
        """Release; whether it was held.

        Raises:
            InputError: It is no id.
            OSError: It could not be released.
        """
        try:
            self._file(_checked(id_)).unlink()
        except FileNotFoundError:
            return False
        return True

    def _file(self, id_: str) -> Path:
        return self._folder / f"{id_}.json"


def is_held(sidecar: Sidecar, holds: dict[str, Hold]) -> bool:
    """Whether one of them is about this item."""
    return sidecar.event in holds or sidecar.incident in holds


def _checked(id_: str) -> str:
    if not _ID.fullmatch(id_):
        raise InputError(
            f"'{id_}' is no event or incident: expected an id such as "
            "0199a7c2-7f1e-7c55-9a53-2f6d0f2f1a11; `edge evidence list` shows them"
        )
    return id_


def _said(who: str, why: str) -> tuple[str, str]:
    if not who.strip() or not why.strip():
        raise InputError("say who and why: both are kept with the hold")
    return who.strip(), why.strip()
