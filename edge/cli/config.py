"""`edge config`: what was in force on this box, back to it, and passwords out of the files."""

from __future__ import annotations

import argparse
import json
from datetime import datetime, timezone
from pathlib import Path

from edge.cli import FAILED, FINE, add_config
from edge.config import load
from edge.config.history import History, restore
from edge.config.seal import seal

HELP = "list the last good configurations, go back to one, move passwords out of the files"
EXAMPLE = "edge config rollback --config /etc/edge"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    history = actions.add_parser("history", help="the last ten good configurations, newest first")
    history.add_argument("--json", action="store_true", help="one JSON list for scripts")
    history.set_defaults(act=_history)
    rollback = actions.add_parser(
        "rollback", help="put a good configuration back; the present files are moved aside"
    )
    rollback.add_argument(
        "hash",
        nargs="?",
        default="",
        help="how its hash begins (default: the newest that differs from the files there are)",
    )
    rollback.set_defaults(act=_rollback)
    sealing = actions.add_parser(
        "seal", help="move every password written in the files into secrets.yaml"
    )
    sealing.set_defaults(act=_seal)
    for action in (history, rollback, sealing):
        add_config(action)
        if action is not sealing:
            action.add_argument(
                "--storage",
                type=Path,
                metavar="DIR",
                help="`storage.path` of the configuration, where its files cannot be read",
            )


def run(args: argparse.Namespace) -> int:
    """Do what was asked."""
    return int(args.act(args))


def _history(args: argparse.Namespace) -> int:
    entries = _kept(args).entries()
    if args.json:
        listed = [
            {"config": kept.sha256, "since": kept.since.isoformat(), "folder": str(kept.folder)}
            for kept in entries
        ]
        print(json.dumps(listed, indent=2))
        return FINE
    for kept in entries:
        print(f"{kept.sha256[:8]}  in force since {kept.since:%Y-%m-%d %H:%M:%S} UTC")
    if not entries:
        print("nothing is kept yet: no configuration has been in force")
    return FINE


def _rollback(args: argparse.Namespace) -> int:
    kept = _kept(args).find(args.hash, args.config)
    aside = restore(kept, args.config, datetime.now(timezone.utc))
    print(
        f"{args.config}: configuration {kept.sha256[:8]} of {kept.since:%Y-%m-%d %H:%M} UTC is "
        f"back; the files that were there are in {aside}\n"
        "make it the one in force with: systemctl reload edge"
    )
    return FINE


def _seal(args: argparse.Namespace) -> int:
    found = seal(args.config)
    for sealed in found:
        if sealed.secret:
            print(f"{sealed.file}: {sealed.path} is now !secret {sealed.secret}")
        else:
            print(f"{sealed.file}: {sealed.path} was left as it is: {sealed.why_not}")
    if not found:
        print(f"{args.config}: no password in the clear")
    return FAILED if any(sealed.why_not for sealed in found) else FINE


def _kept(args: argparse.Namespace) -> History:
    """What is kept: where `--storage` says, else where the present configuration does."""
    return History(args.storage or load(args.config).appliance.storage.path)
