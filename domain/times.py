"""Times: RFC 3339 text on the outside, microseconds since 1970 (UTC) as an int on the inside.

An int compares, adds and stores without a time zone to lose; text keeps the precision a producer
sent. `Instant` values are never floats.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

SECOND = 1_000_000
"""One second in microseconds, the unit of every `*_us` in this project."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = _EPOCH.replace(tzinfo=None)
_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_DURATION = re.compile(
    r"P(?:(\d{1,5})W|(?:(\d{1,6})D)?(?:T(?:(\d{1,8})H)?(?:(\d{1,9})M)?(?:(\d{1,9})S)?)?)", re.ASCII
)


def parse_time(text: str) -> tuple[str, int]:
    """Parse an RFC 3339 date-time.

    Returns the same instant as canonical text (UTC, `Z`, as many fraction digits as were sent, six
    at most: further digits are dropped) and as microseconds since 1970.
    Raises ValueError, saying why, for anything else; second 60 too.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError("is not an RFC 3339 time such as 2025-08-29T12:34:56Z")
    fraction, zone = match.groups()
    try:
        moment = datetime.fromisoformat(text[:19])
        if zone not in "Zz":
            moment -= _offset(zone)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"is not a time that exists: {error}") from None
    since = moment - _NAIVE_EPOCH  # on the way of every event: plain arithmetic, no strftime
    us = (since.days * 86_400 + since.seconds) * SECOND
    # Most are sent just as they are written here.
    canonical = text[:19] if zone == "Z" and text[10] == "T" else moment.isoformat()[:19]
    if not fraction:
        return f"{canonical}Z", us
    fraction = fraction[:6]
    return f"{canonical}.{fraction}Z", us + int(fraction.ljust(6, "0"))


def _offset(zone: str) -> timedelta:
    hours, minutes = int(zone[1:3]), int(zone[4:6])
    if hours > 23 or minutes > 59:
        raise ValueError("UTC offset out of range")
    offset = timedelta(hours=hours, minutes=minutes)
    return -offset if zone[0] == "-" else offset


def parse_us(text: str) -> int:
    """The instant of an RFC 3339 text, in microseconds since 1970; ValueError as `parse_time`."""
    return parse_time(text)[1]


def parse_duration_us(text: str) -> int:
    """An ISO 8601 duration of weeks, or of days, hours, minutes and seconds (`PT1H`, `P7D`)."""
    match = _DURATION.fullmatch(text)
    if match is None or text.endswith(("P", "T")):
        raise ValueError("is not a duration such as PT1H or P7D")
    weeks, days, hours, minutes, seconds = (int(group or 0) for group in match.groups())
    return (((weeks * 7 + days) * 24 + hours) * 3600 + minutes * 60 + seconds) * SECOND


def format_us(us: int) -> str:
    """Canonical text of an instant: UTC, `Z`, always six fraction digits (as `received_at`)."""
    seconds, micros = divmod(us, SECOND)
    moment = _EPOCH + timedelta(seconds=seconds)
    return f"{moment:%Y-%m-%dT%H:%M:%S}".rjust(19, "0") + f".{micros:06}Z"


def format_short(us: int) -> str:
    """The text of an instant whose written precision is not known: none, milli- or microseconds."""
    text = format_us(us)
    if us % SECOND == 0:
        return text[:-8] + "Z"
    return text[:-4] + "Z" if us % 1000 == 0 else text


def format_known(us: int | None) -> str | None:
    """As `format_short`, of an instant that may not have come."""
    return None if us is None else format_short(us)


def to_us(moment: datetime) -> int:
    """Microseconds since 1970 of an aware datetime, exactly."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def to_datetime(us: int) -> datetime:
    """The aware UTC datetime of an instant."""
    return _EPOCH + timedelta(microseconds=us)
