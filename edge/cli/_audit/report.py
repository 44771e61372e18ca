"""`edge audit report`: a month of the log, for the public and for the committee."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from edge import __version__
from edge.audit import PRIVATE_KEY, Verdict, leave, read, verify
from edge.cli import FAILED, FINE
from edge.cli._audit import add_log, log_of
from edge.errors import AuditError, InputError
from edge.files import write_atomically
from edge.oversight.page import page
from edge.oversight.report import AUDIENCES, reports
from edge.oversight.table import Report, plain

HELP = "write a month of the log as JSON and HTML, for the public and for the committee"
EXAMPLE = "edge audit report /var/lib/edge/audit --month 2026-11 --out reports"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_log(parser)
    parser.add_argument("--month", required=True, metavar="YYYY-MM", help="which, in UTC")
    parser.add_argument(
        "--out", type=Path, default=Path(), metavar="DIR", help="where to (default: here)"
    )
    parser.add_argument(
        "--who",
        metavar="NAME",
        help="who asks for it; recorded beside the hashes of what was written, and erasable",
    )
    parser.add_argument(
        "--json", action="store_true", help="print the committee's as JSON and write nothing"
    )


def run(args: argparse.Namespace) -> int:
    """Verify the log, then write.

    Returns:
        0; 1 where the log is not as it was written, which the report then says at its top.
    """
    folder = log_of(args)
    verdict = verify(folder)
    origin = verdict.head.origin if verdict.head else "an unnamed box/audit"
    made = reports(read(folder), args.month, origin, f"edge {__version__}", _said(verdict))
    files: dict[str, str] = {}
    if args.json:
        print(json.dumps(plain(made["committee"]), indent=1, ensure_ascii=False))
    else:
        files = _written(made, args.month, args.out)
    told = {
        "month": args.month,
        "files": files,
        "records": verdict.n,
        "referrals": _referrals(made["committee"]),
        "who": args.who,
    }
    if (folder / PRIVATE_KEY).exists():  # else a copy: nobody would record what is left in it
        try:
            leave(folder, "report.made", {**told, "is_sound": verdict.is_sound})
        except AuditError as exc:
            print(f"the report is made, but not recorded: {exc}", file=sys.stderr)
    return FINE if verdict.is_sound else FAILED


def _referrals(report: Report) -> list[str]:
    """Which breaches call for re-referral."""
    (table,) = (one for one in report.tables if one.key == "referrals")
    return [str(row["what"]) for row in table.rows]


def _written(made: Mapping[str, Report], month: str, out: Path) -> dict[str, str]:
    """Write each audience's files; their SHA-256 by name."""
    hashes: dict[str, str] = {}
    for audience in AUDIENCES:
        report = made[audience]
        stem = f"report-{month}-{audience}"
        text = json.dumps(plain(report), indent=1, ensure_ascii=False) + "\n"
        for name, content in ((f"{stem}.json", text), (f"{stem}.html", page(report))):
            try:
                out.mkdir(parents=True, exist_ok=True)
                # The committee's may name people.
                mode = 0o644 if audience == "public" else 0o640
                write_atomically(out / name, content.encode(), mode=mode)
            except OSError as exc:
                raise InputError(
                    f"{out / name} cannot be written: {exc.strerror}; give another --out DIR"
                ) from exc
            hashes[name] = hashlib.sha256(content.encode()).hexdigest()
            print(out / name)
    return hashes


def _said(verdict: Verdict) -> str:
    """What verifying found, in a sentence."""
    if not verdict.is_sound:
        first = verdict.findings[0]
        return f"NOT as it was written: {first}; nothing below can be relied on"
    covered = verdict.head.size if verdict.head else 0
    return f"verified: {verdict.n} records as they were written, {covered} under a signed head"
