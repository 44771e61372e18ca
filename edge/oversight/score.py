"""Score: alarms against what happened, event by event. Pure.

An alarm is right when it comes within the window of an event of its camera, rule and direction
that no other alarm explains; so two people who cross together need two alarms. Pairs are chosen so
that as many as possible are right, and among those so that the delays are smallest.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from edge.errors import InputError
from edge.oversight._matching import Judged, judge
from edge.oversight.measures import Interval, f_measure, percentile, poisson_interval, wilson
from edge.oversight.truth import Alarm, Recording

DAY_S = 86400.0


@dataclass(frozen=True)
class Parameters:
    """What the measure leaves open.

    The i-LIDS user guide's own values could not be read in its text; these are what is reported of
    it, and may be replaced.

    Attributes:
        early: Seconds an alarm may come before its event, where the truth does not say: labelling
            by eye is good to some tenths of a second.
        late: Seconds it may come after.
        alpha_alert: Recall bias of the role *operational alert*; 0.55 to 0.75 by scenario.
        alpha_recording: Recall bias of the role *event recording*.
        strict: A second alarm for an event that has one is false. By i-LIDS it is not counted
            again; a second *pulse* is false always, because it is counted.
    """

    early: float = 1.0
    late: float = 10.0
    alpha_alert: float = 0.65
    alpha_recording: float = 60.0
    strict: bool = False


@dataclass(frozen=True)
class Tally:
    """How often right and wrong.

    Attributes:
        n_true: Events that were reported.
        n_missed: Events that were not.
        n_false: Alarms without an event; None where alarms cannot be told apart by the condition.
        n_again: Further alarms for an event that had one, not counted.
    """

    n_true: int = 0
    n_missed: int = 0
    n_false: int | None = 0
    n_again: int = 0

    @property
    def recall(self) -> float | None:
        """Share of the events that were reported; None without events."""
        n = self.n_true + self.n_missed
        return self.n_true / n if n else None

    @property
    def recall_interval(self) -> Interval | None:
        """Wilson's interval of recall, 95 %."""
        return wilson(self.n_true, self.n_true + self.n_missed)

    @property
    def precision(self) -> float | None:
        """Share of the alarms that were right; None without alarms."""
        n = self.n_true + (self.n_false or 0)
        return self.n_true / n if n and self.n_false is not None else None

    @property
    def precision_interval(self) -> Interval | None:
        """Wilson's interval of precision, 95 %."""
        if self.n_false is None:
            return None
        return wilson(self.n_true, self.n_true + self.n_false)

    def f1(self, alpha: float) -> float | None:
        """The i-LIDS measure; see `f_measure`."""
        if self.n_false is None:
            return None
        return f_measure(self.n_true, self.n_missed, self.n_false, alpha)


@dataclass(frozen=True)
class Found:
    """One miss or one false alarm, for a person to look up.

    Attributes:
        camera: Where.
        rule: By which rule.
        at: Seconds into the recording.
        clip: The recording.
        direction: Of a line.
        words: The truth's note, or the message's id.
    """

    camera: str
    rule: str
    at: float
    clip: str
    direction: str | None
    words: str


@dataclass(frozen=True)
class LineCount:
    """How well one direction of one line was counted.

    Attributes:
        camera: Whose line.
        rule: The rule that counts.
        direction: Side crossed to.
        n_expected: Crossings that happened, doubtful ones left out.
        n_counted: Crossings that were reported, those that explain a doubtful one left out.
        absolute: Sum over the recordings of how far each count was off; errors of opposite sign in
            two recordings do not cancel here.
    """

    camera: str
    rule: str
    direction: str
    n_expected: int
    n_counted: int
    absolute: int

    @property
    def signed(self) -> int:
        """Counted less expected: what a day's total is off by."""
        return self.n_counted - self.n_expected


@dataclass(frozen=True)
class Score:
    """How well alarms met what happened.

    Attributes:
        parameters: As it was judged.
        total: Over everything.
        seconds: Recordings watched, added up.
        delays: Seconds from event to alarm of each right alarm, in order of time.
        by_rule: By `camera/rule`.
        by_condition: By tag, such as `light=night`; events have the tags of their recording too.
        lines: Count by line and direction.
        misses: What was not reported.
        false_alarms: What was reported and did not happen.
        left_out: How many messages were not judged, by reason.
    """

    parameters: Parameters
    total: Tally
    seconds: float
    delays: tuple[float, ...]
    by_rule: dict[str, Tally]
    by_condition: dict[str, Tally]
    lines: tuple[LineCount, ...]
    misses: tuple[Found, ...]
    false_alarms: tuple[Found, ...]
    left_out: dict[str, int]

    @property
    def camera_days(self) -> float:
        """How long was watched; one camera for a day is one."""
        return self.seconds / DAY_S

    @property
    def false_per_camera_day(self) -> float:
        """False alarms in a day of one camera."""
        return (self.total.n_false or 0) / self.camera_days

    @property
    def false_per_camera_day_interval(self) -> Interval:
        """Exact Poisson interval of that rate, 95 %."""
        low, high = poisson_interval(self.total.n_false or 0)
        return low / self.camera_days, high / self.camera_days

    def delay(self, share: float) -> float | None:
        """Delay that this share of the right alarms does not exceed, in seconds."""
        return percentile(self.delays, share)


def score(
    recordings: Sequence[Recording], alarms: Iterable[Alarm], parameters: Parameters
) -> Score:
    """Judge alarms against the truth.

    Args:
        recordings: What happened; each camera's recordings apart in time.
        alarms: Messages in any order; the same `id` twice is one message (delivery is at least
            once).
        parameters: What the measure leaves open.

    Returns:
        The score.

    Raises:
        InputError: Two recordings of one camera overlap, or no message lies within any of them.
    """
    _check_apart(recordings)
    left_out: Counter[str] = Counter()
    sorted_out = _sorted_out(recordings, alarms, left_out)
    judged = [
        judge(recording, sorted_out[index], left_out, is_strict=parameters.strict)
        for index, recording in enumerate(recordings)
    ]
    return _summed(judged, parameters, left_out)


def _check_apart(recordings: Sequence[Recording]) -> None:
    by_camera: dict[str, list[Recording]] = defaultdict(list)
    for recording in recordings:
        by_camera[recording.header.camera].append(recording)
    for camera, several in by_camera.items():
        several.sort(key=lambda one: one.header.start)
        for one, other in pairwise(several):
            if one.offset(other.header.start) < one.header.seconds:
                raise InputError(
                    f"camera {camera}: {one.header.clip} and {other.header.clip} overlap in time; "
                    "give each header the `start` its recording was replayed with"
                )


def _sorted_out(
    recordings: Sequence[Recording], alarms: Iterable[Alarm], left_out: Counter[str]
) -> dict[int, list[tuple[Alarm, float]]]:
    """Alarms with their time by number of the recording they lie in."""
    found: dict[int, list[tuple[Alarm, float]]] = defaultdict(list)
    seen: set[str] = set()
    strays: list[Alarm] = []
    n_inside = 0
    for alarm in alarms:
        if alarm.id in seen:
            left_out["delivered again"] += 1
            continue
        seen.add(alarm.id)
        index = next((i for i, one in enumerate(recordings) if one.holds(alarm)), None)
        if index is None:
            left_out["outside every recording"] += 1
            strays.append(alarm)
            continue
        n_inside += 1
        recording = recordings[index]
        if alarm.rule is None:
            left_out[f"about the appliance ({alarm.kind})"] += 1
        elif alarm.rule not in recording.header.rules:
            left_out[f"of a rule without truth ({alarm.camera}/{alarm.rule})"] += 1
        elif alarm.phase in ("begin", "pulse"):
            found[index].append((alarm, recording.offset(alarm.at)))
    if strays and not n_inside:
        _explain_strays(recordings, strays[0])
    return found


def _explain_strays(recordings: Sequence[Recording], stray: Alarm) -> None:
    header = recordings[0].header
    cameras = sorted({one.header.camera for one in recordings})
    if stray.camera not in cameras:
        raise InputError(
            f"no event is of a camera in the truth: events are of {stray.camera!r}, the truth of "
            f"{', '.join(cameras)}; correct `camera` in the truth's header"
        )
    raise InputError(
        f"no event lies within a recording: an event is at {stray.at.isoformat()}, "
        f"{header.clip} has {header.seconds:g} s from {header.start.isoformat()}; "
        "correct `start` in the truth's header, or replay with that --start"
    )


def _summed(judged: list[Judged], parameters: Parameters, left_out: Counter[str]) -> Score:
    """Add up the recordings."""
    by_rule: dict[str, Counter[str]] = defaultdict(Counter)
    by_event_tag: dict[str, Counter[str]] = defaultdict(Counter)
    by_tag: dict[str, Counter[str]] = defaultdict(Counter)
    misses, false_alarms, delays = [], [], []
    for one in judged:
        header = one.recording.header
        for rule in header.rules:
            by_rule[f"{header.camera}/{rule}"].update()
        whole = {f"{key}={value}" for key, value in one.recording.tags}
        happened = [(event, "n_true") for event, _, _ in one.pairs]
        happened += [(event, "n_missed") for event in one.missed]
        for event, outcome in happened:
            by_rule[f"{header.camera}/{event.rule}"][outcome] += 1
            for key, value in event.tags:
                tag = f"{key}={value}"
                (by_tag if tag in whole else by_event_tag)[tag][outcome] += 1
        for alarm, outcome in (
            *((alarm, "n_false") for alarm, _ in one.false),
            *((alarm, "n_again") for alarm in one.again),
        ):
            by_rule[f"{header.camera}/{alarm.rule}"][outcome] += 1
            for tag in whole:
                by_tag[tag][outcome] += 1
        delays += [(header.start, event.at, at - event.at) for event, _, at in one.pairs]
        misses += [
            Found(header.camera, event.rule, event.at, header.clip, event.direction, event.note)
            for event in sorted(one.missed, key=lambda event: event.at)
        ]
        false_alarms += [
            Found(header.camera, str(alarm.rule), at, header.clip, alarm.direction, alarm.id)
            for alarm, at in sorted(one.false, key=lambda pair: pair[1])
        ]
    conditions = {tag: Tally(**counts) for tag, counts in by_tag.items()}
    for tag, counts in by_event_tag.items():
        # An alarm without an event has no class and no distance: only recall can be told.
        whole_counts = by_tag.get(tag, Counter[str]())
        conditions[tag] = Tally(
            counts["n_true"] + whole_counts["n_true"],
            counts["n_missed"] + whole_counts["n_missed"],
            None,
        )
    rules = {rule: Tally(**counts) for rule, counts in sorted(by_rule.items())}
    return Score(
        parameters,
        Tally(
            sum(tally.n_true for tally in rules.values()),
            sum(tally.n_missed for tally in rules.values()),
            sum(tally.n_false or 0 for tally in rules.values()),
            sum(tally.n_again for tally in rules.values()),
        ),
        sum(one.recording.header.seconds for one in judged),
        tuple(delay for _, _, delay in sorted(delays)),
        rules,
        dict(sorted(conditions.items())),
        _line_counts(judged),
        tuple(misses),
        tuple(false_alarms),
        {reason: n for reason, n in sorted(left_out.items()) if n},
    )


def _line_counts(judged: list[Judged]) -> tuple[LineCount, ...]:
    expected: Counter[tuple[str, str, str]] = Counter()
    counted: Counter[tuple[str, str, str]] = Counter()
    absolute: Counter[tuple[str, str, str]] = Counter()
    for one in judged:
        happened: Counter[tuple[str, str]] = Counter()
        for event in (*(event for event, _, _ in one.pairs), *one.missed):
            if event.direction is not None:
                happened[event.rule, event.direction] += 1
        for rule, direction in happened.keys() | one.counted.keys():
            key = (one.recording.header.camera, rule, direction)
            expected[key] += happened[rule, direction]
            counted[key] += one.counted[rule, direction]
            absolute[key] += abs(one.counted[rule, direction] - happened[rule, direction])
    return tuple(
        LineCount(*key, expected[key], counted[key], absolute[key]) for key in sorted(absolute)
    )
