"""`edge user`: who may log in to the device page."""

from __future__ import annotations

import argparse
import getpass
import json
import sys

from edge.cli import FINE, add_config
from edge.config import load
from edge.errors import InputError
from edge.web.users import LEAST_LENGTH, ROLES, Users

HELP = "let people into the device page, and out again"
EXAMPLE = "edge user add sam --role technician --config /etc/edge"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    adding = actions.add_parser("add", help="let somebody in, or give them a new password")
    adding.add_argument("name", metavar="NAME", help="a-z, 0-9, '.', '_' and '-'")
    adding.add_argument(
        "--role", choices=ROLES, default="viewer", help="a technician may change things"
    )
    adding.add_argument(
        "--stdin", action="store_true", help="read the password from standard input, one line"
    )
    adding.set_defaults(act=_add)
    removing = actions.add_parser("remove", help="let somebody in no longer")
    removing.add_argument("name", metavar="NAME", help="as in the list")
    removing.set_defaults(act=_remove)
    listing = actions.add_parser("list", help="who may log in, and as what")
    listing.add_argument("--json", action="store_true", help="one JSON list for scripts")
    listing.set_defaults(act=_list)
    for action in (adding, removing, listing):
        add_config(action)


def run(args: argparse.Namespace) -> int:
    """Do what was asked."""
    return int(args.act(args))


def _users(args: argparse.Namespace) -> Users:
    return Users(load(args.config).appliance.storage.path)


def _add(args: argparse.Namespace) -> int:
    users = _users(args)
    if args.stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = getpass.getpass(f"password for {args.name} ({LEAST_LENGTH} or more): ")
        if getpass.getpass("the same again: ") != password:
            raise InputError(f"user {args.name}: the two passwords differ; nothing was changed")
    users.add(args.name, args.role, password)
    print(f"{args.name} may log in as {args.role}")
    return FINE


def _remove(args: argparse.Namespace) -> int:
    _users(args).remove(args.name)
    print(f"{args.name} may not log in any more")
    return FINE


def _list(args: argparse.Namespace) -> int:
    users = _users(args).all()
    if args.json:
        print(json.dumps([{"name": user.name, "role": user.role} for user in users], indent=2))
        return FINE
    for user in users:
        print(f"{user.name:32}  {user.role}")
    if not users:
        print("nobody may log in yet: edge user add NAME --role technician --config DIR")
    return FINE
