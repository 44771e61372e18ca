"""Matching: which alarm is about which event. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment

from edge.oversight.truth import Alarm, Expected, Recording

Timed = tuple[Alarm, float]
"""An alarm, and when in the recording, in seconds."""
Pair = tuple[Expected, Alarm, float]
"""An event, the alarm that is about it, and when that came."""


@dataclass
class Judged:
    """One recording, judged.

    Attributes:
        recording: What happened.
        pairs: Events with their alarms.
        missed: Events without.
        false: Alarms without.
        again: Further alarms for an event that had one, not counted.
        counted: Alarms that name a direction, by rule and direction.
    """

    recording: Recording
    pairs: list[Pair] = field(default_factory=list)
    missed: list[Expected] = field(default_factory=list)
    false: list[Timed] = field(default_factory=list)
    again: list[Alarm] = field(default_factory=list)
    counted: Counter[tuple[str, str]] = field(default_factory=Counter)


def judge(
    recording: Recording,
    alarms: list[Timed],
    left_out: Counter[str],
    *,
    is_strict: bool,
) -> Judged:
    """Pair one recording's alarms with its events.

    Args:
        recording: What happened.
        alarms: What was reported in it by its rules, begins and pulses only.
        left_out: Counts what is not judged, by reason; added to.
        is_strict: A second alarm for an event that has one is false, also where it is no pulse.
    """
    judged = Judged(recording)
    by_rule: dict[str, tuple[list[Expected], list[Timed]]]
    by_rule = {rule: ([], []) for rule in recording.header.rules}
    for one in recording.expected:
        if not any(pause.covers(one.rule, one.at) for pause in recording.pauses):
            by_rule[one.rule][0].append(one)
    for alarm, at in sorted(alarms, key=lambda timed: (timed[1], timed[0].id)):
        if any(pause.covers(str(alarm.rule), at) for pause in recording.pauses):
            left_out["in a time to ignore"] += 1
        else:
            by_rule[str(alarm.rule)][1].append((alarm, at))
    for expected, raised in by_rule.values():
        sure = [one for one in expected if not one.is_doubtful]
        pairs, rest = _matched(sure, raised)
        doubtful, rest = _matched([one for one in expected if one.is_doubtful], rest)
        left_out["of a doubtful event"] += len(doubtful)
        judged.pairs += pairs
        met = {id(one) for one, _, _ in pairs}
        judged.missed += [one for one in sure if id(one) not in met]
        for alarm, at in rest:
            is_again = any(
                one.opens <= at <= one.ends and _fits(one, alarm)
                for one, _, _ in (*pairs, *doubtful)
            )
            if is_again and alarm.phase != "pulse" and not is_strict:
                judged.again.append(alarm)
            else:
                judged.false.append((alarm, at))
        excused = {alarm.id for _, alarm, _ in doubtful}
        judged.counted.update(
            (str(alarm.rule), alarm.direction)
            for alarm, _ in raised
            if alarm.direction is not None and alarm.id not in excused
        )
    return judged


def _matched(expected: list[Expected], alarms: list[Timed]) -> tuple[list[Pair], list[Timed]]:
    """Pair events with alarms, as many as fit, then with the least delay in sum.

    Returns:
        Event, alarm and its time of each pair, by time of the event; and the alarms left over.
    """
    pairs: list[Pair] = []
    rest: list[Timed] = []
    for some, near in _clusters(expected, alarms):
        if not some or not near:
            rest += near
            continue
        at = np.array([one.at for one in some])[:, None]
        opens = np.array([one.opens for one in some])[:, None]
        closes = np.array([one.closes for one in some])[:, None]
        times = np.array([time for _, time in near])
        fits = (times >= opens) & (times <= closes)
        fits &= np.array([[_fits(one, alarm) for alarm, _ in near] for one in some])
        apart = np.abs(times - at)
        # One pair less must cost more than any sum of delays.
        apart[~fits] = (apart[fits].max(initial=0.0) + 1.0) * (min(fits.shape) + 1)
        rows, columns = linear_sum_assignment(apart)
        taken = {}
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            if fits[row, column]:
                taken[column] = row
                pairs.append((some[row], *near[column]))
        rest += [pair for column, pair in enumerate(near) if column not in taken]
    return pairs, rest


def _clusters(
    expected: list[Expected], alarms: list[Timed]
) -> Iterator[tuple[list[Expected], list[Timed]]]:
    """Events whose windows overlap, with the alarms in them; at last the alarms in none.

    A day of crossings is so many small assignments, not one of thousands by thousands.
    """
    by_opening = sorted(expected, key=lambda one: (one.opens, one.closes))
    position = 0
    while position < len(by_opening):
        some, closes = [by_opening[position]], by_opening[position].closes
        position += 1
        while position < len(by_opening) and by_opening[position].opens <= closes:
            closes = max(closes, by_opening[position].closes)
            some.append(by_opening[position])
            position += 1
        opens = some[0].opens
        yield some, [pair for pair in alarms if opens <= pair[1] <= closes]
        alarms = [pair for pair in alarms if not opens <= pair[1] <= closes]
    yield [], alarms


def _fits(expected: Expected, alarm: Alarm) -> bool:
    """Whether an alarm may be about an event as far as its direction tells."""
    return expected.direction in (None, alarm.direction)
