"""`edge audit show`: the log, readable."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

from edge.audit import KINDS, Record, read
from edge.cli import FINE
from edge.cli._audit import add_log, log_of
from edge.errors import InputError

HELP = "print the records of a log, one a line"
EXAMPLE = "edge audit show --config /etc/edge --kind config.applied --since 2026-11-01"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_log(parser)
    parser.add_argument(
        "--kind", action="append", default=[], choices=list(KINDS), metavar="KIND",
        help=f"only these; may be given several times: {', '.join(KINDS)}",
    )  # fmt: skip
    parser.add_argument("--since", metavar="TIME", help="UTC, such as 2026-11-01 or with a time")
    parser.add_argument("--until", metavar="TIME", help="UTC; records before it")
    parser.add_argument("--from", dest="first", type=int, default=0, metavar="N", help="number")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def run(args: argparse.Namespace) -> int:
    """Print."""
    since, until = moment(args.since, "--since"), moment(args.until, "--until")
    for record in chosen(read(log_of(args), args.first), set(args.kind), since, until):
        print(json.dumps(as_object(record), ensure_ascii=False) if args.json else _line(record))
    return FINE


def moment(text: str | None, option: str) -> datetime | None:
    """A time as it was given, in UTC.

    Raises:
        InputError: It is none.
    """
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as exc:
        raise InputError(f"{option} {text}: expected a time such as 2026-11-01T09:30") from exc
    return at if at.tzinfo else at.replace(tzinfo=timezone.utc)


def chosen(
    records: Iterator[Record], kinds: set[str], since: datetime | None, until: datetime | None
) -> Iterator[Record]:
    """Those of some kinds (all where none is named) and a time; the clock may have stepped."""
    for record in records:
        if kinds and record.kind not in kinds:
            continue
        if (since and record.at < since) or (until and record.at >= until):
            continue
        yield record


def as_object(record: Record) -> dict[str, Any]:
    """A record for scripts."""
    told: dict[str, Any] = {
        "n": record.n,
        "at": record.at.isoformat(),
        "kind": record.kind,
        "facts": dict(record.facts),
    }
    if record.commitment:
        told["personal"] = dict(record.personal) or ("erased" if record.is_erased else "kept back")
    return told


def _line(record: Record) -> str:
    facts = [f"{name}={_word(value)}" for name, value in record.facts.items()]
    facts += [f"{name}={_word(value)}" for name, value in record.personal.items()]
    if record.commitment and not record.personal:
        facts.append("[personal part erased]" if record.is_erased else "[personal part kept back]")
    at = record.at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"{record.n:>8}  {at}  {record.kind:<16}  {' '.join(facts)}"


def _word(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if text.isprintable() and " " not in text and text else json.dumps(text)
