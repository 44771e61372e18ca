"""Report: a month of a log for the public or for the committee, from its records alone. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timezone

from edge.errors import InputError
from edge.oversight.facts import Month, Read, read_month, when
from edge.oversight.month import tables
from edge.oversight.records import atrs, dpia, principles
from edge.oversight.table import Cell, Figure, Report

AUDIENCES = ("public", "committee")


def month_of(text: str) -> tuple[datetime, datetime]:
    """First moment of a month, and of the one after it, UTC.

    Raises:
        InputError: It is not as `2026-11`.
    """
    found = re.fullmatch(r"(\d{4})-(\d{2})", text)
    if not found or not 1 <= int(found[2]) <= 12 or int(found[1]) < 1:
        raise InputError(f"--month: expected a month such as 2026-11, got {text!r}")
    year, month = int(found[1]), int(found[2])
    start = datetime(year, month, 1, tzinfo=timezone.utc)
    return start, datetime(year + month // 12, month % 12 + 1, 1, tzinfo=timezone.utc)


def reports(
    records: Iterable[Read], name: str, origin: str, software: str, verdict: str
) -> dict[str, Report]:
    """The month for each audience.

    Args:
        records: Of the log, from its first on.
        name: The month, such as `2026-11`.
        origin: The log's name, `<site>/<node>/audit`.
        software: Version of this software.
        verdict: What verifying the log found, in a sentence.

    Raises:
        InputError: There is no such month.
    """
    start, end = month_of(name)
    month = read_month(records, start, end)
    site = origin.removesuffix("/audit")
    return {
        audience: _report(month, name, site, audience=audience, software=software, verdict=verdict)
        for audience in AUDIENCES
    }


def _report(
    month: Month, name: str, site: str, *, audience: str, software: str, verdict: str
) -> Report:
    is_public = audience == "public"
    facts: dict[str, Cell] = {
        "month": name,
        "box": site,
        "audience": audience,
        "from": f"{when(month.start)} UTC",
        "to": f"{when(month.end)} UTC",
        "records": Figure(month.n_records, month.numbers),
        "log": verdict,
        "software": software,
    }
    return Report(
        f"What the analytics of {site} did in {name}",
        audience,
        facts,
        (
            *tables(month, is_public=is_public),
            principles(month, is_public=is_public),
            dpia(month, is_public=is_public),
            atrs(month, site, software, is_public=is_public),
        ),
    )
