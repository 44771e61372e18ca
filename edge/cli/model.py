"""`edge model`: what models there are, and how their weights get here."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from edge.cli import FAILED, FINE, _workbench
from edge.cli._storage import add_into, add_storage, into_of, models_of
from edge.config import load
from edge.detectors import Models, build_engine, engine_states, pull
from edge.errors import InputError, MissingDependency, ModelError, ModelMissing
from edge.runtime.builder import give_way

HELP = "list, fetch, measure, compare and convert the models that detect"
EXAMPLE = "edge model pull yolox-nano --from /media/usb/yolox_nano.onnx"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="every model there is a card for, and its engines")
    listing.add_argument("--json", action="store_true", help="one JSON list for scripts")
    add_storage(listing)
    listing.set_defaults(act=_list)
    pulling = actions.add_parser("pull", help="download weights, or import them from a file")
    pulling.add_argument("name", metavar="MODEL", help="name of the card, such as yolox-nano")
    pulling.add_argument(
        "--from", dest="source", type=Path, metavar="FILE", help="a file brought by hand"
    )
    pulling.add_argument(
        "--url", help="a mirror to download from; the SHA-256 stays the one on the card"
    )
    add_into(pulling)
    pulling.add_argument(
        "--pin",
        metavar="NAME",
        help="accept FILE although no card has its SHA-256; NAME is who vouches for it",
    )
    pulling.set_defaults(act=_pull)
    building = actions.add_parser(
        "build",
        help="build an engine for this box and keep it; minutes on a Jetson, once",
        epilog="example: edge model build yolox-nano-fp16 --kind tensorrt --config /etc/edge",
    )
    building.add_argument(
        "name", metavar="MODEL", nargs="?", help="name of a card whose weights are here"
    )
    building.add_argument(
        "--all",
        action="store_true",
        help="those that the detectors of --config use and that are not built yet",
    )
    building.add_argument(
        "--kind",
        choices=["tensorrt", "openvino"],
        help="for which kind of detector (default: the fastest whose library is installed)",
    )
    building.add_argument(
        "--precision", default="auto", help="as the kind's `precision` (default: auto)"
    )
    building.add_argument(
        "--background", action="store_true", help="with the lowest priority, as the daemon builds"
    )
    add_storage(building)
    building.set_defaults(act=_build)
    _workbench.arguments(actions)


def run(args: argparse.Namespace) -> int:
    """Do what was asked."""
    return int(args.act(args))


def _pull(args: argparse.Namespace) -> int:
    models = models_of(args)
    card = models.card(args.name)
    if args.pin is not None:
        return _workbench.pin(args, card)
    if not card.weights:
        raise ModelMissing(card.how_to_pin)
    path = pull(card, into_of(args), args.source, _progress, url=args.url)
    print(f"{args.name}: {path}, SHA-256 verified")
    return FINE


def _build(args: argparse.Namespace) -> int:
    if args.background:
        give_way()
    if args.all == (args.name is not None):
        raise InputError("expected a MODEL, or --all with --config DIR")
    models = models_of(args)
    if args.all:
        return _build_all(args, models)
    kept, kind = build_engine(args.name, models, args.kind, args.precision, _phase)
    print(
        f"{args.name}: {kept}; compare it with "
        f"`edge model check {args.name} --engine {kind} --images DIR`"
    )
    return FINE


def _build_all(args: argparse.Namespace, models: Models) -> int:
    """Build what a configuration would have the daemon build, before it watches."""
    if args.config is None:
        raise InputError("--all needs --config DIR, whose detectors say what is to be built")
    failed = False
    for name, options in load(args.config).appliance.detectors.items():
        try:
            later = options.plan(models, can_build=True).later
            if later is None:
                print(f"detector {name}: nothing to build")
                continue
            path, card = models.find(later.model), models.card(later.model)
        except (ModelError, MissingDependency) as exc:  # the daemon tells, and watches all the same
            print(f"detector {name}: nothing to build: {exc}", file=sys.stderr)
            continue
        try:
            print(f"detector {name}: {later.build(path, card, models.engines, _phase)}")
        except (ModelError, MissingDependency) as exc:
            failed = True
            print(f"detector {name}: {later.kind}: {exc}", file=sys.stderr)
    return FAILED if failed else FINE


def _phase(phase: str, n_done: int, n_all: int) -> bool:
    if sys.stderr.isatty():
        print(f"{phase}: {n_done} of {n_all}", end="\r", file=sys.stderr)
    return True


def _list(args: argparse.Namespace) -> int:
    models = models_of(args)
    rows: list[dict[str, Any]] = []
    for name in models.names():
        row = {"name": name, "family": "", "licence": "", "weights": "", "engines": []}
        try:
            card = models.card(name)
            row |= {"family": card.family, "licence": card.licence.spdx}
            row["weights"] = str(models.find(name))
            row["engines"] = [str(state) for state in engine_states(name, models) if state.engine]
        except ModelError as exc:
            row["weights"] = f"- ({type(exc).__name__})"
        rows.append(row)
    if args.json:
        print(json.dumps(rows, indent=2))
        return FINE
    widths = {key: max(len(row[key]) for row in rows) for key in ("name", "family", "licence")}
    for row in rows:
        print("  ".join(f"{row[key]:{n}}" for key, n in widths.items()), row["weights"], sep="  ")
        for engine in row["engines"]:
            print(f"  engine: {engine}")
    if any(row["weights"].startswith("-") for row in rows):
        print("weights are fetched with `edge model pull NAME [--from FILE]`", file=sys.stderr)
    return FINE


def _progress(n_bytes: int, n_all: int) -> None:
    if sys.stderr.isatty():
        end = "\n" if n_bytes >= n_all else "\r"
        print(f"{n_bytes / 2**20:.1f} of {n_all / 2**20:.1f} MiB", end=end, file=sys.stderr)
