"""`edge audit erase`: the personal part of some records; proofs stay valid."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator

from edge.audit import AuditLog, erase, log_keys, read
from edge.cli import FINE
from edge.cli._audit import add_log, log_of
from edge.cli._audit.show import chosen, moment
from edge.errors import InputError

HELP = "erase what is kept apart of some records (names, reasons, salts); the record stays"
EXAMPLE = (
    'edge audit erase --config /etc/edge --records 17,40-52 --who "data protection officer" '
    '--why "request 2026-31"'
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_log(parser)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--records", metavar="N,M-K", help="numbers and runs of numbers")
    which.add_argument("--until", metavar="TIME", help="all before this time, UTC")
    parser.add_argument("--kind", action="append", default=[], help="with --until: only these")
    parser.add_argument("--who", required=True, help="who asks; recorded, and erasable itself")
    parser.add_argument("--why", required=True, help="recorded likewise")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")


def run(args: argparse.Namespace) -> int:
    """Erase, also while the daemon runs; as the user it runs as."""
    folder = log_of(args)
    log_keys(folder)  # a new log must not be made where there is none
    if args.records is not None:
        numbers = list(_numbers(args.records))
    else:
        until = moment(args.until, "--until")
        numbers = [r.n for r in chosen(read(folder), set(args.kind), None, until) if r.personal]
    log = AuditLog(folder, "")
    try:
        n = erase(log, numbers, {"who": args.who, "why": args.why})
    finally:
        log.close()
    if args.json:
        print(json.dumps({"erased": n}))
    else:
        print(f"{n} personal parts were erased" + ("" if n else ": there is none to erase"))
    return FINE


def _numbers(text: str) -> Iterator[int]:
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        try:
            yield from range(int(first), int(last or first) + 1)
        except ValueError as exc:
            raise InputError(f"--records {text}: expected numbers such as 17,40-52") from exc
