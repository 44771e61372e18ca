"""Watching: what an operator at a terminal wants to know of what comes from the broker.

Pure: messages and times go in, lines come out. What a message says is not trusted to be printable.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

from pydantic import ValidationError

from edge.ledger import Account, Ledger
from edge.message import CameraStatus, EventMessage, NodeStatus

Style: TypeAlias = Literal["alert", "review", "info", "good", "bad", "plain"]

_LATE_S = 10.0
"""An event older than this at its arrival is said to be late: the box or the link was away."""

_MOST_AHEAD = 10_000
"""Alerts remembered that were shown ahead of their backlog."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line to print.

    Attributes:
        text: For people; printable, one line.
        style: How loud it is.
        data: The same for programs.
    """

    text: str
    style: Style
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Filter:
    """What is shown; empty sets show all.

    Attributes:
        cameras: Camera ids.
        kinds: Event kinds.
        priorities: Event priorities.
    """

    cameras: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    priorities: frozenset[str] = frozenset()

    def shows_event(self, event: EventMessage) -> bool:
        """Whether an event is wanted."""
        return (
            (not self.cameras or event.camera in self.cameras)
            and (not self.kinds or event.kind in self.kinds)
            and (not self.priorities or event.priority in self.priorities)
        )

    def shows_state(self, camera: str | None) -> bool:
        """Whether a state is wanted: not where only certain events are."""
        if self.kinds or self.priorities:
            return False
        return not self.cameras or camera in self.cameras


class Watch:
    """Turns messages into lines and keeps account of their numbers.

    Args:
        shown: What is wanted.
        is_audit: Say each gap and duplicate as it is noticed.
    """

    def __init__(self, shown: Filter, *, is_audit: bool = False) -> None:
        self._shown = shown
        self._is_audit = is_audit
        self._ledger = Ledger()
        self._states: dict[str, str] = {}
        self._shown_ahead: dict[str, None] = {}
        self.n_shown = 0
        self.n_unreadable = 0

    def take(
        self, topic: str, message: object, now: datetime, *, is_replayed: bool = False
    ) -> Iterator[Line]:
        """Take in one message.

        Args:
            topic: Full topic.
            message: As decoded; empty bytes where a retained topic was emptied.
            now: UTC.
            is_replayed: It was sent again because somebody asked.
        """
        levels = topic.split("/")
        if not {"event", "live"} & {*levels} and levels[-1] != "status":
            return
        try:
            if "live" in levels:
                yield from self._ahead(EventMessage.model_validate_json(json.dumps(message)), now)
            elif "event" in levels:
                event = EventMessage.model_validate_json(json.dumps(message))
                yield from self._event(event, now, is_replayed=is_replayed)
            elif message != b"":
                yield from self._state(topic, message)
        except (ValidationError, ValueError, TypeError) as problem:
            self.n_unreadable += 1
            text = f"unreadable message on {topic}: {str(problem).splitlines()[0]}"
            yield Line(_clean(text), "bad", {"unreadable": topic})

    def accounts(self) -> dict[str, Account]:
        """How it stands with the numbers of each box."""
        return self._ledger.accounts()

    def report(self) -> Iterator[Line]:
        """The audit's result, a line for each box."""
        for box, account in self.accounts().items():
            words = [
                f"{box}: {account.n_arrived} messages, {account.first} to {account.last}",
                _ranges("missing", account.missing),
                _ranges("of these thrown away by the box, which said so", account.declared),
                f"{account.n_duplicates} duplicates" if account.n_duplicates else "",
                f"{account.n_conflicts} numbers under two ids: do two boxes share this name?"
                if account.n_conflicts
                else "",
                "nothing missing" if not account.missing else "",
            ]
            text = "; ".join(word for word in words if word)
            data = {"audit": box, "whole": account.is_whole, **asdict(account)}
            yield Line(_clean(text), "good" if account.is_whole else "bad", data)

    def _ahead(self, event: EventMessage, now: datetime) -> Iterator[Line]:
        """An alert that overtakes the backlog as a copy; it comes again in its place."""
        if event.id in self._shown_ahead or self._ledger.has(
            f"{event.site}/{event.node}", event.seq
        ):
            return
        if self._shown.shows_event(event):
            self._shown_ahead[event.id] = None
            if len(self._shown_ahead) > _MOST_AHEAD:
                del self._shown_ahead[next(iter(self._shown_ahead))]
            self.n_shown += 1
            yield _event_line(event, now, "[ahead of its backlog]")

    def _event(self, event: EventMessage, now: datetime, *, is_replayed: bool) -> Iterator[Line]:
        box = f"{event.site}/{event.node}"
        arrival, gap = self._ledger.note(box, event.seq, event.id)
        if event.lost is not None:
            self._ledger.lose(box, event.lost.first, event.lost.last)
        if self._is_audit and gap is not None:
            n, missing = gap[1] - gap[0] + 1, {"gap": box, "from": gap[0], "to": gap[1]}
            text = f"GAP   {box}: {n} not here: {_range(gap)}; they may be on their way"
            yield Line(text, "bad", missing)
        if arrival == "conflict":
            text = f"TWICE {box}: {event.seq} under two ids: do two boxes share this name?"
            yield Line(text, "bad", {"conflict": box, "seq": event.seq})
        elif arrival == "duplicate":
            if self._is_audit and not is_replayed:
                text = f"AGAIN {box}: {event.seq}"
                yield Line(text, "info", {"duplicate": box, "seq": event.seq})
            return
        if event.id in self._shown_ahead:
            del self._shown_ahead[event.id]
        elif self._shown.shows_event(event):
            self.n_shown += 1
            mark = "[out of order]" if arrival == "late" else ""
            yield _event_line(event, now, "[replayed]" if is_replayed else mark)

    def _state(self, topic: str, message: object) -> Iterator[Line]:
        written = json.dumps(message)
        status: NodeStatus | CameraStatus
        since: datetime | None
        camera: str | None
        if "/camera/" in topic:
            status = CameraStatus.model_validate_json(written)
            camera, why, since = status.camera, status.why or "", status.since
        else:
            status = NodeStatus.model_validate_json(written)
            camera, why, since = None, "", status.since or status.online_since
        told = f"{status.state} {why}"
        if self._states.get(topic) == told or not self._shown.shows_state(camera):
            return
        self._states[topic] = told
        is_good = status.state in ("online", "watching")
        words = [
            f"{since:%H:%M:%S}" if since is not None else "--:--:--",
            "STATE ",
            f"{status.site}/{status.node}",
            camera or "",
            status.state,
            why,
        ]
        text = " ".join(word for word in words if word)
        data = status.model_dump(mode="json", by_alias=True, exclude_none=True)
        yield Line(_clean(text), "good" if is_good else "bad", data)


def _event_line(event: EventMessage, now: datetime, mark: str) -> Line:
    age_s = (now - event.at).total_seconds()
    who = ", ".join(f"{o.label} {o.track} ({o.confidence:.2f})" for o in event.objects or ())
    words = [
        f"{event.at:%H:%M:%S}",
        f"{event.priority.upper():6}",
        f"{event.site}/{event.node}",
        event.camera,
        event.kind,
        event.phase if event.phase != "pulse" else "",
        event.where or event.rule or "",
        event.direction or "",
        who,
        event.reason or "",
        " ".join(file.ref for file in event.evidence or ()),
        f"[{_span(age_s)} late]" if age_s > _LATE_S else "",
        mark,
    ]
    text = " ".join(word for word in words if word)
    data = event.model_dump(mode="json", by_alias=True, exclude_none=True)
    return Line(_clean(text), event.priority, data)


def _clean(text: str) -> str:
    """Without what would move a terminal's cursor or change its colours."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _range(gap: tuple[int, int]) -> str:
    return str(gap[0]) if gap[0] == gap[1] else f"{gap[0]} to {gap[1]}"


def _ranges(word: str, gaps: tuple[tuple[int, int], ...]) -> str:
    if not gaps:
        return ""
    n = sum(last - first + 1 for first, last in gaps)
    shown = ", ".join(_range(gap) for gap in gaps[:10])
    return f"{n} {word}: {shown}" + (f" and {len(gaps) - 10} ranges more" if len(gaps) > 10 else "")


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
