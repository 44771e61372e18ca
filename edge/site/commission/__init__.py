"""Commission: everything about an installation that can be tried on site, and what came of it.

Boundary: works beside the running daemon. It looks through connections of its own, listens at the
broker, reads the outbox, and changes nothing. What it does not try it names.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from edge.config import Config
from edge.detectors import Models
from edge.errors import EdgeError, OutboxError, SinkError
from edge.files import nearest
from edge.hardware import read_sensors
from edge.runtime.clock import clock_errors_ms, is_synchronised, utc_now
from edge.sinks import events_after
from edge.sinks.mqtt import Options as MqttOptions
from edge.site._check import Check
from edge.site.bench import bench
from edge.site.commission.installed import box_of, installed, versions
from edge.site.commission.link import N_TRIPS, TRIP_S, Link, read_event
from edge.site.commission.pictures import sheets
from edge.site.commission.report import Report, Seen, Sheet, Walked
from edge.site.commission.walk import Walk
from edge.site.doctor import examine
from edge.topics import ABOUT, STATUS

__all__ = ["Plan", "Report", "commission"]

Say = Callable[[str], None]

POLL_S = 0.5
BENCH_CAMERAS = 4

NEVER_TESTED = (
    "Whether what the detector misses would have been seen: `edge score` on labelled footage says.",
    "Night, rain, low sun, and whatever else is not there today.",
    "On this box: a power cut, a broken disk, days without the broker (see docs/reliability.md).",
    "Whether somebody in the control room saw the alerts: ask there.",
)


@dataclass(frozen=True)
class Plan:
    """What is to be tried.

    Attributes:
        walk_s: How long an engineer walks; None for not at all.
        left_out: Rules nobody walks for, as `camera/rule`.
        has_bench: Measure what the box still carries; takes about a minute of processor time.
        listener: Login and broker of who listens; None for the box's own.
        listener_folder: What relative paths in it start from.
        engineer: Who commissions.
    """

    walk_s: float | None
    left_out: Collection[str]
    has_bench: bool
    listener: MqttOptions | None
    listener_folder: Path
    engineer: str


def commission(config: Config, plan: Plan, say: Say) -> Report:
    """Try everything, in an order in which nothing disturbs what comes after.

    Args:
        config: As loaded; cameras that were rejected are reported too.
        plan: What is to be tried.
        say: Takes what goes on, in words.
    """
    made_at = utc_now()
    say("doctor: detectors, cameras, broker, disk, clock")
    checks = list(examine(config))
    models = Models.on_this_machine(config.appliance.storage.path)
    say("a picture of each camera")
    pages = sheets(config, models)
    checks += _pictures(pages)
    trips: tuple[float, ...] = ()
    walked: Walked | None = None
    untested = list(NEVER_TESTED)
    with contextlib.ExitStack() as stack:
        link = None
        try:
            link = stack.enter_context(closing(Link(config, plan.listener, plan.listener_folder)))
            say("messages to the broker and back")
            trips = tuple(link.round_trips_ms())
            checks.append(_round_trip(trips, has_listener=plan.listener is not None))
            checks += _daemon(config, link)
        except SinkError as exc:
            remedy = "check mqtt: in appliance.yaml, the login given here, and the broker's log"
            checks.append(Check("MQTT round trip", "red", str(exc), remedy))
            untested.append("Whether the daemon runs: only the broker could have said so.")
        if plan.walk_s is None:
            untested.append("Rules: nobody walked (--no-walk).")
        else:
            walked, trouble = _walk(config, plan, plan.walk_s, link, say)
            checks += [*trouble, *_judged(walked)]
    capacity = _capacity(config)
    if plan.has_bench:
        check, measured = _bench(config, say)
        checks.append(check)
        capacity |= measured
    else:
        untested.append("How many more cameras the box carries (--no-bench).")
    if plan.listener is None:
        untested.append(
            "Whether a control room may hear this box: it listened with its own login (--username)."
        )
    return Report(
        made_at=made_at.isoformat(timespec="seconds"),
        engineer=plan.engineer,
        box=box_of(config),
        versions=versions(),
        checks=tuple(checks),
        cameras=tuple(pages),
        walk=walked,
        round_trip_ms=trips,
        clock=_clock(),
        sensors=read_sensors(),
        capacity=capacity,
        installed=tuple(installed(config, models)),
        untested=tuple(untested),
    )


def _pictures(pages: list[Sheet]) -> Iterator[Check]:
    for page in pages:
        if not page.picture:
            level = "amber" if "metadata_only" in page.found else "red"
            yield Check(f"picture {page.camera}", level, page.found)  # type: ignore[arg-type]
        for shape in page.shapes:
            if not shape.is_calibrated:
                yield Check(
                    f"detail {page.camera}",
                    "amber",
                    "not calibrated: nobody knows how many pixels a metre has",
                    "measure the ground: docs/technician.md, calibration",
                )
                break


def _round_trip(trips: tuple[float, ...], *, has_listener: bool) -> Check:
    name = "MQTT round trip"
    if len(trips) < N_TRIPS:
        remedy = "ask who runs the broker: its access list must let this box write `doctor`"
        if not has_listener:
            remedy = (
                "most brokers let no box hear itself: give --username and the login of a control "
                "room or an observer"
            )
        found = f"{len(trips)} of {N_TRIPS} messages came back within {TRIP_S:g} s each"
        return Check(name, "red", found, remedy)
    ordered = sorted(trips)
    middle, worst = ordered[len(ordered) // 2], ordered[-1]
    found = f"{N_TRIPS} messages published and heard again: {middle:.1f} ms, at most {worst:.1f} ms"
    return Check(name, "green", found)


def _daemon(config: Config, link: Link) -> Iterator[Check]:
    """Whether the daemon is up with these files, and watches every camera, as the broker says."""
    state = link.states.get(STATUS, {}).get("state")
    if state != "online":
        found = f"the broker says it is {state}" if state else "the broker knows nothing of it"
        yield Check("daemon", "red", found, "systemctl start edge; journalctl -u edge")
        return
    runs = str(link.states.get(ABOUT, {}).get("config", ""))
    if runs == config.sha256:
        yield Check("daemon", "green", f"online, with configuration {config.short_hash}")
    else:
        found = f"runs configuration {runs[:8] or 'unknown'}; the files are {config.short_hash}"
        yield Check("daemon", "red", found, "systemctl reload edge, then edge commission again")
    for camera in config.cameras:
        said = link.states.get(f"camera/{camera.camera}/status", {})
        if camera.enabled and said.get("state") != "watching":
            found = f"{said.get('state', 'the broker knows nothing of it')}: {said.get('why', '')}"
            yield Check(f"watching {camera.camera}", "red", found.rstrip(": "))


def _walk(
    config: Config, plan: Plan, walk_s: float, link: Link | None, say: Say
) -> tuple[Walked, list[Check]]:
    """Wait for every rule; ends when all have said something, the time is over, or at Ctrl-C."""
    walk = Walk(config.cameras, plan.left_out)
    states = link.states if link is not None else {}
    for topic, state in states.items():
        if "/state/" in topic:
            _, camera, _, rule = topic.split("/")
            walk.note_state(camera, rule, state)
    outbox = config.appliance.storage.path / "outbox.db"
    trouble: list[Check] = []
    try:
        last = max((seq for seq, _ in events_after(outbox, 0)), default=0)
    except OutboxError as exc:
        trouble.append(Check("outbox", "amber", str(exc), "run it as the service's user"))
        last = -1
    say(f"walk now, for at most {walk_s:g} s: {', '.join(walk.waiting) or 'no rule is armed'}")
    began = time.monotonic()
    with contextlib.suppress(KeyboardInterrupt):
        while walk.waiting and (left := began + walk_s - time.monotonic()) > 0:
            news = list(_heard(walk, link, min(left, POLL_S)))
            last, more = _decided(walk, outbox, last)
            for seen in (*news, *more):
                say(f"  {seen.at}  {seen.camera}/{seen.rule}  {seen.kind} {seen.where}")
    # What the box decided last may be under way to the broker.
    for _ in _heard(walk, link, POLL_S):
        continue
    return walk.result(time.monotonic() - began), trouble


def _heard(walk: Walk, link: Link | None, timeout_s: float) -> Iterator[Seen]:
    if link is None:
        time.sleep(timeout_s)
        return
    for event in link.events(timeout_s):
        seen = walk.take(event, is_heard=True)
        if seen is not None:
            yield seen


def _decided(walk: Walk, outbox: Path, last: int) -> tuple[int, list[Seen]]:
    """What the box has decided since, whoever heard it."""
    found: list[Seen] = []
    if last < 0:
        return last, found
    with contextlib.suppress(OutboxError):
        for seq, payload in events_after(outbox, last):
            last = max(last, seq)
            seen = walk.take(read_event(payload), is_heard=False)
            found += [seen] if seen is not None else []
    return last, found


def _judged(walked: Walked) -> Iterator[Check]:
    for rule in walked.silent:
        found = f"RULE {rule} DID NOT FIRE in {walked.seconds:g} s"
        remedy = (
            "walk so that it must; look at zone, line, direction, classes and sizes; where it "
            f"cannot be walked for: --leave-out {rule}"
        )
        yield Check(f"walk {rule}", "red", found, remedy)
    unheard = [seen for seen in walked.events if not seen.is_heard]
    if unheard:
        found = f"{len(unheard)} of {len(walked.events)} events were decided and not heard"
        yield Check(
            "walk, heard", "red", found, "look at the MQTT round trip; events wait in the outbox"
        )
    for rule, why in walked.left_out.items():
        yield Check(f"walk {rule}", "amber", f"not tested: {why}")
    if not (walked.silent or walked.fired or walked.left_out):
        yield Check("walk", "red", "there is no rule to walk for", "docs/technician.md, rules")
    elif walked.fired and not walked.silent:
        found = f"{len(walked.fired)} rules fired within {walked.seconds:g} s"
        yield Check("walk", "green", found)


def _clock() -> dict[str, str]:
    known = {"utc": f"{utc_now():%Y-%m-%d %H:%M:%S}"}
    said = {True: "yes", False: "NO", None: "the kernel does not tell"}
    known["synchronised"] = said[is_synchronised()]
    if (errors := clock_errors_ms()) is not None:
        known["offset being corrected"] = f"{errors[0]:.3f} ms"
        known["wrong by at most"] = f"{errors[1]:.1f} ms, as the kernel estimates"
    return known


def _capacity(config: Config) -> dict[str, str]:
    path = config.appliance.storage.path
    disk = shutil.disk_usage(nearest(path))
    known = {
        f"disk of {path}": f"{disk.free / 2**30:.1f} of {disk.total / 2**30:.1f} GiB free",
        "processor, load of 5 min": f"{os.getloadavg()[1]:.2f} on "
        f"{len(os.sched_getaffinity(0))} cores",
    }
    memory = dict(
        line.split(":", 1) for line in Path("/proc/meminfo").read_text("ascii").splitlines()
    )
    free, whole = (int(memory[key].split()[0]) for key in ("MemAvailable", "MemTotal"))
    known["memory"] = f"{free / 2**20:.1f} of {whole / 2**20:.1f} GiB free"
    return known


def _bench(config: Config, say: Say) -> tuple[Check, dict[str, str]]:
    """What the box carries beside what it does already."""
    detectors = config.appliance.detectors.values()
    model = next(
        (
            str(getattr(d, "model", ""))
            for d in detectors
            if isinstance(getattr(d, "model", None), str)
        ),
        "yolox-nano",
    )
    say("capacity: simulated cameras, about a minute")
    service = logging.getLogger("edge.service")
    was, service.disabled = service.disabled, True  # `measured with less` says the same
    try:
        found = bench(BENCH_CAMERAS, model, config.appliance.storage.path, is_quick=True, say=say)
    except EdgeError as exc:
        return Check("capacity", "amber", f"could not be measured: {exc}"), {}
    finally:
        service.disabled = was
    cores = len(os.sched_getaffinity(0))
    more = found.idle.per_core_all * cores
    busy = found.efficiency[-1]
    words = {
        "idle cameras it would carry": f"about {more:.0f}, 1080p at 15 fps, by what "
        f"{BENCH_CAMERAS} simulated ones cost beside the service; a quick estimate",
        "busy cameras, measured": f"{busy.cameras} together: {busy.whole_fps:.0f} pictures a "
        f"second with {found.model}",
    }
    if found.idle.trouble:
        words["measured with less"] = found.idle.trouble
    return Check("capacity", "green", words["idle cameras it would carry"]), words
