"""`edge check`: validates everything without starting."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path

from edge.cli import add_config
from edge.config import Config, ConfigUnusable, load
from edge.config.ground import described

HELP = "check a configuration folder and print every problem in it"
EXAMPLE = "edge check --config /etc/edge"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_config(parser)
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
        report = {
            "config": config.sha256 if config else None,
            "cameras": [camera.camera for camera in config.cameras] if config else [],
            "rejected": [camera for camera, _ in config.rejected] if config else [],
            "errors": n_errors,
            "warnings": n_warnings,
            "ground": ground,
            "problems": [dataclasses.asdict(problem) for problem in problems],
        }
        print(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        for problem in problems:
            print(problem, file=sys.stderr)
        for line in ground:
            print(line)
        print(_summary(args.config, config, n_errors, n_warnings))
    return 2 if n_errors else 0


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
