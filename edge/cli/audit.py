"""`edge audit`: the tamper-evident log; one file per action in `_audit`, found by listing it."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
from pathlib import Path

from edge.cli import add_command

HELP = "verify, show and witness the tamper-evident log; erase personal parts of it"
EXAMPLE = "edge audit verify /var/lib/edge/audit --head checkpoint.txt"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare every action."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    folder = Path(__file__).parent / "_audit"
    for name in sorted(module.name for module in pkgutil.iter_modules([str(folder)])):
        module = importlib.import_module(f"edge.cli._audit.{name}")
        add_command(actions, name, module).set_defaults(act=module.run)


def run(args: argparse.Namespace) -> int:
    """Run the action."""
    return int(args.act(args))
