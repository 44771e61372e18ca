"""Actions of `edge audit`: each has `HELP`, `EXAMPLE`, `arguments(parser)` and `run(args)`."""

from __future__ import annotations

import argparse
from pathlib import Path

from edge.audit import FOLDER
from edge.errors import InputError


def add_log(parser: argparse.ArgumentParser) -> None:
    """Add what names a log: its folder, or the box's configuration."""
    parser.add_argument(
        "folder", nargs="?", type=Path, metavar="FOLDER", help="the log, or a copy of it"
    )
    parser.add_argument(
        "--config", type=Path, metavar="DIR", help="instead: the configuration of this box"
    )


def log_of(args: argparse.Namespace) -> Path:
    """The folder that was named.

    Raises:
        InputError: None, or two.
        ConfigError: `--config` names no usable configuration.
    """
    if (args.folder is None) == (args.config is None):
        raise InputError("give the log's FOLDER, or --config DIR")
    if args.config is not None:
        from edge.config import load  # a copy is checked without the rest of the appliance

        return load(args.config).appliance.storage.path / FOLDER
    folder: Path = args.folder
    return folder if (folder / "log.vkey").exists() else _inside(folder)


def _inside(folder: Path) -> Path:
    """A `storage.path` stands for the log in it."""
    return folder / FOLDER if (folder / FOLDER / "log.vkey").exists() else folder
