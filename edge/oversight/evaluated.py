"""Evaluated: what `edge model eval` found of who is missed, as a record of the log keeps it. Pure.

The workbench measures, the box's log keeps it, the report tells it: so that a committee reads miss
rates by condition and by annotated group beside the month they go with.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge.errors import InputError

_MOST_FACTORS = 20
_MOST_BYTES = 32768  # half of what a record of the log may have


class _Kept(BaseModel):
    """Of a result only what a report tells is kept."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)


class _Level(_Kept):
    name: str = Field(max_length=100)
    hidden: str | None = Field(None, max_length=100)
    n: int | None = None
    n_missed: int | None = None
    n_tracks: int | None = None
    miss_rate: float | None = None
    interval: tuple[float, float] | None = None


class _Verdict(_Kept):
    answer: str = Field(max_length=100)
    more: tuple[int, int] | None = None


class _Compared(_Kept):
    first: str = Field(max_length=100)
    second: str = Field(max_length=100)
    difference: float | None
    score: tuple[float, float] | None
    bootstrap: tuple[float, float] | None
    verdict: _Verdict


class _Factor(_Kept):
    name: str = Field(max_length=100)
    kind: str = Field(pattern="^(group|condition)$")
    n_unlabelled: int
    levels: list[_Level] = Field(max_length=20)
    compared: list[_Compared] = Field(max_length=190)


class _Measured(_Kept):
    weights: str = Field(pattern="^[0-9a-f]{64}$")
    engine: str = Field(max_length=200)
    dataset: str = Field(max_length=500)
    date: str = Field(max_length=40)


class _MissRates(_Kept):
    of: str = Field(alias="class", max_length=100)
    confidence: float
    margin: float
    factors: list[_Factor] = Field(max_length=_MOST_FACTORS)


class _Result(_Kept):
    measured: _Measured
    miss_rates: _MissRates


def evaluation_facts(name: str, content: bytes) -> Mapping[str, Any]:
    """What the log is told of a result.

    Args:
        name: Of the file, for messages.
        content: What `edge model eval --json` printed.

    Raises:
        InputError: It is something else, or compares nothing.
    """
    try:
        found = _Result.model_validate(json.loads(content))
    except ValidationError as wrong:
        first = wrong.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "it"
        raise InputError(
            f"{name}: {place}: {first['msg']}; expected what `edge model eval --json` prints"
        ) from wrong
    except ValueError as wrong:
        raise InputError(
            f"{name} is not JSON: {wrong}; expected what `edge model eval --json` prints"
        ) from wrong
    if not found.miss_rates.factors:
        raise InputError(
            f"{name} compares nothing: its annotations name neither conditions nor groups"
        )
    told = found.miss_rates.model_dump(exclude_none=True, by_alias=True)
    measured = found.measured
    facts = {
        "sha256": measured.weights,
        "engine": measured.engine,
        "dataset": measured.dataset,
        "date": measured.date,
        **told,
        "file_sha256": hashlib.sha256(content).hexdigest(),
    }
    if (n := len(json.dumps(facts))) > _MOST_BYTES:
        raise InputError(
            f"{name}: {n} bytes of comparisons, a record takes {_MOST_BYTES}; evaluate with fewer "
            "conditions or groups at a time"
        )
    return facts
