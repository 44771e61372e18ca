"""Sun: when it rises and sets. Pure.

Source:
    NOAA Global Monitoring Laboratory, "Solar Calculation Details", after Meeus, "Astronomical
    Algorithms", 2nd edition 1998, chapters 22, 25 and 28. Differs: declination and equation of
    time are taken at the event itself, by one more round. Within two minutes of the almanac up to
    60 degrees of latitude.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from functools import lru_cache
from math import acos, asin, cos, degrees, radians, sin, tan

ZENITH = 90.833
"""Degrees from overhead at which the sun's upper edge touches the horizon: its radius of 0.266 and
refraction of 0.567 degrees."""

_J2000 = datetime(2000, 1, 1, 12, tzinfo=timezone.utc)


@lru_cache(maxsize=64)
def sunrise_and_sunset(day: date, latitude: float, longitude: float) -> tuple[datetime, datetime]:
    """When the sun rises and sets.

    Args:
        day: The day at that place: sunrise and sunset are those around its noon.
        latitude: Degrees, north positive.
        longitude: Degrees, east positive.

    Returns:
        Both in UTC. Where the sun does not set, the day lasts all but a minute; where it does not
        rise, it lasts a minute, at noon.
    """
    midnight = datetime(day.year, day.month, day.day, tzinfo=timezone.utc)
    noon = midnight + timedelta(hours=12, minutes=-4 * longitude)
    found = []
    for sign in (-1, 1):
        at = noon
        for _ in range(2):
            declination, equation = _sun(at)
            half = _half_day(radians(latitude), declination)
            at = noon + timedelta(minutes=sign * 4 * half - equation)
        found.append(at)
    return found[0], found[1]


def _half_day(latitude: float, declination: float) -> float:
    """Degrees the earth turns between sunrise and noon; arguments in radians."""
    share = cos(radians(ZENITH)) / (cos(latitude) * cos(declination))
    share -= tan(latitude) * tan(declination)
    return min(max(degrees(acos(min(max(share, -1.0), 1.0))), 0.125), 179.875)


def _sun(at: datetime) -> tuple[float, float]:
    """Declination in radians, and equation of time in minutes."""
    century = (at - _J2000) / timedelta(days=36525)
    mean_longitude = radians(280.46646 + century * (36000.76983 + century * 0.0003032))
    anomaly = radians(357.52911 + century * (35999.05029 - century * 0.0001537))
    eccentricity = 0.016708634 - century * (0.000042037 + century * 0.0000001267)
    centre = (
        sin(anomaly) * (1.914602 - century * (0.004817 + century * 0.000014))
        + sin(2 * anomaly) * (0.019993 - century * 0.000101)
        + sin(3 * anomaly) * 0.000289
    )
    node = radians(125.04 - 1934.136 * century)
    longitude = mean_longitude + radians(centre - 0.00569 - 0.00478 * sin(node))
    obliquity = radians(23.439291 - 0.0130042 * century + 0.00256 * cos(node))
    declination = asin(sin(obliquity) * sin(longitude))
    y = tan(obliquity / 2) ** 2
    equation = 4 * degrees(
        y * sin(2 * mean_longitude)
        - 2 * eccentricity * sin(anomaly)
        + 4 * eccentricity * y * sin(anomaly) * cos(2 * mean_longitude)
        - y * y / 2 * sin(4 * mean_longitude)
        - 5 / 4 * eccentricity**2 * sin(2 * anomaly)
    )
    return declination, equation
