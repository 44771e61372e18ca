"""`edge user`: who may see the device page, and who may change things on it."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from edge.cli import FINE, add_config
from edge.cli._typed import password
from edge.config import load
from edge.errors import InputError
from edge.web.users import ROLES, Users

HELP = "add, remove or list the users of the device page"
EXAMPLE = "sudo -u edge edge user add anna --role technician --config /etc/edge"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser(
        "add",
        help="let somebody in, or give them another role and password; it is asked for twice, "
        "or read as one line where there is no terminal",
    )
    add.add_argument("name", metavar="NAME", help="what they type to log in")
    add.add_argument(
        "--role",
        choices=ROLES,
        default="viewer",
        help="a technician also changes (default: viewer)",
    )
    add.set_defaults(act=_add)
    remove = actions.add_parser("remove", help="let somebody in no longer; sessions end, too")
    remove.add_argument("name", metavar="NAME", help="as `edge user list` has it")
    remove.set_defaults(act=_remove)
    listing = actions.add_parser("list", help="who may log in")
    listing.add_argument("--json", action="store_true", help="one JSON list for scripts")
    listing.set_defaults(act=_list)
    for action in (add, remove, listing):
        add_config(action)


def run(args: argparse.Namespace) -> int:
    """Do what was asked."""
    return int(args.act(args, Users(load(args.config).appliance.storage.path)))


def _add(args: argparse.Namespace, users: Users) -> int:
    is_first = not users.all()
    users.add(args.name, args.role, _password(args.name))
    print(f"{args.name} may log in as {args.role}; kept in {users.file}")
    if is_first:
        print("from now on everybody logs in, on the box too")
    _warn_of_owner(users.file)
    return FINE


def _remove(args: argparse.Namespace, users: Users) -> int:
    users.remove(args.name)
    print(f"{args.name} may log in no longer")
    if not users.all():
        print("that was the last one: whoever is on the box may use the page without logging in")
    return FINE


def _list(args: argparse.Namespace, users: Users) -> int:
    if args.json:
        print(json.dumps([{"user": user.name, "role": user.role} for user in users.all()]))
        return FINE
    for user in users.all():
        print(f"{user.name:32}  {user.role}")
    if not users.all():
        print("no users: whoever is on the box may use the page, and nobody else")
    return FINE


def _password(name: str) -> str:
    """A password typed twice, or one line of standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    typed = password(f"password of {name}", "")
    if password("same again", "") != typed:
        raise InputError("the two passwords differ; nothing was changed")
    return typed


def _warn_of_owner(file: Path) -> None:
    """A file of root's in a folder of the service's would lock everybody out."""
    owner, folder = file.stat().st_uid, file.parent.stat().st_uid
    if owner != folder:
        print(
            f"WARNING: the service cannot read {file}; run: chown --reference={file.parent} {file}",
            file=sys.stderr,
        )
