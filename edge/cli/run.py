"""`edge run`: the daemon."""

from __future__ import annotations

import argparse
import logging

from edge.cli import FINE, add_config
from edge.runtime.daemon import serve
from edge.runtime.journal import log_to_journal

HELP = "watch: the daemon; SIGHUP reloads, SIGTERM drains and stops"
EXAMPLE = "edge run --config /etc/edge"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_config(parser)
    parser.add_argument("--verbose", action="store_true", help="log details, too")


def run(args: argparse.Namespace) -> int:
    """Run until stopped."""
    log_to_journal(logging.DEBUG if args.verbose else logging.INFO)
    serve(args.config)
    return FINE
