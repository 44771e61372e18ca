"""Notice: which configuration is in force, for the control room and the technician. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from edge.config import Config, Problem
from edge.message import MAX_BYTES, ConfigNotice, ConfigProblem, encode

MOST_LISTED = 10
"""Problems a notice lists; fewer where they are so long that it would not fit."""


def in_force(config: Config, at: datetime) -> ConfigNotice:
    """What has been taken up, and which cameras' files were set aside."""
    errors = [problem for _, problems in config.rejected for problem in problems]
    return _notice(config, errors, at, is_refused=False)


def refused(config: Config, problems: Iterable[Problem], at: datetime) -> ConfigNotice:
    """What could not be taken up.

    Args:
        config: The configuration in force, which stays.
        problems: Of the new files.
        at: UTC now.
    """
    errors = [problem for problem in problems if problem.severity == "error"]
    return _notice(config, errors, at, is_refused=True)


def _notice(
    config: Config, errors: Sequence[Problem], at: datetime, *, is_refused: bool
) -> ConfigNotice:
    listed = tuple(_told(problem, config.folder) for problem in errors[:MOST_LISTED])
    while True:
        notice = ConfigNotice(
            site=config.appliance.site,
            node=config.appliance.node,
            state="refused" if is_refused else "in_force",
            config=config.sha256,
            at=at,
            n_problems=len(errors),
            problems=listed or None,
            profile="laboratory" if config.is_laboratory else None,
        )
        if len(encode(notice)) <= MAX_BYTES or not listed:
            return notice
        listed = listed[:-1]


def _told(problem: Problem, folder: Path) -> ConfigProblem:
    """A problem without the line of the file it is about."""
    file = Path(problem.file)
    return ConfigProblem(
        file=str(file.relative_to(folder) if file.is_relative_to(folder) else file),
        line=problem.line,
        column=problem.column,
        path=problem.path,
        cause=problem.cause,
        remedy=problem.remedy or None,
    )
