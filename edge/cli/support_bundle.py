"""`edge support-bundle`: logs, configuration and doctor's findings in one file, without secrets."""

from __future__ import annotations

import argparse
from datetime import datetime, timezone
from pathlib import Path

from edge.cli import FINE, add_config
from edge.config import ConfigUnusable, load
from edge.errors import InputError
from edge.site.doctor import Check, examine
from edge.site.support import bundle

HELP = "collect log, configuration without secrets, doctor's findings and versions in one file"
EXAMPLE = "edge support-bundle --config /etc/edge --out /tmp/cabinet-017.tar.gz"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_config(parser)
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="default: edge-support-TIME.tar.gz"
    )
    parser.add_argument(
        "--log-lines", type=int, default=5000, metavar="N", help="of the journal (default: 5000)"
    )


def run(args: argparse.Namespace) -> int:
    """Collect, and say what is in it; a configuration that cannot be used is no reason not to."""
    now = datetime.now(timezone.utc)
    target = args.out or Path(f"edge-support-{now:%Y%m%dT%H%M%SZ}.tar.gz")
    if not args.config.is_dir():
        raise InputError(f"--config {args.config}: expected a folder")
    try:
        checks = list(examine(load(args.config)))
    except ConfigUnusable as exc:
        checks = [Check("configuration", "red", str(exc), f"edge check --config {args.config}")]
    try:
        names = bundle(args.config, target, checks, log_lines=args.log_lines, now=now)
    except OSError as exc:
        raise InputError(f"--out {target}: {exc.strerror}; choose another place") from exc
    print(f"{target}: {', '.join(names)}")
    print("secrets are struck out; it holds camera names and addresses")
    return FINE
