"""`edge score`: how well events met what happened, event by event."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from edge.cli import FAILED, FINE
from edge.errors import InputError
from edge.oversight.measures import Interval
from edge.oversight.score import Found, Parameters, Score, Tally, score
from edge.oversight.truth import read_alarms, read_truth

HELP = (
    "compare events with a truth file: i-LIDS F1, false alarms per camera-day, delay, line counts"
)
EXAMPLE = "edge score --truth truth.jsonl --events events.jsonl"

Row = Sequence[str]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    default = Parameters()
    parser.add_argument(
        "--truth",
        type=Path,
        nargs="+",
        required=True,
        metavar="FILE",
        help="what happened: a header for each recording, and its events (docs/scoring.md)",
    )
    parser.add_argument(
        "--events",
        type=Path,
        nargs="+",
        required=True,
        metavar="FILE",
        help="messages, one a line, as `edge replay --out` writes them",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    parser.add_argument(
        "--early",
        type=_seconds,
        default=default.early,
        metavar="SECONDS",
        help="how long before its event an alarm may come, where the truth does not say "
        "(default: %(default)g)",
    )
    parser.add_argument(
        "--late",
        type=_seconds,
        default=default.late,
        metavar="SECONDS",
        help="how long after it (default: %(default)g)",
    )
    parser.add_argument(
        "--alpha-alert",
        type=_bias,
        default=default.alpha_alert,
        metavar="ALPHA",
        help="recall bias of the role operational alert (default: %(default)g)",
    )
    parser.add_argument(
        "--alpha-recording",
        type=_bias,
        default=default.alpha_recording,
        metavar="ALPHA",
        help="recall bias of the role event recording (default: %(default)g)",
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="a second alarm for one event is a false one; i-LIDS does not count it",
    )
    parser.add_argument(
        "--at-least",
        type=float,
        metavar="F1",
        help="exit with 1 where the F1 of a role is below this, or there is nothing to judge",
    )


def run(args: argparse.Namespace) -> int:
    """Score.

    Returns:
        0, or 1 where `--at-least` asked for more.
    """
    parameters = Parameters(
        args.early, args.late, args.alpha_alert, args.alpha_recording, args.strict
    )
    recordings = [
        recording
        for path in args.truth
        for recording in read_truth(
            str(path), _lines(path), early=parameters.early, late=parameters.late
        )
    ]
    alarms = [alarm for path in args.events for alarm in read_alarms(str(path), _lines(path))]
    found = score(recordings, alarms, parameters)
    print(json.dumps(as_json(found), indent=2) if args.json else report(found))
    return FINE if args.at_least is None or _worst(found) >= args.at_least else FAILED


def report(found: Score) -> str:
    """A score as text, for people and for comparing one version with the next."""
    parameters = found.parameters
    n_false = found.total.n_false or 0
    low, high = found.false_per_camera_day_interval
    parts = [
        _table(
            ("", *_TALLY_TITLES, "F1 alert", "F1 recording"),
            [
                (name, *_tally(tally), *(_share(tally.f1(alpha)) for alpha in _alphas(found)))
                for name, tally in (*found.by_rule.items(), ("all", found.total))
            ],
        ),
        (
            f"F1 by i-LIDS: alpha {parameters.alpha_alert:g} for operational alert, "
            f"{parameters.alpha_recording:g} for event recording"
        ),
        (
            f"false alarms: {n_false} in {found.camera_days:.4f} camera-days, that is "
            f"{found.false_per_camera_day:.4g} a camera-day (95 %: {low:.4g} to {high:.4g})"
        ),
        (
            f"delay: p50 {_delay(found, 0.5)}, p95 {_delay(found, 0.95)}, "
            f"of {len(found.delays)} right alarms"
        ),
    ]
    if found.lines:
        parts.append(
            "\n"
            + _table(
                ("line count", "happened", "counted", "signed", "absolute"),
                [
                    (
                        f"{line.camera}/{line.rule} {line.direction}",
                        str(line.n_expected),
                        str(line.n_counted),
                        f"{line.signed:+d}",
                        str(line.absolute),
                    )
                    for line in found.lines
                ],
            )
        )
    if found.by_condition:
        parts.append(
            "\n"
            + _table(
                ("condition", *_TALLY_TITLES),
                [(name, *_tally(tally)) for name, tally in found.by_condition.items()],
            )
        )
    for title, some in (("missed", found.misses), ("false", found.false_alarms)):
        if some:
            parts.append("\n" + "\n".join(f"{title}: {_found(one)}" for one in some))
    if found.left_out:
        parts.append(
            "\nnot judged: " + ", ".join(f"{n} {why}" for why, n in found.left_out.items())
        )
    return "\n".join(parts)


def as_json(found: Score) -> dict[str, Any]:
    """A score as plain data; what cannot be told is null."""
    alpha_alert, alpha_recording = _alphas(found)

    def tally(one: Tally) -> dict[str, Any]:
        return {
            "events": one.n_true + one.n_missed,
            "true": one.n_true,
            "missed": one.n_missed,
            "false": one.n_false,
            "again": one.n_again,
            "recall": one.recall,
            "recall_95": one.recall_interval,
            "precision": one.precision,
            "precision_95": one.precision_interval,
            "f1_alert": one.f1(alpha_alert),
            "f1_recording": one.f1(alpha_recording),
        }

    return {
        "parameters": vars(found.parameters),
        "total": tally(found.total),
        "camera_days": found.camera_days,
        "false_per_camera_day": found.false_per_camera_day,
        "false_per_camera_day_95": found.false_per_camera_day_interval,
        "delay_s": {"n": len(found.delays), "p50": found.delay(0.5), "p95": found.delay(0.95)},
        "rules": {name: tally(one) for name, one in found.by_rule.items()},
        "conditions": {name: tally(one) for name, one in found.by_condition.items()},
        "lines": [{**vars(line), "signed": line.signed} for line in found.lines],
        "missed": [vars(one) for one in found.misses],
        "false": [vars(one) for one in found.false_alarms],
        "not_judged": found.left_out,
    }


_TALLY_TITLES = ("events", "right", "missed", "false", "again", "recall", "precision")


def _tally(tally: Tally) -> Iterator[str]:
    yield str(tally.n_true + tally.n_missed)
    yield str(tally.n_true)
    yield str(tally.n_missed)
    yield "-" if tally.n_false is None else str(tally.n_false)
    yield "-" if tally.n_false is None else str(tally.n_again)
    yield _with_interval(tally.recall, tally.recall_interval)
    yield _with_interval(tally.precision, tally.precision_interval)


def _table(titles: Row, rows: Sequence[Row]) -> str:
    """Columns in line; the first to the left, the others to the right."""
    widths = [max(len(row[column]) for row in (titles, *rows)) for column in range(len(titles))]
    return "\n".join(
        "  ".join(
            f"{cell:<{width}}" if column == 0 else f"{cell:>{width}}"
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in (titles, *rows)
    )


def _alphas(found: Score) -> tuple[float, float]:
    return found.parameters.alpha_alert, found.parameters.alpha_recording


def _worst(found: Score) -> float:
    """The lower F1 of the two roles; below every wish where there is nothing to judge."""
    values = [found.total.f1(alpha) for alpha in _alphas(found)]
    return min(-math.inf if value is None else value for value in values)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _with_interval(value: float | None, interval: Interval | None) -> str:
    return "-" if interval is None else f"{_share(value)} ({interval[0]:.3f}-{interval[1]:.3f})"


def _delay(found: Score, share: float) -> str:
    delay = found.delay(share)
    return "-" if delay is None else f"{delay:.2f} s"


def _found(one: Found) -> str:
    direction = f" {one.direction}" if one.direction else ""
    words = f"  {one.words}" if one.words else ""
    return f"{one.camera}/{one.rule}{direction} at {one.at:.2f} s of {one.clip}{words}"


def _lines(path: Path) -> list[str]:
    """A text file's lines.

    Raises:
        InputError: It cannot be read, or is no text.
    """
    try:
        return path.read_text(encoding="utf-8").split("\n")
    except OSError as exc:
        raise InputError(f"{path}: cannot be read: {exc.strerror}; check the path") from None
    except UnicodeDecodeError as exc:
        raise InputError(
            f"{path}: is not UTF-8 text (byte {exc.start}); expected one JSON object a line"
        ) from None


def _seconds(text: str) -> float:
    value = _number(text)
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number of seconds, 0 or more")
    return value


def _bias(text: str) -> float:
    value = _number(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number above 0")
    return value


def _number(text: str) -> float:
    """What a text says; NaN, which fits no range, where it is no number."""
    try:
        return float(text)
    except ValueError:
        return math.nan
