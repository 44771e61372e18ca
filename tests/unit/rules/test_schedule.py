"""Hours, days, summer time and the sun."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.rules._schedule import Location, Schedule, Window
from edge.rules._sun import sunrise_and_sunset

LONDON = Location(time_zone="Europe/London", latitude=51.5074, longitude=-0.1278)


def is_on(at: str, **window: Any) -> bool:
    """Whether one window holds a moment of UTC."""
    moment = datetime.fromisoformat(at).replace(tzinfo=timezone.utc)
    return Schedule((Window.model_validate(window, strict=False),), LONDON).is_on(moment)


@pytest.mark.parametrize(
    ("at", "window", "expected"),
    [
        # 2026-11-23 is a Monday; winter time, London is UTC.
        ("2026-11-23T21:59:59", {"start": "22:00", "end": "06:00"}, False),
        ("2026-11-23T22:00:00", {"start": "22:00", "end": "06:00"}, True),
        ("2026-11-24T05:59:59", {"start": "22:00", "end": "06:00"}, True),
        ("2026-11-24T06:00:00", {"start": "22:00", "end": "06:00"}, False),
        ("2026-11-24T03:00:00", {"days": ["mon"], "start": "22:00", "end": "06:00"}, True),
        ("2026-11-23T03:00:00", {"days": ["mon"], "start": "22:00", "end": "06:00"}, False),
        ("2026-11-28T12:00:00", {"days": ["sat", "sun"]}, True),
        ("2026-11-27T23:59:59", {"days": ["sat", "sun"]}, False),
        # Summer time: 22:00 is 21:00 UTC.
        ("2026-07-01T21:00:00", {"start": "22:00", "end": "06:00"}, True),
        ("2026-07-01T20:59:00", {"start": "22:00", "end": "06:00"}, False),
        # 29 March: the clock goes from 01:00 to 02:00 at 01:00 UTC.
        ("2026-03-29T00:59:00", {"start": "01:30", "end": "02:30"}, False),
        ("2026-03-29T01:00:00", {"start": "01:30", "end": "02:30"}, True),
        ("2026-03-29T01:29:00", {"start": "01:30", "end": "02:30"}, True),
        ("2026-03-29T01:30:00", {"start": "01:30", "end": "02:30"}, False),
        # 25 October: from 02:00 back to 01:00 at 01:00 UTC; half past one comes twice.
        ("2026-10-25T00:30:00", {"start": "01:15", "end": "01:45"}, True),
        ("2026-10-25T00:50:00", {"start": "01:15", "end": "01:45"}, False),
        ("2026-10-25T01:30:00", {"start": "01:15", "end": "01:45"}, True),
        # London's sun sets at 15:53 and rises at 08:04 in December.
        ("2026-12-21T15:51:00", {"start": "sunset", "end": "sunrise"}, False),
        ("2026-12-21T15:55:00", {"start": "sunset", "end": "sunrise"}, True),
        ("2026-12-22T08:02:00", {"start": "sunset", "end": "sunrise"}, True),
        ("2026-12-22T08:06:00", {"start": "sunset", "end": "sunrise"}, False),
        ("2026-12-21T15:25:00", {"start": "sunset-00:30", "end": "sunrise"}, True),
    ],
)
def test_windows(at: str, window: dict[str, Any], expected: bool) -> None:
    """What the clock on the wall shows decides."""
    assert is_on(at, **window) is expected


@given(st.integers(0, 60 * 24 * 400))
def test_an_answer_kept_for_a_minute_is_the_same_answer(minutes: int) -> None:
    """Asked in any order, a schedule answers as a new one would."""
    windows = (Window(start="22:30", end="sunrise"), Window(days=("sun",), start="09:00"))
    asked = Schedule(windows, LONDON)
    start = datetime(2026, 1, 1, tzinfo=timezone.utc) + timedelta(minutes=minutes, seconds=59)
    for seconds in (0, 1, 61, 30, -3600):
        at = start + timedelta(seconds=seconds)
        assert asked.is_on(at) == Schedule(windows, LONDON).is_on(at)


# Times of almanacs, in UTC: to the minute.
ALMANAC = [
    (51.51, -0.13, "2026-06-21", "03:43", "20:21"),
    (51.51, -0.13, "2026-12-21", "08:04", "15:53"),
    (51.51, -0.13, "2018-11-03", None, "16:31"),
    (51.51, -0.13, "2018-11-04", None, "16:29"),
    (58.98, -2.96, "2018-12-16", None, "15:14"),
    (58.98, -2.96, "2019-06-23", None, "21:28"),
    (40.71, -74.01, "2026-06-21", "09:25", None),
    (40.71, -74.01, "2026-12-21", "12:17", "21:32"),
    (-33.87, 151.21, "2026-06-21", None, "06:54"),
]


@pytest.mark.parametrize(("latitude", "longitude", "day", "rise", "fall"), ALMANAC)
def test_the_sun_is_the_almanacs(
    latitude: float, longitude: float, day: str, rise: str | None, fall: str | None
) -> None:
    """Sunrise and sunset agree to two minutes."""
    found = sunrise_and_sunset(date.fromisoformat(day), latitude, longitude)
    for got, expected in zip(found, (rise, fall), strict=True):
        if expected:
            wanted = datetime.fromisoformat(f"{got:%Y-%m-%d}T{expected}+00:00")
            assert abs(got - wanted) <= timedelta(minutes=2)


@pytest.mark.parametrize(("day", "length_min"), [("2026-06-21", 1439), ("2026-12-21", 1)])
def test_where_the_sun_does_not_set_or_rise(day: str, length_min: int) -> None:
    """In Tromso a day lasts all but a minute, and half a year later a minute."""
    rise, fall = sunrise_and_sunset(date.fromisoformat(day), 69.65, 18.96)
    assert round((fall - rise) / timedelta(minutes=1)) == length_min
