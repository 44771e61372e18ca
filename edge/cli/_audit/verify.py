"""`edge audit verify`: whether a log is what was written; offline."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from edge.audit import PublicKey, Verdict, head_in, parse_key, verify
from edge.cli import FAILED, FINE
from edge.cli._audit import add_log, log_of
from edge.errors import InputError

HELP = "check a log or a copy of it, offline; names the first bad record"
EXAMPLE = "edge audit verify copy/audit --key cabinet-017.vkey --head checkpoint-of-may.txt"
_SHOWN = 10


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_log(parser)
    parser.add_argument(
        "--key",
        action="append",
        default=[],
        metavar="KEY",
        help="who may have signed: a verifier key (name+id+base64) or a file of them; without it "
        "the copy's own key is believed",
    )
    parser.add_argument(
        "--head",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="a head kept elsewhere, to find truncation and forks: a checkpoint, or the message "
        "of the audit topic; may be given several times",
    )
    parser.add_argument("--processes", type=int, help="at once (default: one a core)")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")


def run(args: argparse.Namespace) -> int:
    """Check.

    Returns:
        0 where all is as it was written, 1 where something is not.
    """
    folder = log_of(args)
    verdict = verify(
        folder, keys_of(args.key), [head_in(file) for file in args.head], args.processes
    )
    if args.json:
        print(json.dumps(_report(verdict), indent=2, ensure_ascii=False))
    else:
        _print(verdict, str(folder), n_against=len(args.head))
    return FINE if verdict.is_sound else FAILED


def keys_of(words: list[str]) -> list[PublicKey]:
    """Keys as they were given, each a key or a file of keys.

    Raises:
        InputError: One is neither.
    """
    keys = []
    for word in words:
        try:
            lines = [word] if "+" in word else Path(word).read_text("ascii").splitlines()
            keys += [parse_key(line) for line in lines]
        except OSError as exc:
            raise InputError(f"--key {word}: {exc.strerror}") from exc
        except ValueError as exc:
            raise InputError(f"--key {word}: {exc}") from exc
    return keys


def _report(verdict: Verdict) -> dict[str, object]:
    head = verdict.head
    return {
        "sound": verdict.is_sound,
        "records": verdict.n,
        "findings": [{"record": f.n, "what": f.words} for f in verdict.findings],
        "head": {"size": head.size, "root": head.root.hex(), "note": head.note} if head else None,
        "heads": verdict.n_heads,
        "uncovered": verdict.n - (head.size if head else 0),
        "gaps": [{"record": n, "why": why} for n, why in verdict.gaps],
        "erased": verdict.n_erased,
        "kept_back": verdict.n_kept_back,
        "kinds": dict(sorted(verdict.kinds.items())),
        "keys": [str(key) for key in verdict.keys],
        "key_given": verdict.is_key_given,
    }


def _print(verdict: Verdict, folder: str, *, n_against: int) -> None:
    for finding in verdict.findings[:_SHOWN]:
        print(f"BAD  {finding}", file=sys.stderr)
    if len(verdict.findings) > _SHOWN:
        print(f"     and {len(verdict.findings) - _SHOWN} more", file=sys.stderr)
    if verdict.is_sound:
        print(f"{folder}: {verdict.n} records, all as they were written")
    else:
        print(f"{folder}: NOT as it was written; the first bad record is {verdict.findings[0].n}")
    head = verdict.head
    if head is not None:
        print(f"  newest head: {head.size} records, root {head.root.hex()}")
        print(f"  {verdict.n_heads} heads are right; signed by {verdict.keys[-1]}")
    else:
        print("  no head: nobody has signed for any of it")
    after = verdict.n - (head.size if head else 0)
    if after:
        how = "are checked against their hashes only" if verdict.is_tree_here else "are unchecked"
        print(f"  the last {after} records are not under a head, and {how}")
    _print_remarks(verdict, n_against=n_against)


def _print_remarks(verdict: Verdict, *, n_against: int) -> None:
    """What is no fault, and still worth knowing."""
    for n, why in verdict.gaps:
        print(f"  gap at record {n}: {why}")
    if verdict.n_erased:
        print(f"  {verdict.n_erased} personal parts were erased, and records say so")
    if verdict.n_kept_back:
        print(f"  {verdict.n_kept_back} personal parts are not in this copy")
    if not verdict.is_key_given:
        print("  the key is the copy's own: compare it with what the box showed you, or use --key")
    if not n_against:
        print("  a log cut short shows only beside a head kept elsewhere: use --head")
