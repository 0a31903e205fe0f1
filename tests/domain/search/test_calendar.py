"""Hours, days, weeks and months of time zones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.search.calendar import Interval, starts, time_zone
from domain.times import format_short, parse_us, to_datetime

DAY_US = 86_400_000_000
ZONES = ("UTC", "Europe/Berlin", "Asia/Kolkata", "America/Sao_Paulo", "Australia/Lord_Howe")


def told(interval: Interval, zone: str, first: str, last: str) -> list[str]:
    found = starts(interval, time_zone(zone), parse_us(first), parse_us(last), 100)
    return [format_short(start) for start in found]


def test_a_day_of_another_length() -> None:
    days = told("day", "Europe/Berlin", "2025-03-29T12:00:00Z", "2025-03-31T12:00:00Z")
    assert days == [
        "2025-03-28T23:00:00Z",
        "2025-03-29T23:00:00Z",
        "2025-03-30T22:00:00Z",
        "2025-03-31T22:00:00Z",
    ]


def test_a_day_without_midnight_begins_when_the_clock_goes_on() -> None:
    days = told("day", "America/Sao_Paulo", "2018-11-03T12:00:00Z", "2018-11-04T12:00:00Z")
    assert days == ["2018-11-03T03:00:00Z", "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"]


@pytest.mark.parametrize("last", ["2011-12-30T12:00:00Z", "2011-12-31T09:00:00Z"])
def test_a_day_that_a_zone_skips_is_none(last: str) -> None:
    days = told("day", "Pacific/Apia", "2011-12-29T12:00:00Z", last)
    assert days == ["2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"]


def test_an_hour_that_comes_twice_is_two_hours() -> None:
    hours = told("hour", "Europe/Berlin", "2025-10-26T00:10:00Z", "2025-10-26T01:10:00Z")
    assert hours == ["2025-10-26T00:00:00Z", "2025-10-26T01:00:00Z", "2025-10-26T02:00:00Z"]


def test_weeks_begin_on_monday_and_months_on_the_first() -> None:
    weeks = told("week", "UTC", "2025-01-01T12:00:00Z", "2025-01-06T00:00:00Z")
    assert weeks == ["2024-12-30T00:00:00Z", "2025-01-06T00:00:00Z", "2025-01-13T00:00:00Z"]
    months = told("month", "Asia/Kolkata", "2025-01-31T18:29:59Z", "2025-01-31T18:30:00Z")
    assert months == ["2024-12-31T18:30:00Z", "2025-01-31T18:30:00Z", "2025-02-28T18:30:00Z"]


@given(
    st.sampled_from(["hour", "day", "week", "month"]),
    st.sampled_from(ZONES),
    st.integers(DAY_US, 40_000 * DAY_US),
    st.integers(0, 40 * DAY_US),
)
def test_intervals_cover_the_time_without_gaps(
    interval: Interval, zone: str, first_us: int, length: int
) -> None:
    last_us = first_us + length
    found = starts(interval, time_zone(zone), first_us, last_us, 2000)
    assert found[0] <= first_us < found[1]
    assert found[-2] <= last_us < found[-1]
    assert found == sorted(set(found))
    for start in found:
        local = to_datetime(start).astimezone(time_zone(zone))
        if interval == "week":
            assert local.weekday() == 0
        if interval == "month":
            assert local.day == 1


def test_more_intervals_than_asked_for_are_refused() -> None:
    zone = time_zone("UTC")
    assert len(starts("hour", zone, 0, 3_600_000_000 * 9, 10)) == 11
    with pytest.raises(ValueError, match="more than 10 intervals"):
        starts("hour", zone, 0, 3_600_000_000 * 10, 10)


def test_intervals_beyond_a_calendar_are_refused() -> None:
    zone = time_zone("Asia/Tokyo")
    with pytest.raises(ValueError, match="years 1 to 9999"):
        starts("hour", zone, parse_us("9999-12-31T14:00:00Z"), 2**60, 10)
    zone = time_zone("UTC")
    with pytest.raises(ValueError, match="years 1 to 9999"):
        starts("month", zone, parse_us("9999-01-01T00:00:00Z"), 2**60, 20)


@pytest.mark.parametrize(
    "name", ["", "Nowhere", "Europe", "/etc/passwd", "../UTC", "\0", "UTC\n", "x" * 500, "é"]
)
def test_what_is_no_zone(name: str) -> None:
    with pytest.raises(ValueError, match="is no time zone"):
        time_zone(name)
