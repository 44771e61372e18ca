"""Record: one line of the audit log, and the personal part that is kept beside it. Pure.

A record's bytes are its canonical JSON (RFC 8785); the tree is made of them. What is about a person
is not in them: they hold a salted commitment to it, and salt and text are kept apart, so that both
can be erased and every proof stays valid.
"""

from __future__ import annotations

import hashlib
import json
from binascii import hexlify, unhexlify
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import rfc8785

VERSION = 1
MAX_BYTES = 65536
"""Longest record: a list of files, never the files."""

SALT_BYTES = 32

KINDS: Mapping[str, str] = {
    "start": "the daemon began: versions, hashes of configuration and models, number of the last "
    "event",
    "stop": "the daemon ended in order",
    "config.applied": "a configuration was taken up",
    "config.refused": "a configuration could not be taken up; the one in force stayed",
    "model.changed": "other weights decide from now on",
    "model.admitted": "a model was found fit by the policy",
    "model.evaluated": "an evaluation of a model by condition and annotated group was handed in",
    "model.refused": "a model was refused by the policy",
    "threshold.changed": "a detector's confidence or a rule's limit is another from now on",
    "rule.armed": "a rule may report from now on",
    "rule.disarmed": "a rule's events are kept back from now on",
    "rule.refused": "a rule was not armed, by the policy",
    "rule.due": "a rule's purpose has to be reviewed soon",
    "event": "an event message was given its number",
    "evidence.made": "a file of evidence was written",
    "evidence.viewed": "somebody looked at evidence",
    "evidence.exported": "evidence was given to somebody",
    "evidence.erased": "evidence was erased",
    "evidence.held": "evidence is on legal hold from now on",
    "evidence.released": "a legal hold ended",
    "evidence.sent": "evidence was sent off the box",
    "command": "a command came in",
    "login": "somebody logged in, or tried to",
    "clock.step": "the box's UTC was stepped",
    "review": "somebody judged an event",
    "report.made": "a report was written",
    "personal.erased": "the personal part of some records was erased",
    "log.key": "heads are signed with another key from now on",
    "log.gap": "records are missing here, and why",
}
"""What a record can be about."""

PERSONAL = frozenset(
    {"who", "why", "to", "owner", "approver", "caller", "address", "message_sha256"}
)
"""Facts that are about a person, or lead to one: kept apart, and erasable."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it is read.

    Attributes:
        n: Its number, from 0: its leaf's index.
        at: UTC by the box's clock when it was written.
        kind: Of `KINDS`; a newer box may have others.
        facts: What is in the tree.
        commitment: Hex of what the tree holds of the personal part; empty where there is none.
        personal: The personal part; empty where there is none, or it was erased or kept back.
        is_erased: There was one, and it was erased.
    """

    n: int
    at: datetime
    kind: str
    facts: Mapping[str, Any]
    commitment: str = ""
    personal: Mapping[str, Any] = field(default_factory=dict)
    is_erased: bool = False


@dataclass(frozen=True, slots=True)
class Drafted:
    """A record as it is written.

    Attributes:
        line: The canonical bytes, without the end of the line.
        apart: The line of the personal part, likewise; empty where there is none.
    """

    line: bytes
    apart: bytes


def draft(n: int, at: datetime, kind: str, facts: Mapping[str, object], salt: bytes) -> Drafted:
    """Write a record.

    Args:
        n: Its number.
        at: UTC now.
        kind: One of `KINDS`.
        facts: What happened; names in `PERSONAL` at the top are kept apart. Values that JSON does
            not know are written as text.
        salt: `SALT_BYTES` of randomness; used once.

    Raises:
        ValueError: There is no such kind, or it is too long.
    """
    if kind not in KINDS:
        raise ValueError(
            f"no kind of audit record is called {kind!r}; there are {', '.join(KINDS)}"
        )
    told = {_text(name): _plain(value) for name, value in facts.items() if value is not None}
    personal = {name: told.pop(name) for name in sorted(told.keys() & PERSONAL)}
    record: dict[str, Any] = {"v": VERSION, "n": n, "at": iso(at), "kind": kind, "facts": told}
    apart = b""
    if personal:
        record["personal"] = commitment(salt, personal)
        apart = rfc8785.dumps({"n": n, "personal": personal, "salt": salt.hex()})
    line = rfc8785.dumps(record)
    if len(line) > MAX_BYTES or len(apart) > MAX_BYTES:
        raise ValueError(
            f"an audit record {kind} of {max(len(line), len(apart))} bytes: at most {MAX_BYTES}"
        )
    return Drafted(line, apart)


def commitment(salt: bytes, personal: Mapping[str, Any]) -> str:
    """What a record holds of its personal part: hex of SHA-256(salt || canonical JSON)."""
    return hashlib.sha256(salt + rfc8785.dumps(dict(personal))).hexdigest()


def is_committed(line: bytes, n: int, expected: object) -> bool:
    """Whether the line of a personal part is the one that a record was written with."""
    # What hashes to the commitment is what was written, and need not be read.
    begin = b'{"n":%d,"personal":' % n
    if line.startswith(begin) and line[-75:-66] == b',"salt":"' and line.endswith(b'"}'):
        try:
            salt = unhexlify(line[-66:-2])
        except ValueError:
            return False  # nor could the salt be read below
        told = hashlib.sha256(salt + line[len(begin) : -75]).hexdigest()
        if told == expected and hexlify(salt) == line[-66:-2]:
            return True
    try:
        part = json.loads(line)
        salt, personal = bytes.fromhex(part["salt"]), part["personal"]
        quick = _WRITTEN.encode(personal).encode()
        if line == b'{"n":%d,"personal":%s,"salt":"%s"}' % (n, quick, salt.hex().encode()):
            return hashlib.sha256(salt + quick).hexdigest() == expected
        exact = rfc8785.dumps({"n": n, "personal": personal, "salt": salt.hex()})
        return line == exact and commitment(salt, personal) == expected
    except (rfc8785.CanonicalizationError, ValueError, KeyError, TypeError):
        return False


def parsed(line: bytes) -> dict[str, Any]:
    """Read a record's line, and insist that it is canonical: one record has one form.

    Raises:
        ValueError: It is not a record; says why.
    """
    try:
        record: Any = _QUICK.decode(line.decode())
    except (ValueError, RecursionError) as wrong:
        raise ValueError(f"it is not JSON: {wrong}") from wrong
    if not isinstance(record, dict):
        raise ValueError("it is not an object")  # noqa: TRY004 - it is about the text
    try:
        is_canonical = _WRITTEN.encode(record).encode() == line
    except (TypeError, UnicodeEncodeError):
        is_canonical = False
    if not is_canonical:
        record = json.loads(line)
        if not _is_canonical(record, line):
            raise ValueError("it is not canonical JSON (RFC 8785)")
    if record.get("v") != VERSION:
        raise ValueError(f"version {record.get('v')!r}, expected {VERSION}")
    n, kind, facts = record.get("n"), record.get("kind"), record.get("facts")
    if type(n) is not int or not isinstance(kind, str) or not isinstance(facts, dict):
        raise ValueError("it lacks n, kind or facts")
    return dict(record)


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no number")


# A fifth of the time of the exact form. It differs for numbers with a point, which are read as
# something that cannot be written, and for names outside of Unicode's first plane.
_QUICK = json.JSONDecoder(parse_float=Decimal, parse_constant=_no_number)
_WRITTEN = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _is_canonical(record: Any, line: bytes) -> bool:
    try:
        return bool(rfc8785.dumps(record) == line)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError):
        return False


def as_record(
    record: Mapping[str, Any], personal: Mapping[str, Any], *, is_erased: bool = False
) -> Record:
    """What was parsed, with its personal part.

    Raises:
        ValueError: Its time is none.
    """
    return Record(
        record["n"],
        datetime.fromisoformat(record["at"].replace("Z", "+00:00")),
        record["kind"],
        record["facts"],
        record.get("personal", ""),
        personal,
        is_erased,
    )


def iso(at: datetime) -> str:
    """UTC to the millisecond, as in messages."""
    return at.astimezone(timezone.utc).isoformat(timespec="milliseconds")[:23] + "Z"


def _plain(value: object) -> Any:
    """What canonical JSON can hold; anything else as text."""
    if isinstance(value, Mapping):
        return {_text(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted(str(item) for item in value)
    if isinstance(value, datetime):
        return iso(value)
    is_number = isinstance(value, (int, float)) and abs(value) < _LARGEST
    if value is None or is_number:
        return value
    return _text(value)


def _text(value: object) -> str:
    """Text without lone surrogates, which UTF-8 cannot hold."""
    return str(value).encode("utf-8", "replace").decode()


_LARGEST = 2**53  # what every reader of JSON takes for the same number
