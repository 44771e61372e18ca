"""Gate: which commands are let through, and why the others are not. Pure: time comes in.

Nothing behind the gate runs for a command that is malformed, too long, unknown, not allowed, old or
seen before.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from re import fullmatch
from typing import Literal, TypeAlias

from pydantic import ValidationError

from edge.commands._request import MAX_BYTES, VERBS, Caller, Options, Request, request_of

Outcome: TypeAlias = Literal[
    "done", "failed", "busy",
    "malformed", "oversized", "unknown", "unauthorised", "stale", "replayed", "retained",
]  # fmt: skip
"""What became of a command."""

FRESH_S = 60.0
"""How far a command's time may be from ours: a slow link and a clock that is a little off."""

_MOST_IDS = 100_000  # a minute either way at 800 commands a second


@dataclass(frozen=True, slots=True)
class Refusal:
    """A command that is not let through.

    Attributes:
        outcome: In a word.
        why: In words, with what to do.
        id: Of the request, where it could be read.
    """

    outcome: Outcome
    why: str
    id: str = ""


@dataclass(frozen=True, slots=True)
class Admitted:
    """A command that may run."""

    verb: str
    request: Request
    caller: Caller


class Gate:
    """Admits each command at most once.

    Args:
        options: Verbs and callers that are allowed.
        opened_at: UTC since when it remembers. What was sent before may have been obeyed by an
            earlier run, and is refused.
    """

    def __init__(self, options: Options, opened_at: datetime) -> None:
        self.options = options
        self._opened_at = opened_at
        self._seen: OrderedDict[str, datetime] = OrderedDict()

    def admit(
        self,
        levels: str,
        payload: bytes,
        now: datetime,
        *,
        is_retained: bool = False,
        properties: Mapping[str, str] | None = None,
    ) -> Admitted | Refusal:
        """Judge one command.

        Args:
            levels: Topic below `cmd/`: `<verb>` or `<verb>/<who>`.
            payload: As it came.
            now: UTC.
            is_retained: The broker had kept it; who knows since when.
            properties: The sender's user properties.
        """
        verb, _, named = levels.partition("/")
        refusal = self._may(verb, named, is_retained=is_retained)
        if refusal is not None:
            return refusal
        if len(payload) > MAX_BYTES:
            return Refusal(
                "oversized", f"{len(payload)} bytes, expected at most {MAX_BYTES} for a command"
            )
        try:
            request = request_of(verb).model_validate_json(payload)
        except ValidationError as problem:
            return Refusal("malformed", _words(problem))
        refusal = self._is_new(request, now)
        if refusal is not None:
            return refusal
        self._seen[request.id] = request.at
        return Admitted(verb, request, _caller(named, properties or {}))

    def _may(self, verb: str, named: str, *, is_retained: bool) -> Refusal | None:
        if is_retained:
            return Refusal("retained", "it was retained by the broker: send it without retain")
        if verb not in VERBS:
            return Refusal("unknown", f"there is no such verb; there are {', '.join(VERBS)}")
        if verb not in self.options.allow:
            return Refusal("unauthorised", f"{verb} is not among `commands: allow` of this box")
        if self.options.who and named not in self.options.who:
            return Refusal(
                "unauthorised", f"publish to cmd/{verb}/<who> as one of `commands: who` of this box"
            )
        return None

    def _is_new(self, request: Request, now: datetime) -> Refusal | None:
        self._forget(now)
        if request.id in self._seen:
            return Refusal(
                "replayed", "this id was seen before: each command has its own", request.id
            )
        if abs((now - request.at).total_seconds()) > FRESH_S:
            return Refusal(
                "stale",
                f"sent at {request.at:%Y-%m-%dT%H:%M:%SZ} and it is {now:%Y-%m-%dT%H:%M:%SZ} here: "
                f"more than {FRESH_S:.0f} s; check both clocks",
                request.id,
            )
        if request.at < self._opened_at or len(self._seen) >= _MOST_IDS:
            return Refusal(
                "stale",
                "this box cannot know whether it obeyed it already: send it again, with a new id",
                request.id,
            )
        return None

    def _forget(self, now: datetime) -> None:
        """Drop ids that are too old to be let through again anyway."""
        oldest = now - timedelta(seconds=2 * FRESH_S)
        while self._seen and next(iter(self._seen.values())) < oldest:
            self._seen.popitem(last=False)


def _caller(named: str, properties: Mapping[str, str]) -> Caller:
    if named:
        return Caller(named, is_vouched=True)
    said = properties.get("who", "")
    return Caller(said if fullmatch(r"[\w .@-]{1,64}", said) else "unknown", is_vouched=False)


def _words(problem: ValidationError) -> str:
    """What is wrong, without repeating what was sent."""
    errors = problem.errors(include_input=False, include_url=False, include_context=False)
    said = [f"{'.'.join(map(str, e['loc'])) or 'the command'}: {e['msg']}" for e in errors[:4]]
    return "; ".join(said)
