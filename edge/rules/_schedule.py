"""Schedule: the hours in which a rule reports. Pure: the time is that of the picture.

Hours are what the clock on the wall shows. So on the night on which an hour comes twice both
count, and a time that is left out in spring has simply passed.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone, tzinfo
from typing import Annotated, Literal, TypeAlias, get_args
from zoneinfo import ZoneInfo

from pydantic import Field, StringConstraints

from edge.options import Options
from edge.rules._sun import sunrise_and_sunset

Day: TypeAlias = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_DAYS: tuple[Day, ...] = get_args(Day)
_HOUR = r"([01][0-9]|2[0-3]):[0-5][0-9]"
Hour = Annotated[
    str, StringConstraints(pattern=rf"^({_HOUR}|24:00|(sunrise|sunset)([+-]{_HOUR})?)$")
]
"""`22:00`, `24:00`, `sunset`, `sunrise-00:30`."""

DAY_MIN = 24 * 60


class Location(Options):
    """Where something is, for local time and for the sun."""

    time_zone: Annotated[
        str,
        Field(
            description="Name in the IANA time zone database; hours of schedules are of it, summer "
            "time included.",
            examples=["Europe/London"],
        ),
    ]
    latitude: Annotated[
        float | None,
        Field(ge=-90.0, le=90.0, description="Degrees north, for the sun.", examples=[51.5]),
    ] = None
    longitude: Annotated[
        float | None,
        Field(ge=-180.0, le=180.0, description="Degrees east, for the sun.", examples=[-0.13]),
    ] = None

    @property
    def zone(self) -> tzinfo | None:
        """The time zone; None where this machine knows none of that name."""
        if self.time_zone == "UTC":
            return timezone.utc
        try:
            return ZoneInfo(self.time_zone)
        except (KeyError, ValueError, OSError):  # OSError: the name is a folder, such as Europe
            return None


class Window(Options):
    """Some hours on some days."""

    days: Annotated[
        tuple[Day, ...],
        Field(
            strict=False,
            min_length=1,
            description="Days on which it starts.",
            examples=[["mon", "tue"]],
        ),
    ] = _DAYS
    start: Annotated[
        Hour,
        Field(
            description="When it starts: an hour such as `22:00`, or `sunrise` or "
            "`sunset`, also with a difference: `sunset-00:30`.",
            examples=["22:00"],
        ),
    ] = "00:00"
    end: Annotated[
        Hour,
        Field(
            description="When it ends, written like `start`; not after it means on the next day.",
            examples=["sunrise+00:30"],
        ),
    ] = "24:00"

    @property
    def needs_sun(self) -> bool:
        """Whether it can only be told where the latitude is known."""
        return "sun" in self.start + self.end


class Schedule:
    """Whether a rule is on duty.

    Args:
        windows: When it is; none means always.
        location: Whose clock and sun; needed with any window (`edge check` asks for it).
    """

    def __init__(self, windows: tuple[Window, ...], location: Location | None) -> None:
        self._windows = windows
        self._location = location
        self._zone = (location and location.zone) or timezone.utc
        self._from = self._until = datetime.min.replace(tzinfo=timezone.utc)
        self._answer = True

    def is_on(self, at: datetime) -> bool:
        """Whether some window holds a moment; to the minute, ends excluded."""
        if not self._windows:
            return True
        if not self._from <= at < self._until:
            local = at.astimezone(self._zone)
            self._from = at - timedelta(seconds=local.second, microseconds=local.microsecond)
            self._until = self._from + timedelta(minutes=1)
            self._answer = any(self._holds(window, local) for window in self._windows)
        return self._answer

    def _holds(self, window: Window, local: datetime) -> bool:
        today, minute = local.date(), local.hour * 60 + local.minute
        # A window of yesterday may reach into today; one may start before its own day: at
        # `sunrise-06:00`, say.
        for ago in (-1, 0, 1, 2):
            day = today - timedelta(days=ago)
            if _DAYS[day.weekday()] not in window.days:
                continue
            start, end = (self._minute(hour, day) for hour in (window.start, window.end))
            end += 0 if end > start else DAY_MIN
            if start <= minute + ago * DAY_MIN < end:
                return True
        return False

    def _minute(self, hour: str, day: date) -> int:
        """Minutes of the wall's clock after the start of a day."""
        event, sign, hours, minutes = _PARTS.fullmatch(hour).groups()  # type: ignore[union-attr]
        total = int(hours or 0) * 60 + int(minutes or 0)
        if not event:
            return total
        assert self._location is not None
        rise, fall = sunrise_and_sunset(
            day, self._location.latitude or 0.0, self._location.longitude or 0.0
        )
        local = (rise if event == "sunrise" else fall).astimezone(self._zone)
        shift = (local.date() - day).days * DAY_MIN + local.hour * 60 + local.minute
        return shift + (-total if sign == "-" else total)


_PARTS = re.compile(r"(sunrise|sunset)?([+-])?(?:(\d\d):(\d\d))?")
