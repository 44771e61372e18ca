"""One run: start, faults one after the other, stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

from tests.servers import eventually, mosquitto
from tests.soak.box import Box, configuration
from tests.soak.faults import Fault, Planned, n_kinds, schedule
from tests.soak.film import Film
from tests.soak.knocks import Knocks
from tests.soak.record import Happened, Record
from tests.soak.room import ControlRoom
from tests.soak.site import Group, Site

START_S = 60.0
"""Longest wait for all cameras at the start, before the run is given up."""

CALM_S = 12.0
"""After the start, and before the end: longer than a connection needs to count as steady (10 s)."""

PAUSE_S = 4.0
"""Between the last camera's return and the next fault: what is heard late belongs to the last."""

RETURN_S = 90.0
"""Longest wait for cameras after a fault: longer than the longest back-off, 60 s."""

UNNOTICED_S = 7.0
"""What a fault broke without stopping the pictures may come out after it: over UDP a connection
that is gone is noticed by 5 s of silence."""

SAMPLE_S = 5.0


class NotStarted(Exception):
    """The box did not come into service; the text says what it said."""


def soak(
    site: Site,
    folder: Path,
    *,
    film: Film,
    minutes: float,
    seed: int,
    longest_s: float,
    say: Callable[[str], None],
) -> Record:
    """Run the box against a site for so long, and at least one round of every fault.

    Args:
        site: The cameras, switched on.
        folder: For configuration and logs.
        film: What they show.
        minutes: How long faults are injected.
        seed: Of the faults.
        longest_s: Of one fault.
        say: Takes a line on every fault.

    Raises:
        NotStarted: Not every camera was watched within `START_S`.
    """
    (folder / "broker").mkdir(parents=True)
    cable = site.groups[0].cable
    delay_by = "netem" if cable.has_netem else "a detour in user space" if cable.can_delay else ""
    loss_by = cable.lose(0.01)
    cable.mend()
    with site.network.inside():
        knocks = Knocks()
    with mosquitto(folder / "broker") as broker:
        room = ControlRoom(broker.port)
        began = time.monotonic()
        with Box(configuration(folder / "box", site.sources, broker.port)) as box:
            box.sample_every(SAMPLE_S)
            started_s = _started(box, room, site, began)
            say(f"{len(site.sources)} cameras watched after {started_s:.1f} s")
            time.sleep(CALM_S)
            plan = schedule(seed, len(site.groups), longest_s, can_delay=bool(delay_by))
            n_least = n_kinds(can_delay=bool(delay_by))
            until = began + minutes * 60
            faults = [_inject(box, room, site, planned, say) for planned in islice(plan, n_least)]
            faults += _until(until, plan, lambda planned: _inject(box, room, site, planned, say))
            time.sleep(CALM_S)
            status = box.stop() if box.is_running else box.process.returncode
            eventually(lambda: room.node and room.node[-1].body["state"] == "stopped", 5.0)
            complaints = _complaints(box.output)
        room.close()
        room.keep(folder / "heard.jsonl")
    knocks.close()
    return Record(
        site.sources, film, room, knocks, box.samples, faults,
        started_s, status, complaints, loss_by, delay_by,
    )  # fmt: skip


def _started(box: Box, room: ControlRoom, site: Site, began: float) -> float:
    names = [source.camera for source in site.sources]
    eventually(lambda: not box.is_running or all(map(room.is_watched, names)), START_S)
    turned = [room.watched_since(name, began) for name in names]
    missing = [name for name, t in zip(names, turned, strict=True) if t is None]
    if missing:
        said = "\n".join(box.output.read_text().splitlines()[-20:])
        raise NotStarted(f"not watched after {START_S:.0f} s: {', '.join(missing)}\n{said}")
    return max(t for t in turned if t is not None) - began


def _until(
    until: float, plan: Iterable[Planned], inject: Callable[[Planned], Happened]
) -> list[Happened]:
    faults: list[Happened] = []
    for planned in plan:
        if time.monotonic() >= until:
            break
        faults.append(inject(planned))
    return faults


def _inject(
    box: Box, room: ControlRoom, site: Site, planned: Planned, say: Callable[[str], None]
) -> Happened:
    groups = [site.groups[number] for number in planned.groups]
    cameras = frozenset().union(*(group.cameras for group in groups))
    began = time.monotonic()
    with ThreadPoolExecutor(len(groups)) as at_once:
        list(at_once.map(planned.fault.begin, groups))
        time.sleep(planned.lasts_s)
        spans = list(at_once.map(lambda group: _taken_back(planned.fault, group), groups))
    happened = Happened(
        planned.fault,
        cameras,
        began,
        time.monotonic(),
        silent_until=_of_each(groups, [since for since, _ in spans]),
        back=_of_each(groups, [until for _, until in spans]),
    )
    _await_return(box, room, happened)
    slowest_s = max(happened.recovery_s.values(), default=0.0)
    missing = sorted(cameras - happened.watched.keys())
    outcome = f"never watched again: {', '.join(missing)}" if missing else f"{slowest_s:.1f} s"
    say(
        f"{began:9.1f} {planned.fault.name:12} {planned.lasts_s:5.1f} s, "
        f"{len(cameras):2} cameras, back after {outcome}"
    )
    time.sleep(PAUSE_S)
    return happened


def _taken_back(fault: Fault, group: Group) -> tuple[float, float]:
    """End a fault of one group; when that began, and when it was done."""
    since = time.monotonic()
    fault.end(group)
    return since, time.monotonic()


def _of_each(groups: Sequence[Group], times: Sequence[float]) -> dict[str, float]:
    """The time of its group for each camera."""
    return {camera: t for group, t in zip(groups, times, strict=True) for camera in group.cameras}


def _await_return(box: Box, room: ControlRoom, happened: Happened) -> None:
    """Note when each camera was watched again, once it had been anything else."""

    def are_back() -> bool:
        for camera in happened.cameras - happened.watched.keys():
            if room.is_watched(camera):
                back = happened.back[camera]
                watched = room.watched_since(camera, back)
                happened.watched[camera] = back if watched is None else watched
        return not box.is_running or happened.watched.keys() == happened.cameras

    if not happened.fault.is_loss:
        time.sleep(UNNOTICED_S)
    eventually(are_back, RETURN_S)


def _complaints(output: Path) -> list[str]:
    lines = output.read_text().splitlines()
    marks = ("Traceback", "internal error", "ERROR", "CRITICAL")
    return [line for line in lines if any(mark in line for mark in marks)]
