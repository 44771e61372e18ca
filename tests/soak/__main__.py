"""`python -m tests.soak`: the daemon against cameras that fail, judged, as a table and as JSON.

Exit status: 0 when every limit is met, 1 when not, 3 when something needed is missing.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path

import pytest

from edge.site.bench import describe
from tests.servers import MOSQUITTO
from tests.soak import network
from tests.soak.clock import judge_clock
from tests.soak.film import Film
from tests.soak.run import NotStarted, soak
from tests.soak.site import Site
from tests.soak.verdicts import Verdict, judge

FAILED, MISSING = 1, 3
MANY = 16
"""From so many cameras on, each shows somebody once a minute only: a mostly idle site."""


def main() -> int:
    """Run, judge, print."""
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0, help="of faults (default: 2)")
    parser.add_argument("--cameras", type=int, default=8, help="how many, from 4 (default: 8)")
    parser.add_argument("--seed", type=int, default=1, help="of the faults")
    parser.add_argument("--out", type=Path, help="keep the figures here, as JSON")
    parser.add_argument("--keep", type=Path, help="keep logs and films in this empty folder")
    args = parser.parse_args()
    reason = network.why_not()
    if not reason and MOSQUITTO is None:
        reason = "no mosquitto; run: apt-get install mosquitto"
    if reason:
        _say(f"no soak here: {reason}")
        return MISSING
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # as Ctrl-C: clean up
    try:
        with ExitStack() as stack:
            folder = args.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
            folder.mkdir(parents=True, exist_ok=True)
            verdicts, told = _run(args, folder)
    except NotStarted as exc:
        _say(f"the box did not start: {exc}")
        return FAILED
    except pytest.skip.Exception as exc:  # how the tests' servers say that a package is missing
        _say(f"no soak here: {exc}")
        return MISSING
    _print(verdicts)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        result = {**told, "verdicts": [asdict(verdict) for verdict in verdicts]}
        args.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 0 if all(verdict.is_met for verdict in verdicts) else FAILED


def _run(args: argparse.Namespace, folder: Path) -> tuple[list[Verdict], dict[str, object]]:
    is_short = args.minutes < 10
    # A film that came back within 20 s would rightly be taken for a frozen picture.
    film = Film(loop_s=24 if is_short and args.cameras < MANY else 60)
    per_group = 2 if args.cameras < MANY else 4
    with Site(folder, args.cameras, per_group, film) as site:
        record = soak(
            site,
            folder / "soak",
            film=film,
            minutes=args.minutes,
            seed=args.seed,
            longest_s=12.0 if is_short else 45.0,
            say=_say,
        )
        verdicts = judge(record)
        _say("the clock is stepped")
        verdicts += judge_clock(site, folder / "clock", film)
    told: dict[str, object] = {
        "measured": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": describe(),
        "cameras": args.cameras,
        "minutes": args.minutes,
        "seed": args.seed,
        "film": {**asdict(film), "kbit_s": site.groups[0].kbit_s},
        "detector": "motion",
        "packets lost by": record.loss_by,
        "delay": record.delay_by or "not exercised: this kernel has neither netem nor tun",
        "faults": [
            {
                "kind": happened.fault.name,
                "cameras": len(happened.cameras),
                "lasted_s": round(happened.ended - happened.began, 1),
                "recovery_s": sorted(round(s, 2) for s in happened.recovery_s.values()),
            }
            for happened in record.faults
        ],
        "samples": [
            [round(s.t - record.samples[0].t), round(s.rss_mib, 1), s.n_threads, s.n_fds,
             round(s.cpu_s, 1)]
            for s in record.samples
        ],
    }  # fmt: skip
    return verdicts, told


def _print(verdicts: Sequence[Verdict]) -> None:
    wide = max(len(verdict.name) for verdict in verdicts)
    for verdict in verdicts:
        mark = "  " if not verdict.limit else ("ok" if verdict.is_met else "NO")
        limit = f"  [{verdict.limit}]" if verdict.limit else ""
        print(f"{mark}  {verdict.name:{wide}}  {verdict.figure}{limit}")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
