"""The command line: one file per command, found by listing this folder.

A command file has `HELP`, `EXAMPLE`, `arguments(parser)` and `run(args) -> exit code`. Exit codes:
0 fine, 1 it failed, 2 the input (configuration, arguments, file) is wrong, 3 something needed is
missing. A user's mistake never shows a traceback.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edge import __version__
from edge.errors import (
    CardInvalid,
    EdgeError,
    InputError,
    MissingDependency,
    ModelMismatch,
    ModelMissing,
    SourceUnsupported,
)

FINE, FAILED, WRONG_INPUT, MISSING = 0, 1, 2, 3

_EXIT_CODES: tuple[tuple[type[EdgeError], int], ...] = (
    (InputError, WRONG_INPUT),
    (CardInvalid, WRONG_INPUT),
    (ModelMismatch, WRONG_INPUT),
    (SourceUnsupported, WRONG_INPUT),
    (ModelMissing, MISSING),
    (MissingDependency, MISSING),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: Arguments without the program's name; None takes the process's own.

    Returns:
        The exit code.
    """
    words = sys.argv[1:] if argv is None else argv
    parser = _parser(words[0] if words else "")
    args = parser.parse_args(argv)
    try:
        return int(args.run(args))
    except EdgeError as exc:
        print(f"edge {args.command}: {exc}", file=sys.stderr)
        return next((code for kind, code in _EXIT_CODES if isinstance(exc, kind)), FAILED)
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        sys.stderr.close()
        return FINE
    except KeyboardInterrupt:
        return 130


def _parser(command: str = "") -> argparse.ArgumentParser:
    """The parser of all commands; of one alone where its name is given, at a third of the time."""
    parser = argparse.ArgumentParser(
        prog="edge",
        description="Edge video analytics: RTSP cameras in, MQTT events out.",
    )
    parser.add_argument("--version", action="version", version=f"edge {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    files = sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))
    names = {file.replace("_", "-"): file for file in files}
    for name in [command] if command in names else names:
        module = importlib.import_module(f"{__name__}.{names[name]}")
        add_command(commands, name, module).set_defaults(run=module.run)
    return parser


def add_command(commands: Any, name: str, module: Any) -> argparse.ArgumentParser:
    """Add a command, or an action of one, as its file describes it."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=module.HELP,
        description=module.HELP,
        epilog=f"example: {module.EXAMPLE}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.arguments(parser)
    return parser


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add the `--config DIR` that most commands take."""
    parser.add_argument(
        "--config",
        type=Path,
        required=True,
        metavar="DIR",
        help="configuration folder: appliance.yaml and cameras/*.yaml",
    )
