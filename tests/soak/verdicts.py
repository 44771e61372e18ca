"""Verdicts: what a run shows, each figure beside the limit it is held against."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median, quantiles
from typing import Any

from scipy.stats import theilslopes

from edge.backoff import back_off_s
from edge.runtime.diagnosis import LOST_S
from tests.soak.box import Sample
from tests.soak.record import Happened, Record
from tests.soak.room import is_watching

START_LIMIT_S = 10.0
SAID_MARGIN_S = 3.0
"""On top of LOST_S: the watcher looks twice a second, the rest is for a machine that is busy."""

NOTICED_S = 1.0
"""What was on its way when a fault began has been heard by then."""

BLIP_LIMIT_S = 2.0
READ_TIMEOUT_S = 5.0
"""A source's: how long an attempt may hang that began just before the camera was back."""

RATE_LIMIT = 0.9
"""Share of a healthy camera's packets that must be there in each health message's half minute."""

LATENESS_LIMIT_S = 1.0
"""How much later than in quiet times 95 % of a healthy camera's events may come."""

N_JUDGED = 100
"""Events from which a p95 means anything: the gate alone makes one 0 to 2 s late, by chance."""

SEEN_LIMIT = 0.95
"""Of the crossings filmed. Less than all, because a machine that also encodes, serves and breaks
the cameras sometimes leaves too little for the box, which then skips, and counts it."""

HEARD_LATE_S = 4.0
"""Of a crossing: a keyframe interval until the gate stirs, and as long to catch up."""

SCENE_KINDS = ("camera_frozen", "camera_covered", "camera_moved")
"""None of it is in the film."""

WARM_UP_S = 120.0
"""Rings, decoders and the allocator's arenas have grown by then."""

JUDGED_S = 900.0
"""A slope from less than this says more about the allocator than about a leak."""

SLOPE_LIMIT_MIB_H = 16.0
"""32 cameras at 0.5 MiB an hour each; a leak of one packet a reconnection would be far above."""

HALF_JUDGED_S = 600.0
"""Of the second half, by which every kind of fault has come once and the heap has its size."""

MOST_TOLD = 5
"""Of what must never be, so many are told in full."""

STORM_SHARE = 0.5
"""Of all cameras within 100 ms. The first waits are spread over 500 ms: for 32 cameras 6.4 on
average, and 16 is four standard deviations above that."""


@dataclass(frozen=True)
class Verdict:
    """One line of the table.

    Attributes:
        name: What was measured.
        figure: What it came to, with its unit.
        limit: What it is held against; empty where it is only told.
        is_met: Within the limit.
    """

    name: str
    figure: str
    limit: str = ""
    is_met: bool = True


def judge(record: Record) -> list[Verdict]:
    """All verdicts on a run."""
    parts: tuple[Callable[[Record], Iterator[Verdict]], ...] = (
        _service, judge_losses, _recoveries, _storms, _isolation, _honesty, judge_resources,
    )  # fmt: skip
    return [verdict for part in parts for verdict in part(record)]


def _service(record: Record) -> Iterator[Verdict]:
    n = len(record.sources)
    yield Verdict(
        f"start of {n} cameras", f"{record.started_s:.1f} s", f"<= {START_LIMIT_S:.0f} s",
        record.started_s <= START_LIMIT_S,
    )  # fmt: skip
    yield Verdict("exit status", str(record.status), "0", record.status == 0)
    said = f"{len(record.complaints)}" + (f": {record.complaints[0]}" if record.complaints else "")
    yield Verdict("errors in its log", said, "0", not record.complaints)


def judge_losses(record: Record) -> Iterator[Verdict]:
    """Each loss is said in time, and taken back."""
    delays: list[float] = []
    unsaid: list[str] = []
    for happened in record.faults:
        if not happened.fault.is_loss:
            continue
        for camera in sorted(happened.cameras):
            begins = record.room.of("camera_lost", "begin", camera, happened.began)
            if begins and begins[0].t <= happened.began + LOST_S + SAID_MARGIN_S:
                delays.append(begins[0].t - happened.began)
            else:
                unsaid.append(f"{camera} {happened.fault.name}")
    limit_s = LOST_S + SAID_MARGIN_S
    false = [
        f"{heard.body['camera']} {happened.fault.name}, {heard.t - happened.began:.1f} s after: "
        f"{heard.body['state']} {heard.body.get('why') or ''}".rstrip()
        for happened in record.faults
        if happened.fault.is_loss
        for heard in record.room.statuses
        if heard.body["camera"] in happened.cameras
        and happened.began + NOTICED_S < heard.t < happened.silent_until[heard.body["camera"]]
        and is_watching(heard.body)
    ]
    yield Verdict(
        "said to be watched while nothing came",
        f"{len(false)}" + "".join(f"; {one}" for one in false[:MOST_TOLD]),
        "0",
        not false,
    )
    yield Verdict(
        "camera_lost after a fault",
        f"{_spread(delays)}; {len(unsaid)} of {len(delays) + len(unsaid)} late or unsaid"
        + _first(unsaid),
        f"<= {limit_s:.0f} s",
        not unsaid,
    )


def _recoveries(record: Record) -> Iterator[Verdict]:
    for name in sorted({happened.fault.name for happened in record.faults}):
        found = [happened for happened in record.faults if happened.fault.name == name]
        tcp = {source.camera for source in record.sources if source.transport == "tcp"}
        for transport, members in (
            ("tcp", tcp), ("udp", {source.camera for source in record.sources} - tcp)
        ):  # fmt: skip
            times: list[float] = []
            late: list[str] = []
            for happened in found:
                limit_s = _recovery_limit_s(happened, transport)
                for camera in happened.cameras & members:
                    recovery_s = happened.recovery_s.get(camera)
                    if recovery_s is not None:
                        times.append(recovery_s)
                    if recovery_s is None or recovery_s > limit_s:
                        late.append(f"{camera} {recovery_s or float('inf'):.1f} s")
            if times or late:
                limit_s = max(_recovery_limit_s(happened, transport) for happened in found)
                yield Verdict(
                    f"watched again: {name}, {transport}",
                    f"{_spread(times)} of {len(times)}" + _first(late),
                    f"<= {limit_s:.1f} s",
                    not late,
                )


def _recovery_limit_s(happened: Happened, transport: str) -> float:
    """At the first back-off step 2 s; later what the step in force by then allows.

    With waits halved by chance, n failures take at least half of 2^n - 1 s, so that a fault of d
    seconds is met with a wait of at most 2 d + 1.
    """
    if happened.fault.is_blip:
        return BLIP_LIMIT_S if transport == "tcp" else READ_TIMEOUT_S + BLIP_LIMIT_S
    lasted_s = happened.ended - happened.began
    longest_s = back_off_s(100, lambda: 0.0)
    return min(longest_s, 2 * lasted_s + 1.0) + READ_TIMEOUT_S + BLIP_LIMIT_S


def _storms(record: Record) -> Iterator[Verdict]:
    cuts = [happened for happened in record.faults if len(happened.cameras) == len(record.sources)]
    most = max(
        (record.knocks.most_at_once(cut.began, cut.over + 1.0) for cut in cuts), default=0
    )  # fmt: skip
    after = max(
        (record.knocks.most_at_once(cut.ended, cut.over + 1.0) for cut in cuts), default=0
    )  # fmt: skip
    limit = max(2, round(STORM_SHARE * len(record.sources)))
    yield Verdict(
        "attempts within 100 ms, power cut of all",
        f"{most}; {after} after the power's return; {len(cuts)} cuts",
        f"<= {limit}",
        most <= limit,
    )


def _isolation(record: Record) -> Iterator[Verdict]:
    """What happens to one camera is not felt by another."""
    troubled = record.troubled
    rates = [
        share
        for before, after in pairwise(record.room.healths)
        for camera, share in _packet_shares(record, before.body, after.body, before.t, after.t)
        if not _overlap(troubled[camera], before.t, after.t)
    ]
    low = min(rates, default=1.0)
    yield Verdict(
        "healthy cameras: packets taken, of those sent",
        f"least {low:.1%} in {len(rates)} half minutes" if rates else "no quiet half minute",
        f">= {RATE_LIMIT:.0%}",
        low >= RATE_LIMIT,
    )
    stray = [
        f"{heard.body['camera']} {heard.body['state']}: {heard.body.get('why', '')}"
        for heard in record.room.statuses
        if heard.t > record.faults[0].began
        and not is_watching(heard.body)
        and heard.t < record.faults[-1].over
        and not _overlap(troubled[heard.body["camera"]], heard.t, heard.t)
    ]
    yield Verdict("healthy cameras: other states", f"{len(stray)}{_first(stray)}", "0", not stray)
    quiet, during = _latenesses(record)
    is_judged = min(len(quiet), len(during)) >= N_JUDGED
    yield Verdict(
        "healthy cameras: events late, p95",
        f"{_p95(during):.2f} s during others' faults ({len(during)}), {_p95(quiet):.2f} s without "
        f"({len(quiet)})",
        f"<= {LATENESS_LIMIT_S:.0f} s more" if is_judged else "",
        not is_judged or _p95(during) - _p95(quiet) <= LATENESS_LIMIT_S,
    )
    n_due, n_seen = _crossings(record)
    yield Verdict(
        "healthy cameras: crossings seen, of those due",
        f"{n_seen} of {n_due}; {_n_skipped(record)} packets skipped",
        f">= {SEEN_LIMIT:.0%}",
        n_seen >= SEEN_LIMIT * n_due,
    )


def _n_skipped(record: Record) -> int:
    """All cameras', of which those that were stalled get more at once than they can use."""
    if not record.room.healths:
        return 0
    return sum(camera["skipped"] for camera in record.room.healths[-1].body["cameras"].values())


def _packet_shares(
    record: Record, before: Mapping[str, Any], after: Mapping[str, Any], t0: float, t1: float
) -> Iterator[tuple[str, float]]:
    for camera, figures in after["cameras"].items():
        taken = figures["packets"] - before["cameras"][camera]["packets"]
        yield camera, taken / ((t1 - t0) * record.film.fps)


def _latenesses(record: Record) -> tuple[list[float], list[float]]:
    """Of crossings of healthy cameras: without any fault, and while other cameras had one."""
    troubled = record.troubled
    everything = [span for spans in troubled.values() for span in spans]
    quiet: list[float] = []
    during: list[float] = []
    for heard in record.room.of("line_crossed", "pulse", since=record.faults[0].began):
        happened_at = heard.t - heard.late_s
        if _overlap(troubled[heard.body["camera"]], happened_at, heard.t):
            continue
        (during if _overlap(everything, happened_at, heard.t) else quiet).append(heard.late_s)
    return quiet, during


def _crossings(record: Record) -> tuple[int, int]:
    """Crossings a healthy camera must have had, and those heard."""
    n_due = n_seen = 0
    first, last = record.faults[0].began, record.faults[-1].over
    for source in record.sources:
        edges = [first, *(t for span in record.troubled[source.camera] for t in span), last]
        for since, until in zip(edges[::2], edges[1::2], strict=True):
            due = max(0, int((until - since - HEARD_LATE_S) / record.film.loop_s))
            crossings = record.room.of("line_crossed", "pulse", source.camera, since)
            n_due += due
            n_seen += min(due, sum(heard.t <= until for heard in crossings))
    return n_due, n_seen


def _honesty(record: Record) -> Iterator[Verdict]:
    bodies = {heard.body["id"]: heard.body for heard in record.room.events}
    phases = Counter((body["incident"], body["phase"]) for body in bodies.values())
    begun = {incident for incident, phase in phases if phase == "begin"}
    ended = {incident for incident, phase in phases if phase == "end"}
    yield Verdict(
        "incidents begun and ended",
        f"{len(begun)} and {len(ended)}",
        "the same",
        begun == ended and all(phases[incident, "end"] == 1 for incident in begun),
    )
    numbers = sorted(body["seq"] for body in bodies.values())
    n_missing = (numbers[-1] - numbers[0] + 1 - len(numbers)) if numbers else 0
    yield Verdict("messages missing, by seq", f"{n_missing} of {len(numbers)}", "0", n_missing == 0)
    alarms = [
        f"{body['camera']} {body['kind']}"
        for body in bodies.values()
        if body["kind"] in SCENE_KINDS and body["phase"] == "begin"
    ]
    yield Verdict("pictures said to be dead", f"{len(alarms)}{_first(alarms)}", "0", not alarms)
    kinds = Counter(body["kind"] for body in bodies.values() if body["phase"] != "end")
    yield Verdict("events heard", ", ".join(f"{n} {kind}" for kind, n in kinds.most_common()))


def judge_resources(record: Record) -> Iterator[Verdict]:
    """Memory, threads and files stay as they are."""
    samples = record.samples
    began = samples[0].t
    warm = [sample for sample in samples if sample.t - began >= WARM_UP_S]
    span_s = warm[-1].t - warm[0].t if len(warm) > 2 else 0.0
    peak = max(sample.rss_mib for sample in samples)
    n = len(record.sources)
    yield Verdict(
        "memory", f"{peak:.0f} MiB at most, {peak / n:.1f} a camera with its ring and all else"
    )
    if span_s >= JUDGED_S:
        yield _slope("memory, slope", warm)
    else:
        yield Verdict("memory, slope", f"not judged: {span_s / 60:.0f} min after warm-up")
    if span_s / 2 >= HALF_JUDGED_S:
        half = [sample for sample in warm if sample.t - warm[0].t >= span_s / 2]
        yield _slope("memory, slope of the second half", half)
    for name in ("n_threads", "n_fds"):
        # Faults change both for a while; a leak shows in what is least.
        yield _flat(name, [getattr(sample, name) for sample in samples], n)
    used_s = samples[-1].cpu_s - samples[0].cpu_s
    cores = used_s / (samples[-1].t - began)
    yield Verdict("processor", f"{cores:.2f} cores, {100 * cores / n:.1f} % of one a camera")


def _slope(name: str, samples: Sequence[Sample]) -> Verdict:
    """By how much memory rises, of the median of all pairs of samples."""
    hours = [sample.t / 3600 for sample in samples]
    slope, _, low, high = theilslopes([sample.rss_mib for sample in samples], hours)
    span_s = samples[-1].t - samples[0].t
    return Verdict(
        name,
        f"{slope:+.1f} MiB/h (95 %: {low:+.1f} to {high:+.1f}) over {span_s / 60:.0f} min",
        f"<= {SLOPE_LIMIT_MIB_H:.0f} MiB/h",
        bool(slope <= SLOPE_LIMIT_MIB_H),
    )


def _flat(name: str, values: Sequence[int], n_cameras: int) -> Verdict:
    third = max(1, len(values) // 3)
    early, late = median(values[:third]), median(values[-third:])
    told = {"n_threads": "threads", "n_fds": "file descriptors"}[name]
    return Verdict(
        told,
        f"{early:.0f} in the first third, {late:.0f} in the last; {max(values)} at most",
        f"no more than {max(2, n_cameras // 8)} apart",
        late - early <= max(2, n_cameras // 8),
    )


def _overlap(spans: Sequence[tuple[float, float]], since: float, until: float) -> bool:
    """Whether a time has to do with one of the spans; what it stirred up lasts a little longer."""
    return any(since <= end + SAID_MARGIN_S and until >= begin for begin, end in spans)


def _spread(values: Sequence[float]) -> str:
    if not values:
        return "none"
    return f"median {median(values):.1f} s, most {max(values):.1f} s"


def _p95(values: Sequence[float]) -> float:
    if len(values) < 2:
        return max(values, default=0.0)
    return quantiles(values, n=20, method="inclusive")[-1]


def _first(found: Sequence[str]) -> str:
    return f" ({found[0]}{', …' if len(found) > 1 else ''})" if found else ""
