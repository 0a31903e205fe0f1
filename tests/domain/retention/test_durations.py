"""A period ends on the calendar, and one instant parts what is due from what is not."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.retention.durations import Duration, parse
from domain.times import format_us, parse_us, to_us

INSTANTS = st.integers(0, to_us(datetime(2150, 1, 1, tzinfo=UTC)))
DURATIONS = st.builds(
    Duration, st.integers(0, 1100), st.one_of(st.integers(0, 40), st.integers(0, 3000))
).filter(lambda one: one.mean_days >= 1)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("P7Y", "2018-05-06T07:08:09.000001Z", "2025-05-06T07:08:09.000001Z"),
        ("P12M", "2024-02-28T10:00:00Z", "2025-02-28T10:00:00Z"),
        ("P12M", "2024-02-29T10:00:00Z", "2025-03-01T00:00:00Z"),
        ("P48M", "2024-02-29T10:00:00Z", "2028-02-29T10:00:00Z"),
        ("P1M", "2025-01-31T00:00:00Z", "2025-03-01T00:00:00Z"),
        ("P1M", "2024-01-30T23:59:59Z", "2024-03-01T00:00:00Z"),
        ("P1M", "2025-12-31T08:00:00Z", "2026-01-31T08:00:00Z"),
        ("P13M", "2025-11-30T08:00:00Z", "2026-12-30T08:00:00Z"),
        ("P2W", "2025-02-20T08:00:00Z", "2025-03-06T08:00:00Z"),
        ("P1D", "2024-02-28T08:00:00Z", "2024-02-29T08:00:00Z"),
        ("P1Y1M1W1D", "2023-01-31T08:00:00Z", "2024-03-09T00:00:00Z"),
    ],
)
def test_when_a_period_ends(text: str, start: str, end: str) -> None:
    assert format_us(parse(text).end_us(parse_us(start))) == format_us(parse_us(end))


@given(INSTANTS, st.integers(1, 1200))
def test_months_keep_the_day_or_end_with_the_month(start: int, months: int) -> None:
    begun = datetime.fromtimestamp(start // 1_000_000, UTC)
    ended = datetime.fromtimestamp(Duration(months, 0).end_us(start) // 1_000_000, UTC)
    at = begun.year * 12 + begun.month - 1 + months
    last = calendar.monthrange(at // 12, at % 12 + 1)[1]
    if begun.day <= last:
        assert (ended.year * 12 + ended.month - 1, ended.day) == (at, begun.day)
        assert ended.time() == begun.time()
    else:
        assert ended.year * 12 + ended.month - 1 == at + 1
        assert (ended.day, ended.hour, ended.minute, ended.second) == (1, 0, 0, 0)


@given(INSTANTS, INSTANTS, DURATIONS)
def test_what_came_later_is_never_due_earlier(one: int, other: int, duration: Duration) -> None:
    first, last = sorted((one, other))
    assert first < duration.end_us(first) <= duration.end_us(last)


@given(INSTANTS, DURATIONS)
def test_the_cutoff_parts_what_is_due(now: int, duration: Duration) -> None:
    cutoff = duration.cutoff_us(now)
    assert duration.end_us(cutoff) <= now < duration.end_us(cutoff + 1)


def test_durations_are_compared_by_their_mean_length() -> None:
    shorter = ["P1D", "P6D", "P1W", "P30D", "P1M", "P31D", "P365D", "P12M", "P366D", "P100Y"]
    means = [parse(text).mean_days for text in shorter]
    assert means == sorted(means)
    assert parse("P12M").mean_days == parse("P1Y").mean_days
    assert parse("P100Y").mean_days * 4 == 146_097


@pytest.mark.parametrize(
    "text",
    ["", "P", "7Y", "P7", "p7y", "PT1H", "P1DT1H", "P1.5Y", "P-1D", "P1D ", "P1M1Y", "P1Y\n"],
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration"):
        parse(text)


@pytest.mark.parametrize("text", ["P0D", "P0Y0M", "P101Y", "P1201M", "P36525D", "P99999W"])
def test_what_is_too_short_or_too_long(text: str) -> None:
    with pytest.raises(ValueError, match="from P1D to P100Y"):
        parse(text)


@pytest.mark.parametrize("text", ["P1D", "P100Y", "P1200M", "P36524D"])
def test_the_ends_are_within(text: str) -> None:
    assert parse(text).mean_days >= 1
