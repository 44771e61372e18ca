"""Truth: what a person saw in a recording, and what the appliance said about it. Pure.

Both come as lines of JSON. A truth file has a header for each recording and below it what happened
there; an events file holds messages as they left the box. A line that cannot be used is named with
its number and what to do: a score over half a file would be a wrong score.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from edge.errors import InputError
from edge.message import Sha256
from edge.options import Identifier

MOST_PROBLEMS = 20
"""A file of another kind is wrong in every line; nobody reads more than this."""

NO_HEADER = (
    "expected a recording's header first; begin the file with a line such as "
    '{"truth":1,"camera":"gate","clip":"gate.mp4","seconds":600,"rules":["gate-in"],'
    '"labelled_by":"A. Name, by eye"}'
)

Seconds = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
Moment = Seconds | AwareDatetime
Tags = dict[str, str]


class _Line(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(strict=True, frozen=True, extra="forbid")


class Header(_Line):
    """One recording that somebody looked at from end to end."""

    truth: Literal[1] = Field(description="Version of this format; marks the line as a header.")
    camera: Identifier = Field(description="Whose events are judged.")
    clip: str = Field(description="Name of the recording.")
    sha256: Sha256 | None = Field(default=None, description="Of the recording's bytes.")
    fps: Annotated[float, Field(gt=0.0)] | None = Field(
        default=None, description="Pictures a second of the recording; a mean where it varies."
    )
    seconds: Annotated[float, Field(gt=0.0)] = Field(description="How much of it was looked at.")
    start: AwareDatetime = Field(
        default=datetime.fromisoformat("1970-01-01T00:00:00+00:00"),
        description="UTC of its first picture; 1970 is what `edge replay` takes where neither "
        "`--start` nor the container says.",
    )
    rules: Annotated[tuple[Identifier, ...], Field(strict=False, min_length=1)] = Field(
        description="Rules whose every event is below: what else these report is a false alarm."
    )
    labelled_by: str = Field(min_length=1, description="Who looked, and how.")
    early: Seconds | None = Field(
        default=None, description="How many seconds before an event its alarm may come."
    )
    late: Seconds | None = Field(
        default=None, description="How many seconds after an event its alarm may come."
    )
    tags: Tags = Field(default={}, description="Conditions, such as `light: day`.")
    note: str = ""


class Happening(_Line):
    """One event that a rule should report."""

    rule: Identifier
    at: Moment = Field(description="Seconds into the recording, or UTC: when an alarm is due.")
    until: Moment | None = Field(
        default=None, description="End of the time in which an alarm is right."
    )
    direction: Literal["left", "right"] | None = Field(
        default=None, description="Side a line was crossed to."
    )
    label: str | None = Field(default=None, alias="class", description="Class of the object.")
    doubtful: bool = Field(
        default=False,
        description="People would differ: an alarm is neither right nor wrong, none is no miss.",
    )
    early: Seconds | None = Field(default=None, description="As in the header, for this one.")
    late: Seconds | None = Field(default=None, description="As in the header, for this one.")
    tags: Tags = Field(default={}, description="As in the header, for this one.")
    note: str = ""


class Ignored(_Line):
    """A time in which nothing is judged."""

    ignore: tuple[Moment, Moment] = Field(strict=False, description="From and to.")
    rule: Identifier | None = Field(default=None, description="Only this rule; absent for all.")
    note: str = ""


@dataclass(frozen=True)
class Expected:
    """An event that should be reported; times in seconds into the recording.

    Attributes:
        rule: The rule that should.
        at: When an alarm is due.
        opens: From when on an alarm is right.
        closes: Until when.
        ends: Until when a further alarm is still about this event.
        direction: Side a line was crossed to, if it is about a line.
        is_doubtful: Counts neither way.
        tags: Conditions, those of the recording included.
        note: What it was, in words.
    """

    rule: str
    at: float
    opens: float
    closes: float
    ends: float
    direction: str | None = None
    is_doubtful: bool = False
    tags: tuple[tuple[str, str], ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Pause:
    """A time in which nothing is judged; of one rule, or of all where `rule` is None."""

    begin: float
    end: float
    rule: str | None = None

    def covers(self, rule: str, at: float) -> bool:
        """Whether a rule's event at this moment is left out."""
        return self.rule in (None, rule) and self.begin <= at <= self.end


@dataclass(frozen=True)
class Recording:
    """What happened in one recording of one camera.

    Attributes:
        header: Which, and how it was looked at.
        expected: What happened, by time.
        pauses: When nothing is judged.
    """

    header: Header
    expected: tuple[Expected, ...]
    pauses: tuple[Pause, ...] = ()

    @property
    def tags(self) -> tuple[tuple[str, str], ...]:
        """Conditions of the recording as a whole."""
        return tuple(sorted(self.header.tags.items()))

    def offset(self, at: datetime) -> float:
        """Seconds into the recording."""
        return (at - self.header.start).total_seconds()

    def holds(self, alarm: Alarm) -> bool:
        """Whether an alarm is of this camera and time."""
        at = self.offset(alarm.at)
        return alarm.camera == self.header.camera and 0 <= at <= self.header.seconds


class Alarm(BaseModel):
    """What a score needs of an event's message; other fields are passed by."""

    model_config: ClassVar[ConfigDict] = ConfigDict(strict=True, frozen=True, extra="ignore")

    id: str
    camera: Identifier
    kind: str
    phase: Literal["begin", "update", "end", "pulse"]
    at: AwareDatetime
    rule: Identifier | None = None
    direction: Literal["left", "right"] | None = None


def read_truth(name: str, lines: Iterable[str], *, early: float, late: float) -> list[Recording]:
    """Read a truth file.

    Args:
        name: The file's name, for messages.
        lines: Its lines; empty ones are passed by.
        early: Seconds an alarm may come before an event, where the file does not say.
        late: Seconds it may come after.

    Raises:
        InputError: Lines that cannot be used, each with its number and the remedy; or none at all.
    """
    problems: list[str] = []
    found: list[tuple[Header, list[Expected], list[Pause]]] = []
    for place, plain in _objects(name, lines, problems):
        try:
            if "truth" in plain:
                found.append((_parsed(Header, plain, place), [], []))
            elif not found:
                problems.append(f"{place}: {NO_HEADER}")
                break  # every further line would say the same
            elif "ignore" in plain:
                found[-1][2].append(_pause(_parsed(Ignored, plain, place), found[-1][0], place))
            else:
                happening = _parsed(Happening, plain, place)
                found[-1][1].append(_expected(happening, found[-1][0], place, early, late))
        except InputError as exc:
            problems.append(str(exc))
    if not found and not problems:
        problems.append(f"{name}: is empty; expected a recording's header in its first line")
    _raise(problems)
    return [
        Recording(header, tuple(sorted(events, key=lambda one: one.at)), tuple(pauses))
        for header, events, pauses in found
    ]


def read_alarms(name: str, lines: Iterable[str]) -> list[Alarm]:
    """Read messages, one a line, as `edge replay --out` and the `jsonl` sink write them.

    Args:
        name: The file's name, for messages.
        lines: Its lines; empty ones are passed by. No line at all is a silence, and allowed.

    Raises:
        InputError: Lines that cannot be used, each with its number and the remedy.
    """
    problems: list[str] = []
    found: list[Alarm] = []
    for place, plain in _objects(name, lines, problems):
        try:
            found.append(_parsed(Alarm, plain, place))
        except InputError as exc:
            problems.append(str(exc))
    _raise(problems)
    return found


def _objects(
    name: str, lines: Iterable[str], problems: list[str]
) -> Iterable[tuple[str, dict[str, Any]]]:
    """Each line's place and JSON object; what is none goes to `problems`."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        place = f"{name}:{number}"
        try:
            plain = json.loads(line)
        except ValueError as exc:
            what = exc.msg if isinstance(exc, json.JSONDecodeError) else str(exc)
            problems.append(f"{place}: is not JSON: {what}; write one JSON object a line")
            continue
        if isinstance(plain, dict):
            yield place, plain
        else:
            problems.append(f"{place}: expected a JSON object, got {_kind(plain)}")


T = TypeVar("T", bound=BaseModel)


def _parsed(model: type[T], plain: dict[str, Any], place: str) -> T:
    try:
        return model.model_validate_json(json.dumps(plain))
    except ValidationError as exc:
        # A number or a time: of a field that is neither, each alternative's fault is listed.
        first = {error["loc"][:1]: error for error in reversed(exc.errors())}
        faults = [_explained(model, error, place) for error in reversed(first.values())]
        raise InputError("\n".join(faults)) from None


def _explained(model: type[BaseModel], error: Any, place: str) -> str:
    """One fault: where, what, and what to do."""
    field = str(error["loc"][0]) if error["loc"] else ""
    names = {info.alias or name: info for name, info in model.model_fields.items()}
    if error["type"] == "extra_forbidden":
        return f"{place}: there is no key {field!r}; {_title(model)} has {', '.join(names)}"
    means = (names[field].description or "") if field in names else ""
    if error["type"] == "missing":
        return f"{place}: {field!r} is missing: add it" + (f" ({means})" if means else "")
    got = error["input"]
    shown = f", got {got!r}" if isinstance(got, str | int | float | bool) else ""
    what = error["msg"].removeprefix("Input should be ")
    return f"{place}: {field}: expected {what}{shown}" + (f"; it means: {means}" if means else "")


def _expected(
    happening: Happening, header: Header, place: str, early: float, late: float
) -> Expected:
    if happening.rule not in header.rules:
        raise InputError(
            f"{place}: rule {happening.rule!r} is not among the header's rules "
            f"({', '.join(header.rules)}); add it there, or correct it"
        )
    at = _seconds(happening.at, header)
    until = None if happening.until is None else _seconds(happening.until, header)
    if not 0 <= at <= header.seconds:
        raise InputError(
            f"{place}: at: {at:g} s is outside the recording, which has {header.seconds:g} s; "
            "correct it, or the header's `seconds` or `start`"
        )
    if until is not None and until < at:
        raise InputError(f"{place}: until: {until:g} s is before at, {at:g} s; swap them")
    before = _first(happening.early, header.early, early)
    after = _first(happening.late, header.late, late)
    tags = {**header.tags, **happening.tags}
    if happening.label is not None:
        tags["class"] = happening.label
    return Expected(
        happening.rule,
        at,
        at - before,
        # As in i-LIDS: within the window of its onset, and not after it is over.
        at + after if until is None else min(at + after, until),
        at + after if until is None else until,
        happening.direction,
        happening.doubtful,
        tuple(sorted(tags.items())),
        happening.note,
    )


def _pause(ignored: Ignored, header: Header, place: str) -> Pause:
    begin, end = (_seconds(moment, header) for moment in ignored.ignore)
    if end < begin:
        raise InputError(f"{place}: ignore: ends at {end:g} s before it begins, {begin:g} s")
    return Pause(begin, end, ignored.rule)


def _seconds(moment: float | datetime, header: Header) -> float:
    if isinstance(moment, datetime):
        return (moment - header.start) / timedelta(seconds=1)
    return moment


def _first(*candidates: float | None) -> float:
    """The first that is given; the last always is."""
    return next(one for one in candidates if one is not None)


def _title(model: type[BaseModel]) -> str:
    titles = {Header: "a header", Happening: "an event", Ignored: "a time to ignore"}
    return titles.get(model, "a message")


def _kind(plain: object) -> str:
    return {list: "a list", str: "a text", type(None): "null"}.get(type(plain), "a number")


def _raise(problems: list[str]) -> None:
    if not problems:
        return
    shown = problems[:MOST_PROBLEMS]
    if len(problems) > MOST_PROBLEMS:
        shown.append(f"... and {len(problems) - MOST_PROBLEMS} more")
    raise InputError("\n".join(shown))
