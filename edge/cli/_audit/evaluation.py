"""`edge audit evaluation`: put an evaluation into the box's log, for its reports."""

from __future__ import annotations

import argparse
from pathlib import Path

from edge.audit import leave, log_keys
from edge.cli import FINE
from edge.cli._audit import log_of
from edge.errors import InputError
from edge.oversight.evaluated import evaluation_facts

HELP = "record what `edge model eval --json` found, so that reports tell who is missed more often"
EXAMPLE = 'edge audit evaluation yard-eval.json --config /etc/edge --who "A. Patel"'


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("result", type=Path, metavar="FILE", help="what the evaluation printed")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="the box's log")
    parser.add_argument(
        "--config", type=Path, metavar="DIR", help="instead: the configuration of this box"
    )
    parser.add_argument("--who", required=True, help="who vouches for it; recorded, and erasable")


def run(args: argparse.Namespace) -> int:
    """Leave it for the daemon, which records it within a second or at its next start."""
    folder = log_of(args)
    log_keys(folder)  # an inbox where no log is would never be read
    try:
        content = args.result.read_bytes()
    except OSError as exc:
        raise InputError(f"{args.result}: {exc.strerror}") from exc
    facts = evaluation_facts(str(args.result), content)
    leave(folder, "model.evaluated", {**facts, "who": args.who})
    print(f"{args.result} is left to be recorded in {folder}")
    return FINE
