"""Hours, days, weeks and months of a time zone, as instants."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from domain.times import SECOND, to_datetime, to_us

Interval = Literal["hour", "day", "week", "month"]
HOUR_US = 3600 * SECOND
DAY_US = 24 * HOUR_US
LONGEST_ZONE = 100


def time_zone(name: str) -> ZoneInfo:
    """A time zone by its IANA name. Raises ValueError for what is none."""
    # A key is looked for as a path: the name of a zone has neither of these.
    if 0 < len(name) <= LONGEST_ZONE and not name.startswith("/") and "." not in name:
        with suppress(ValueError, OSError, ZoneInfoNotFoundError):
            return ZoneInfo(name)
    raise ValueError("is no time zone of the IANA database, such as UTC or Europe/Berlin")


def starts(interval: Interval, zone: ZoneInfo, first_us: int, last_us: int, most: int) -> list[int]:
    """When the intervals begin, in microseconds since 1970, from the one that holds `first_us` to
    the one that holds `last_us`, ascending; and behind them when that one ends.

    Weeks begin on Monday. A day whose midnight is skipped begins when the clock goes on; one that
    is skipped whole (Pacific/Apia, 2011-12-30) is none. Raises ValueError when there are more than
    `most`, and when one would begin before the year 1 or end after 9999.
    """
    found: list[int] = []
    try:
        for start in _from(interval, zone, first_us):
            if found and start == found[-1]:
                continue
            found.append(start)
            if start > last_us:
                return found
            if len(found) > most:
                break
    except OverflowError:
        raise ValueError("leaves the years 1 to 9999: ask for a shorter time") from None
    raise ValueError(f"gives more than {most:,} intervals: ask for a shorter time")


def _from(interval: Interval, zone: ZoneInfo, first_us: int) -> Iterator[int]:
    """When they begin, without an end. Raises OverflowError outside of years 1 to 9999."""
    moment = to_datetime(first_us).astimezone(zone)
    if interval == "hour":
        offset = moment.utcoffset() or timedelta()
        shift = offset // timedelta(microseconds=1)
        start = (first_us + shift) // HOUR_US * HOUR_US - shift
        while True:
            yield start
            start = _next_hour(start, zone)
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None, fold=0)
    if interval == "week":
        day -= timedelta(days=day.weekday())
    if interval == "month":
        day = day.replace(day=1)
    while True:
        yield _instant(day, zone)
        if interval == "month":
            day = (day + timedelta(days=31)).replace(day=1)
        else:
            day += timedelta(days=7 if interval == "week" else 1)


def _instant(midnight: datetime, zone: ZoneInfo) -> int:
    """When a day begins. Of a midnight that comes twice the first; for one that is skipped, the
    instant at which it is skipped."""
    return to_us(midnight.replace(tzinfo=zone).astimezone(UTC))


def _next_hour(start: int, zone: ZoneInfo) -> int:
    """An hour later; where the offset changed by a part of an hour, the next full local hour."""
    later = start + HOUR_US
    moment = to_datetime(later).astimezone(zone)
    into = (moment.minute * 60 + moment.second) * SECOND
    return later if into == 0 else later - into + HOUR_US
