"""Facts: what an audit log says of one month, each with the numbers of its records. Pure.

Reads records and nothing else, so that whoever has a copy of the log makes the same report.
docs/oversight.md lists which facts of which kind are read; one that is missing is missing here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from edge.oversight.spans import Span, without

BLIND = (
    "camera_lost", "camera_frozen", "camera_covered", "camera_moved", "detector_stalled",
)  # fmt: skip
"""Conditions in which a camera does not watch what its rules are for."""

DOUBTFUL = ("analysis_degraded", "clock_unsure", "events_dropped", "storage_degraded")
"""Conditions in which it watches with less than was asked for."""

_LASTING = {"model.changed": "detector", "threshold.changed": "of", "model.evaluated": "sha256"}
"""Kinds whose last record before a month still says what is so in it, each by a fact of theirs."""


class Read(Protocol):
    """A record, as `edge.audit` reads it."""

    @property
    def n(self) -> int:
        """Its number."""

    @property
    def at(self) -> datetime:
        """UTC when it was written."""

    @property
    def kind(self) -> str:
        """What it is about."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """What it says."""

    @property
    def personal(self) -> Mapping[str, Any]:
        """What of it is about a person; empty where that was erased."""


@dataclass(frozen=True)
class Told:
    """One record of the month, for a list."""

    n: int
    at: datetime
    kind: str
    facts: Mapping[str, Any]
    personal: Mapping[str, Any]


@dataclass(frozen=True)
class Stretch:
    """Something that lasted.

    Attributes:
        what: Which: a run of the daemon is ``, an armed rule its name, an outage its kind.
        camera: Whose; empty for the box.
        span: When, cut to the month.
        records: Numbers of the records that say so.
        facts: Of the record that began it.
    """

    what: str
    camera: str
    span: Span
    records: tuple[int, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Month:
    """One month of a log.

    Attributes:
        start: Its first moment, UTC.
        end: The first moment after it.
        runs: The daemon in service.
        armed: Rules that could report.
        outages: Conditions in which a camera, or the box, was less than it should be.
        told: The other records of the month, by kind.
        reviews: The newest judgement of each event, by its id, also of later months.
        before: The last record of each model, value and evaluation before the month.
        n_records: In the month.
        first: Number of the first; -1 where there is none.
        last: Of the last.
    """

    start: datetime
    end: datetime
    runs: list[Stretch] = field(default_factory=list)
    armed: list[Stretch] = field(default_factory=list)
    outages: list[Stretch] = field(default_factory=list)
    told: dict[str, list[Told]] = field(default_factory=dict)
    reviews: dict[str, Told] = field(default_factory=dict)
    before: dict[tuple[str, str], Told] = field(default_factory=dict)
    n_records: int = 0
    first: int = -1
    last: int = -1

    def of(self, *kinds: str) -> Iterator[Told]:
        """Records of some kinds, in order of their numbers."""
        yield from sorted((one for kind in kinds for one in self.told.get(kind, ())), key=_number)

    @property
    def numbers(self) -> tuple[int, ...]:
        """Of all its records."""
        return tuple(range(self.first, self.last + 1)) if self.n_records else ()

    def blind(self, camera: str) -> list[Stretch]:
        """When a camera could not watch."""
        return [one for one in self.outages if one.camera == camera and one.what in BLIND]

    def armed_of(self, camera: str) -> list[Stretch]:
        """When rules of a camera could report."""
        return [one for one in self.armed if one.camera == camera]

    def watched(self, camera: str) -> list[Span]:
        """When a camera was watching: some rule of it armed, and nothing in its way."""
        armed = [one.span for one in self.armed_of(camera)]
        return without(armed, [one.span for one in self.blind(camera)])


def text(facts: Mapping[str, Any], key: str) -> str:
    """A fact as text; empty where it is not there."""
    value = facts.get(key)
    return "" if value is None else str(value)


def when(at: datetime) -> str:
    """UTC to the minute."""
    return f"{at:%Y-%m-%d %H:%M}"


def records_of(stretches: Iterable[Stretch]) -> tuple[int, ...]:
    """Numbers of the records that say when something began and ended."""
    return tuple(number for one in stretches for number in one.records)


def _number(one: Told) -> int:
    return one.n


@dataclass
class _Open:
    """What has begun and not ended yet."""

    begin: datetime
    records: list[int]
    facts: Mapping[str, Any]


class _Reader:
    """Goes through the records once."""

    def __init__(self, month: Month) -> None:
        self._month = month
        self._run: _Open | None = None
        self._armed: dict[tuple[str, str], _Open] = {}
        self._outages: dict[tuple[str, str], _Open] = {}
        self._known: dict[tuple[str, str], Mapping[str, Any]] = {}
        self._refused: set[tuple[str, str]] = set()
        self._seen: Told | None = None  # the newest record so far

    def read(self, record: Read) -> None:
        month, at = self._month, record.at
        facts = _value_told(record.facts) if record.kind == "threshold.changed" else record.facts
        told = Told(record.n, at, record.kind, facts, record.personal)
        if record.kind == "review":
            self._review(told)
        if at >= month.end:
            return
        if record.kind == "start":
            # Without a stop, the last it said is the last that is known.
            last = self._seen or told
            self._stop(last.at, (last.n, record.n))
            self._refused.clear()
            self._known.clear()
            self._run = _Open(at, [record.n], facts)
        elif record.kind == "stop":
            self._stop(at, (record.n,))
        elif record.kind == "rule.armed":
            self._arm(told)
        elif record.kind in ("rule.disarmed", "rule.refused"):
            if record.kind == "rule.refused":
                self._refused.add(_rule(facts))
            self._end(self._armed, month.armed, _rule(facts), at, (record.n,))
        elif record.kind == "event":
            self._event(told)
        self._seen = told
        if at < month.start:
            self._before(told)
            return
        month.n_records += 1
        month.first = record.n if month.first < 0 else month.first
        month.last = record.n
        month.told.setdefault(record.kind, []).append(told)

    def close(self) -> None:
        """End what goes on, at the end of the month or of what is known."""
        last, end = self._seen, self._month.end
        self._stop(min(end, last.at) if last else end, (last.n,) if last else ())

    def _review(self, told: Told) -> None:
        """The newest judgement counts, whichever came last; of two of one moment the later."""
        event = str(told.facts.get("event"))
        known = self._month.reviews.get(event)
        # UTC to the millisecond, as the message has it: as text it sorts as time.
        if known is None or text(told.facts, "at") >= text(known.facts, "at"):
            self._month.reviews[event] = told

    def _before(self, told: Told) -> None:
        if key := _LASTING.get(told.kind):
            self._month.before[told.kind, str(told.facts.get(key))] = told

    def _arm(self, told: Told) -> None:
        place = _rule(told.facts)
        if "id" in told.facts and (place in self._refused or place not in self._known):
            return  # an event says that an incident ended; that arms nothing by itself
        self._refused.discard(place)
        known = {**self._known.get(place, {}), **told.facts}
        self._known[place] = known
        self._end(self._armed, self._month.armed, place, told.at, (told.n,))
        self._armed[place] = _Open(told.at, [told.n], known)

    def _event(self, told: Told) -> None:
        facts = told.facts
        place = str(facts.get("camera")), str(facts.get("kind"))
        if place[1] not in (*BLIND, *DOUBTFUL):
            return
        if facts.get("phase") == "begin":
            self._outages.setdefault(place, _Open(told.at, [told.n], facts))
        elif facts.get("phase") == "end":
            self._end(self._outages, self._month.outages, place, told.at, (told.n,))

    def _stop(self, at: datetime, numbers: tuple[int, ...]) -> None:
        for place in list(self._armed):
            self._end(self._armed, self._month.armed, place, at, numbers)
        for place in list(self._outages):
            self._end(self._outages, self._month.outages, place, at, numbers)
        if self._run is not None:
            self._month.runs += self._stretch(self._run, "", "", at, numbers)
            self._run = None

    def _end(
        self,
        among: dict[tuple[str, str], _Open],
        into: list[Stretch],
        place: tuple[str, str],
        at: datetime,
        numbers: tuple[int, ...],
    ) -> None:
        begun = among.pop(place, None)
        if begun is not None:
            into += self._stretch(begun, place[1], place[0], at, numbers)

    def _stretch(
        self, begun: _Open, what: str, camera: str, at: datetime, numbers: tuple[int, ...]
    ) -> list[Stretch]:
        """The part of it that is in the month."""
        span = max(begun.begin, self._month.start), min(at, self._month.end)
        if span[0] >= span[1]:
            return []
        return [Stretch(what, camera, span, (*begun.records, *numbers), begun.facts)]


def _value_told(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    """A changed value by its whole name, also where a record names its block and key apart."""
    if "of" in facts:
        return facts
    block = (
        f"detectors.{facts.get('detector')}"
        if "detector" in facts
        else f"cameras.{facts.get('camera')}.rules.{facts.get('rule')}"
    )
    return {"of": f"{block}.{facts.get('name')}", "value": facts.get("becomes")}


def _rule(facts: Mapping[str, Any]) -> tuple[str, str]:
    return str(facts.get("camera")), str(facts.get("rule"))


def read_month(records: Iterable[Read], start: datetime, end: datetime) -> Month:
    """Gather one month.

    Args:
        records: Of the log, in order, from the first on: what began before goes on into the month.
            Later ones are read for reviews only.
        start: First moment of the month, UTC.
        end: First moment after it.
    """
    month = Month(start, end)
    reader = _Reader(month)
    for record in records:
        reader.read(record)
    reader.close()
    return month
