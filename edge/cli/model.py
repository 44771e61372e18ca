"""`edge model`: what models there are, and how their weights get here."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from edge.cli import FINE
from edge.detectors import Models, pull
from edge.errors import ModelError

HELP = "list the model cards, or fetch and verify a model's weights"
EXAMPLE = "edge model pull yolox-nano --from /media/usb/yolox_nano.onnx"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="every model there is a card for")
    listing.add_argument("--json", action="store_true", help="one JSON list for scripts")
    pulling = actions.add_parser("pull", help="download weights, or import them from a file")
    pulling.add_argument("name", metavar="MODEL", help="name of the card, such as yolox-nano")
    pulling.add_argument(
        "--from", dest="source", type=Path, metavar="FILE", help="a file brought by hand"
    )
    pulling.add_argument(
        "--url", help="a mirror to download from; the SHA-256 stays the one on the card"
    )
    pulling.add_argument(
        "--into",
        type=Path,
        default=Path("models"),
        metavar="DIR",
        help="folder of the search path to put it in (default: ./models)",
    )


def run(args: argparse.Namespace) -> int:
    """List or pull."""
    models = Models.on_this_machine()
    if args.action == "list":
        return _list(models, as_json=args.json)
    card = models.card(args.name)
    path = pull(card, args.into, args.source, _progress, url=args.url)
    print(f"{args.name}: {path}, SHA-256 verified")
    return FINE


def _list(models: Models, *, as_json: bool) -> int:
    rows = []
    for name in models.names():
        row = {"name": name, "family": "", "licence": "", "weights": ""}
        try:
            card = models.card(name)
            row |= {"family": card.family, "licence": card.licence.spdx}
            row["weights"] = str(models.find(name))
        except ModelError as exc:
            row["weights"] = f"- ({type(exc).__name__})"
        rows.append(row)
    if as_json:
        print(json.dumps(rows, indent=2))
        return FINE
    for row in rows:
        print(f"{row['name']:16} {row['family']:8} {row['licence']:12} {row['weights']}")
    if any(row["weights"].startswith("-") for row in rows):
        print("weights are fetched with `edge model pull NAME [--from FILE]`", file=sys.stderr)
    return FINE


def _progress(n_bytes: int, n_all: int) -> None:
    if sys.stderr.isatty():
        end = "\n" if n_bytes >= n_all else "\r"
        print(f"{n_bytes / 2**20:.1f} of {n_all / 2**20:.1f} MiB", end=end, file=sys.stderr)
