"""`edge run`: the daemon."""

from __future__ import annotations

import argparse
import logging
import sys

from edge.cli import FINE, add_config
from edge.runtime.daemon import serve

HELP = "watch: the daemon; SIGHUP reloads, SIGTERM drains and stops"
EXAMPLE = "edge run --config /etc/edge"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_config(parser)
    parser.add_argument("--verbose", action="store_true", help="log details, too")


def run(args: argparse.Namespace) -> int:
    """Run until stopped."""
    logging.basicConfig(
        level=logging.DEBUG if args.verbose else logging.INFO,
        format="%(levelname)s %(name)s: %(message)s",  # the journal adds the time
        stream=sys.stderr,
    )
    serve(args.config)
    return FINE
