"""The box's clock is stepped while it watches: libfaketime in front of its idea of UTC.

Only UTC: a time server's step leaves the monotonic clock alone, and so does this.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median

from edge.runtime.camera import LAG_S
from tests.servers import eventually, mosquitto
from tests.soak.box import Box, configuration
from tests.soak.film import Film
from tests.soak.room import ControlRoom
from tests.soak.site import Site
from tests.soak.verdicts import Verdict

LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
"""The variant for programs with threads."""

STEPS = ("+3600", "-3600", "@1970-01-01 00:00:10", "+0")
"""As libfaketime reads them: an hour ahead, two back, to the epoch, and right again."""

HEARD_LIMIT_S = LAG_S + 0.5
"""How far stays in the same film, and crossings of it, may seem apart: a box whose processor
others want is up to LAG_S behind before it skips, and looks eight times a second. A step that got
into a duration would show as an hour."""

N_CAMERAS = 4


class SteppedClock:
    """A file that tells libfaketime what time it is.

    Args:
        file: Where; need not exist.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self.step(STEPS[-1])

    @property
    def environment(self) -> dict[str, str]:
        """For the process whose clock it is."""
        return {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",  # seconds until it looks into the file again
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
            "TZ": "UTC",
        }

    def step(self, to: str) -> None:
        """Step it; felt within a second."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{to}\n")
        new.replace(self._file)


def judge_clock(site: Site, folder: Path, film: Film) -> list[Verdict]:
    """Watch a few cameras, step the clock, and see what it does to them."""
    if LIBRARY is None:
        return [Verdict("clock stepped", "not exercised: run: apt-get install faketime")]
    (folder / "broker").mkdir(parents=True)
    clock = SteppedClock(folder / "time")
    sources = site.sources[:N_CAMERAS]
    with mosquitto(folder / "broker") as broker:
        room = ControlRoom(broker.port)
        boxed = configuration(folder / "box", sources, broker.port, gate="always")
        with Box(boxed, clock.environment) as box:
            eventually(lambda: all(room.is_watched(s.camera) for s in sources), 30.0)
            began = time.monotonic()
            time.sleep(film.loop_s)
            for to in STEPS:
                clock.step(to)
                time.sleep(film.loop_s + 3.0)
            is_running = box.is_running
            lost = [*room.of("camera_lost", "begin", since=began)]
            n_cameras = len({heard.body["camera"] for heard in room.of("clock_unsure", "begin")})
            lasted = list(stays_s(room))
            last = [room.of("line_crossed", "pulse", s.camera, since=began) for s in sources]
            gaps = [longest_gap_s([heard.t for heard in heards]) for heards in last]
            status = box.stop()
        room.close()
        room.keep(folder / "heard.jsonl")
    is_well = is_running and status == 0
    return _verdicts(film, lasted, gaps, is_well=is_well, n_lost=len(lost), n_told=n_cameras)


def _verdicts(
    film: Film,
    lasted: Sequence[tuple[float, float]],
    gaps: Sequence[float],
    *,
    is_well: bool,
    n_lost: int,
    n_told: int,
) -> list[Verdict]:
    worst = most_apart_s(lasted)
    gap_s = max(gaps, default=float("inf"))
    named = "clock stepped (" + ", ".join(step.partition(" ")[0] for step in STEPS) + ")"
    return [
        Verdict(f"{named}: runs on, exits in order", "yes" if is_well else "no", "yes", is_well),
        Verdict("clock stepped: cameras lost", str(n_lost), "0", n_lost == 0),
        Verdict("clock stepped: cameras that said so", str(n_told), str(N_CAMERAS),
                n_told == N_CAMERAS),
        Verdict("clock stepped: stays and loitering", f"{len(lasted)}, {worst:.1f} s apart",
                f"<= {HEARD_LIMIT_S:g} s", worst <= HEARD_LIMIT_S),
        Verdict("clock stepped: longest gap between crossings", f"{gap_s:.1f} s",
                f"<= {film.loop_s + HEARD_LIMIT_S:g} s", gap_s <= film.loop_s + HEARD_LIMIT_S),
    ]  # fmt: skip


def stays_s(room: ControlRoom) -> Iterator[tuple[float, float]]:
    """How long each stay in the zone was, and how long after its begin it was loitering.

    By this machine's monotonic clock, which no step touches.
    """
    ends = {heard.body["incident"]: heard.t for heard in room.of("zone_entered", "end")}
    for begin in room.of("zone_entered", "begin"):
        camera = begin.body["camera"]
        loitering = room.of("loitering", "begin", camera, begin.t)
        if begin.body["incident"] in ends and loitering:
            yield ends[begin.body["incident"]] - begin.t, loitering[0].t - begin.t


def most_apart_s(lasted: Sequence[tuple[float, float]]) -> float:
    """How far any of them is from the usual; infinite where there are none."""
    columns = list(zip(*lasted, strict=True))
    return max(
        (abs(value - median(column)) for column in columns for value in column),
        default=float("inf"),
    )


def longest_gap_s(times: Sequence[float]) -> float:
    """Between one and the next; infinite where there are less than two."""
    gaps = [after - before for before, after in pairwise(times)]
    return max(gaps, default=float("inf"))
