"""How long something is kept: years, months, weeks and days of the calendar, in UTC.

A period ends at the same time of day. Where its last month lacks the day that it began on, it ends
when that month does: kept for a month from 31 January on, a value is kept until 1 March, 00:00. So
what came later is never due earlier, and one instant parts what is due from what is not.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from fractions import Fraction

from msgspec import Struct

from domain.times import SECOND, to_datetime, to_us

LONGEST_YEARS = 100

_TEXT = re.compile(r"P(?=\d)(?:(\d{1,5})Y)?(?:(\d{1,5})M)?(?:(\d{1,5})W)?(?:(\d{1,5})D)?", re.ASCII)
_YEAR = Fraction(146_097, 400)
"""Days, in the mean of the Gregorian calendar."""
_DAY_US = 24 * 3600 * SECOND
_EARLIEST = to_us(datetime.fromisoformat("0001-01-01T00:00:00+00:00"))
_SPAN_US = (LONGEST_YEARS + 1) * 366 * _DAY_US
"""More than any period lasts."""


class Duration(Struct, frozen=True):
    """Months, and days behind these."""

    months: int
    days: int

    @property
    def mean_days(self) -> Fraction:
        """How long it is on average, to compare it with another one."""
        return self.months * _YEAR / 12 + self.days

    def end_us(self, start_us: int) -> int:
        """When a period that begins then ends, both in microseconds since 1970."""
        return to_us(_months_later(to_datetime(start_us), self.months) + timedelta(self.days))

    def cutoff_us(self, now_us: int) -> int:
        """The latest beginning of a period that has ended by now: what began then or earlier is
        due, what began later is not."""
        low, high = max(now_us - _SPAN_US, _EARLIEST), now_us  # ends by now, and does not
        while high - low > 1:
            middle = (low + high) // 2
            if self.end_us(middle) <= now_us:
                low = middle
            else:
                high = middle
        return low


def parse(text: str) -> Duration:
    """An ISO 8601 duration of years, months, weeks and days, from P1D to P100Y. Raises ValueError,
    saying why."""
    match = _TEXT.fullmatch(text)
    if match is None:
        raise ValueError("is no duration of years, months, weeks and days, such as P7Y or P18M")
    years, months, weeks, days = (int(group or 0) for group in match.groups())
    duration = Duration(12 * years + months, 7 * weeks + days)
    if not 1 <= duration.mean_days <= LONGEST_YEARS * _YEAR:
        raise ValueError(f"must be from P1D to P{LONGEST_YEARS}Y")
    return duration


def _months_later(moment: datetime, months: int) -> datetime:
    """The same day and time, or the end of a month that lacks the day."""
    years, month = divmod(moment.month - 1 + months, 12)
    try:
        return moment.replace(year=moment.year + years, month=month + 1)
    except ValueError:
        later = _months_later(moment.replace(day=1), months + 1)
        return later.replace(hour=0, minute=0, second=0, microsecond=0)
