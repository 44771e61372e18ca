"""`edge doctor`: preflight of the whole box."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

from edge.cli import FAILED, FINE, MISSING, add_config
from edge.config import load
from edge.site.doctor import Level, examine

HELP = "examine model, cameras, broker, disk and clock: green, amber, red, with the remedy"
EXAMPLE = "edge doctor --config /etc/edge"

_COLOURS: dict[Level, str] = {"green": "32", "amber": "33", "red": "31"}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="one JSON list for scripts")


def run(args: argparse.Namespace) -> int:
    """Examine and print as each answer comes."""
    found = []
    for check in examine(load(args.config)):
        found.append(check)
        if not args.json:
            level = f"{check.level:5}"
            if sys.stdout.isatty():
                level = f"\x1b[{_COLOURS[check.level]}m{level}\x1b[0m"
            print(f"{level}  {check.name}: {check.found}", flush=True)
            if check.remedy:
                print(f"       -> {check.remedy}")
    if args.json:
        print(json.dumps([asdict(check) for check in found], indent=2))
    reds = [check for check in found if check.level == "red"]
    if not reds:
        return FINE
    return MISSING if all(check.is_missing for check in reds) else FAILED
