"""Shape: reads the lines of records whose form is known, without parsing each. Pure.

A year has millions of records and a few dozen forms. What differs between two lines of one form is
what stands in the places of values: texts and whole numbers. Where a text holds neither a backslash
nor a control character, and a number neither a point nor a zero too many, canonical JSON (RFC 8785)
writes them as they stand; all else is the form's, byte for byte. So of two lines of one form both
are canonical or neither is, and one that was read in full vouches for the next, in a fifth of the
time.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, TypeAlias

from edge.audit._record import parsed

IN_FULL = frozenset({"log.gap", "personal.erased"})
"""Kinds whose facts a check needs."""

_WHOLE = rb"(?:0|-?[1-9][0-9]{0,14})"  # below 2^53, which every reader takes for the same number
_NUMBER = re.compile(rb"(?<=[:,\[])" + _WHOLE + rb"(?=[,}\]])")
_ESCAPED = bytes(range(0x20)) + b"\\"

_SEEN = 4  # lines of a form before it is worth 1 ms of a regular expression
_MOST = 32  # forms that are tried, the last one that fitted first
_MOST_COUNTED = 512


Told: TypeAlias = tuple[int, str, object, Mapping[str, Any]]
"""What a check needs of a record: its number, its kind, its commitment (None where it has no
personal part), and its facts, which are empty but for the kinds in `IN_FULL`."""


class Shapes:
    """Reads lines, and learns their forms as they come."""

    def __init__(self) -> None:
        self._known: list[re.Pattern[bytes]] = []
        self._counted: Counter[bytes] = Counter()

    def read(self, line: bytes) -> Told:
        """Read a record's line; insists on its form as `parsed` does.

        Raises:
            ValueError: It is not a record; says why.
        """
        if not _is_plain(line):
            return _told(parsed(line))
        for k, known in enumerate(self._known):
            if found := known.fullmatch(line):
                if k:
                    self._known.insert(0, self._known.pop(k))
                n, kind, commitment = found.group("n", "kind", "personal")
                if (told := kind.decode()) in IN_FULL:
                    return _told(parsed(line))
                decoded = None if commitment is None else commitment.decode()
                return int(n), told, decoded, {}
        record = parsed(line)
        self._count(line, record)
        return _told(record)

    def _count(self, line: bytes, record: Mapping[str, Any]) -> None:
        """Learn a form that comes again and again."""
        if not isinstance(record.get("personal", ""), str):
            return
        form = _form(line)
        self._counted[form] += 1
        if self._counted[form] == _SEEN:
            self._known.insert(0, re.compile(form))
            del self._known[_MOST:]
        if len(self._counted) > _MOST_COUNTED:
            self._counted.clear()


def _told(record: Mapping[str, Any]) -> Told:
    facts = record["facts"] if record["kind"] in IN_FULL else {}
    return record["n"], record["kind"], record.get("personal"), facts


def _is_plain(line: bytes) -> bool:
    """Whether every text in it is written as it stands: UTF-8, and nothing to escape."""
    if len(line.translate(None, _ESCAPED)) != len(line):
        return False
    try:
        return line.isascii() or bool(line.decode())
    except UnicodeDecodeError:
        return False


def _form(line: bytes) -> bytes:
    """The regular expression of a plain, canonical line's form.

    Its groups `n`, `kind` and `personal` are those of the record, not of its facts.
    """
    form = b""
    name, depth = b"", 0
    # Nothing is escaped, so that between each two quotation marks there is a text.
    pieces = line.split(b'"')
    for k, piece in enumerate(pieces):
        if k % 2 and pieces[k + 1].startswith(b":"):
            name = piece
            form += b'"%s"' % re.escape(name)
        elif k % 2:
            is_told = depth == 1 and name in (b"kind", b"personal")
            form += b'"(?P<%s>[^"]*)"' % name if is_told else b'"[^"]*"'
        else:
            number = b"(?P<n>%s)" % _WHOLE if depth == 1 and name == b"n" else _WHOLE
            is_version = depth == 1 and name == b"v"
            between = [piece] if is_version else _NUMBER.split(piece)
            form += number.join(map(re.escape, between))
            depth += piece.count(b"{") - piece.count(b"}")
    return form if b"(?P<personal>" in form else form + b"(?P<personal>(?!))?"
