"""`edge check`: validates everything without starting."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from edge.cli import add_config
from edge.config import Config, ConfigUnusable, load
from edge.config.changes import AT_START, Changes, changes
from edge.config.ground import described
from edge.config.history import History, Kept
from edge.errors import InputError

HELP = "check a configuration folder and print every problem in it"
EXAMPLE = "edge check --config /etc/edge"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_config(parser)
    parser.add_argument(
        "--diff",
        action="store_true",
        help="also say what a reload would do, against the configuration last in force",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")


def run(args: argparse.Namespace) -> int:
    """Check the folder.

    Returns:
        0 when all of it can be used, warnings or not; 2 when any file cannot.
    """
    config: Config | None = None
    try:
        config = load(args.config)
        problems = config.problems
    except ConfigUnusable as unusable:
        problems = unusable.problems
    n_errors = sum(problem.severity == "error" for problem in problems)
    n_warnings = len(problems) - n_errors
    ground = [line for camera in config.cameras for line in described(camera)] if config else []
    if args.json:
        report: dict[str, object] = {
            "config": config.sha256 if config else None,
            "cameras": [camera.camera for camera in config.cameras] if config else [],
            "rejected": [camera for camera, _ in config.rejected] if config else [],
            "errors": n_errors,
            "warnings": n_warnings,
            "ground": ground,
            "problems": [dataclasses.asdict(problem) for problem in problems],
        }
        if args.diff and config is not None:
            kept, found = _changes(config)
            report["against"] = kept.sha256
            report["changes"] = dataclasses.asdict(found)
        print(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        for problem in problems:
            print(problem, file=sys.stderr)
        for line in ground:
            print(line)
        print(_summary(args.config, config, n_errors, n_warnings))
        if args.diff and config is not None:
            print("\n".join(_told(*_changes(config))))
    return 2 if n_errors else 0


def _changes(config: Config) -> tuple[Kept, Changes]:
    """What a reload would do, and against what.

    Raises:
        InputError: No configuration has been in force on this box.
        ConfigUnusable: The one in force cannot be read any more.
    """
    history = History(config.appliance.storage.path)
    entries = history.entries()
    if not entries:
        raise InputError(
            f"--diff: no configuration has been in force yet (none in {history.folder}); "
            "run it once: edge run --config DIR"
        )
    return entries[0], changes(load(entries[0].folder, root=config.folder), config)


def _told(kept: Kept, found: Changes) -> Iterator[str]:
    """What a reload would do, in lines."""
    yield f"against configuration {kept.sha256[:8]}, in force since {kept.since:%Y-%m-%d %H:%M} UTC"
    for change in found.appliance:
        waits = " (at the next start)" if change.path.split(".")[0] in AT_START else ""
        yield f"  appliance {change}{waits}"
    yield from (f"  start     {name}" for name in found.start)
    yield from (f"  stop      {name}" for name in found.stop)
    for name, differing in found.restart:
        yield f"  restart   {name}: {'; '.join(map(str, differing))}"
    yield f"  keep      {_count(len(found.keep), 'camera')}, tracks and all"


def _summary(folder: Path, config: Config | None, n_errors: int, n_warnings: int) -> str:
    found = " and ".join(
        _count(n, word) for n, word in ((n_errors, "error"), (n_warnings, "warning")) if n
    )
    if config is None:
        return f"{folder}: {found}; cannot be used"
    parts = [f"{folder}: {found or 'no problems'}", _count(len(config.cameras), "camera")]
    if config.rejected:
        parts.append(f"{len(config.rejected)} set aside")
    return f"{', '.join(parts)}, configuration {config.short_hash}"


def _count(n: int, word: str) -> str:
    return f"{n} {word}{'' if n == 1 else 's'}"
