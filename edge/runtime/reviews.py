"""Reviews: what a person found an event to be, as it comes in from the hub. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import ValidationError

from edge.commands import Refusal
from edge.message import Review
from edge.sinks import Incoming

MAX_BYTES = 4096
_AHEAD = timedelta(seconds=60)  # how far the clock of whoever reviews may be


def checked(incoming: Incoming, now: datetime) -> Review | Refusal:
    """A review, or why it is none.

    It may be old: a person judges when there is time, and the box may have been away. The same one
    twice does no harm, and of several the newest counts.

    Args:
        incoming: As it came, on `review/<event id>`.
        now: UTC.
    """
    if incoming.is_retained:
        return Refusal("retained", "it was retained by the broker: send it without retain")
    if len(incoming.payload) > MAX_BYTES:
        return Refusal(
            "oversized", f"{len(incoming.payload)} bytes, expected at most {MAX_BYTES} for a review"
        )
    try:
        review = Review.model_validate_json(incoming.payload)
    except ValidationError as problem:
        errors = problem.errors(include_input=False, include_url=False, include_context=False)
        said = [f"{'.'.join(map(str, e['loc'])) or 'the review'}: {e['msg']}" for e in errors[:4]]
        return Refusal("malformed", "; ".join(said))
    if review.at > now + _AHEAD:
        return Refusal("stale", "it is from the future: check both clocks")
    return review


def event_of(incoming: Incoming) -> str:
    """Which event it is about, by its topic."""
    return incoming.topic.rpartition("/")[2]


def facts(event: str, review: Review) -> dict[str, object]:
    """What the audit log is told of it."""
    told = review.model_dump(include={"verdict", "at"}, mode="json")
    return {"event": event, **told, "who": review.who, "why": review.reason or None}
