"""Where `edge model` and `edge bench` find models and engines: where the daemon does, once told."""

from __future__ import annotations

import argparse
from pathlib import Path

from edge.config import load
from edge.detectors import Models

STORAGE = Path("/var/lib/edge")
"""What `storage.path` is unless a configuration says otherwise."""


def add_storage(parser: argparse.ArgumentParser) -> None:
    """Add `--config DIR` and `--storage DIR`, of which one may be given."""
    places = parser.add_mutually_exclusive_group()
    places.add_argument(
        "--config",
        type=Path,
        metavar="DIR",
        help="configuration folder: weights and engines are those of its `storage.path`",
    )
    places.add_argument(
        "--storage",
        type=Path,
        metavar="DIR",
        help="that `storage.path` itself (default: /var/lib/edge)",
    )


def add_into(parser: argparse.ArgumentParser) -> None:
    """Add `--into DIR`, and what `add_storage` adds."""
    parser.add_argument(
        "--into",
        type=Path,
        metavar="DIR",
        help="folder of the search path to put it in (default: `models` in the storage that was "
        "named, else ./models)",
    )
    add_storage(parser)


def models_of(args: argparse.Namespace) -> Models:
    """The search path the arguments ask for; `$EDGE_MODELS` and ./models are on every one.

    Raises:
        ConfigError: The configuration cannot be used.
    """
    return Models.on_this_machine(storage_of(args))


def storage_of(args: argparse.Namespace) -> Path:
    """The `storage.path` the arguments ask for.

    Raises:
        ConfigError: The configuration cannot be used.
    """
    return _named(args) or STORAGE


def into_of(args: argparse.Namespace) -> Path:
    """Where new weights go."""
    into: Path | None = args.into
    if into is not None:
        return into
    storage = _named(args)
    return storage / "models" if storage else Path("models")


def _named(args: argparse.Namespace) -> Path | None:
    if args.config is not None:
        return load(args.config).appliance.storage.path
    storage: Path | None = args.storage
    return storage
