"""`edge commission`: the whole installation tried on site, and a report to be signed."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from pathlib import Path

from pydantic import ValidationError

from edge.cli import FAILED, FINE, add_config
from edge.cli.watch import add_login, password_of
from edge.config import Config, load
from edge.errors import InputError
from edge.files import write_atomically
from edge.sinks.mqtt import Options
from edge.site.commission import Plan, Report, commission
from edge.site.commission.page import page

HELP = "try the whole installation, walk included, and write the sign-off report"
EXAMPLE = 'edge commission --config /etc/edge --walk 300 --engineer "A. Example" --output sign-off'

WALK_S = 180.0


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_config(parser)
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FOLDER",
        help="for commission.html and commission.json (default: commission-NODE here)",
    )
    walking = parser.add_mutually_exclusive_group()
    walking.add_argument(
        "--walk",
        type=float,
        default=WALK_S,
        metavar="SECONDS",
        help=f"how long the engineer walks at most; ends when every rule has fired ({WALK_S:g})",
    )
    walking.add_argument("--no-walk", action="store_true", help="test no rule; the report says so")
    parser.add_argument(
        "--leave-out",
        action="append",
        default=[],
        metavar="CAMERA/RULE",
        help="nobody can walk for this rule; may be given several times",
    )
    parser.add_argument("--no-bench", action="store_true", help="do not measure what it can carry")
    parser.add_argument("--engineer", default="", metavar="NAME", help="who commissions")
    parser.add_argument("--json", action="store_true", help="print the facts as one JSON object")
    add_login(parser, "who listens at the broker; without it the box listens to itself")


def run(args: argparse.Namespace) -> int:
    """Try, and write the report."""
    if not 1.0 <= args.walk <= 7200.0:
        raise InputError(f"--walk {args.walk:g}: expected 1 to 7200 seconds")
    config = load(args.config)
    output = args.output or Path(f"commission-{config.appliance.node}")
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise InputError(f"--output {output}: {exc.strerror}") from exc
    known = {f"{camera.camera}/{rule.name}" for camera in config.cameras for rule in camera.rules}
    if unknown := sorted(set(args.leave_out) - known):
        raise InputError(f"--leave-out {unknown[0]}: expected one of {', '.join(sorted(known))}")
    logging.basicConfig(level=logging.ERROR, format="%(message)s", stream=sys.stderr)
    plan = Plan(
        walk_s=None if args.no_walk else args.walk,
        left_out=frozenset(args.leave_out),
        has_bench=not args.no_bench,
        listener=_listener(args, config),
        listener_folder=Path.cwd(),
        engineer=args.engineer,
    )
    report = commission(config, plan, _say)
    _write(output, report)
    if args.json:
        print(json.dumps(report.facts(), indent=2, ensure_ascii=False))
    else:
        for check in report.checks:
            if check.level != "green":
                print(f"{check.level:5}  {check.name}: {check.found}")
        verdict = f"NOT READY: {len(report.failed)} failed" if report.failed else "all works"
        print(f"{verdict}; {len(report.untested)} things were not tested")
        print(f"report: {output / 'commission.html'}, print it and sign it")
    return FAILED if report.failed else FINE


def _write(output: Path, report: Report) -> None:
    facts = json.dumps(report.facts(), indent=2, ensure_ascii=False) + "\n"
    for name, text in (("commission.json", facts), ("commission.html", page(report))):
        try:
            write_atomically(output / name, text.encode(), mode=0o644)
        except OSError as exc:
            raise InputError(f"--output {output / name}: {exc.strerror}") from exc


def _listener(args: argparse.Namespace, config: Config) -> Options | None:
    """The box's broker with another login; None for its own."""
    if args.username is None and args.cert_file is None:
        return None
    box = config.appliance.mqtt
    written = {
        "url": box.url,
        "root": box.root,
        "insecure": box.insecure,
        "protocol": box.protocol,
        "username": args.username,
        "password": password_of(args),
        "ca_file": args.ca_file or (config.folder / box.ca_file if box.ca_file else None),
        "cert_file": args.cert_file,
        "key_file": args.key_file,
    }
    try:
        return Options.model_validate(written)
    except ValidationError as wrong:
        said = wrong.errors(include_input=False)[0]["msg"].removeprefix("Value error, ")
        raise InputError(f"login of who listens: {said}") from None


def _say(words: str) -> None:
    print(f"... {words}", file=sys.stderr, flush=True)
