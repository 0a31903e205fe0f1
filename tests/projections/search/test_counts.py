"""The index counts what the events of an hour or a day say, however they are cut."""

from __future__ import annotations

from typing import Any

import pytest

from projections.reading import Connection
from tests.projections.filling import START_US, Fact, Filling
from tests.projections.indexing import orders_model
from tests.projections.search.following import HOUR, busy, follow, rows

pytestmark = pytest.mark.anyio
DAY = 24 * HOUR


@pytest.mark.parametrize(
    ("table", "start", "length"), [("event_counts", "hour_us", HOUR), ("event_days", "day_us", DAY)]
)
async def test_counts_are_those_of_the_rows(
    app: Connection, filling: Filling, table: str, start: str, length: int
) -> None:
    await filling.add(*busy(80, 5))
    await follow(app, orders_model(), 1, 2, 90, 200)
    counted = await rows(
        app,
        f"select tenant_id, {start}, type, source, currency, events, amount_minor, amounts"
        f"  from {table} order by 1, 2, 3, 4, 5",
    )
    expected = await rows(
        app,
        f"select tenant_id, occurred_us - occurred_us % {length * 1_000_000}, type, source,"
        "       coalesce(currency, ''), count(*), coalesce(sum(amount_minor), 0),"
        "       count(amount_minor)"
        "  from order_events group by 1, 2, 3, 4, 5 order by 1, 2, 3, 4, 5",
    )
    assert counted == expected
    assert len(counted) > 3


async def test_values_are_counted_by_day(app: Connection, filling: Filling) -> None:
    """A list, what is no text, or a long one only says that the event has to be asked."""
    values: list[Any] = [
        "late",
        "late",
        "",
        None,
        [],
        {"_sd": "1"},
        ["late", "x", "x"],
        7,
        "y" * 201,
    ]
    facts = [Fact("o", payload={"failure_code": one}, at=DAY) for one in values]
    facts += [Fact("o", payload={"failure_code": "late"}, at=2 * DAY), Fact(None, "history.x")]
    await filling.add(*facts)
    await follow(app, orders_model(), 2, 5)
    day = "day_us / 86400000000 - (select min(day_us) from event_days) / 86400000000"
    counted = await rows(
        app,
        f"select {day}, kind, value, events from event_values"
        " where field = 'payload.failure_code' order by 1, 2, 3",
    )
    first = [("none", "", 3), ("other", "", 3), ("text", "", 1), ("text", "late", 2)]
    assert counted == [*((1, *one) for one in first), (2, "text", "late", 1)]


async def test_hours_span_their_events(app: Connection, filling: Filling) -> None:
    await filling.add(*busy(80, 5))
    await follow(app, orders_model(), 1, 2, 90, 200)
    spans = await rows(app, "select * from event_hours order by 1, 2")
    expected = await rows(
        app,
        "select tenant_id, occurred_us - occurred_us % 3600000000, min(sequence), max(sequence)"
        "  from order_events group by 1, 2 order by 1, 2",
    )
    assert spans == expected
    assert len(spans) > 3


async def test_amounts_are_integers_and_currencies_short_strings(
    app: Connection, filling: Filling
) -> None:
    amounts = [2**53 - 1, -(2**53 - 1), 0, True, 1.5, "7", None, {"_sd": "x"}]
    currencies = ["EUR", "x" * 200, "x" * 201, 5, None, {"_sd": "x"}, "", "EUR"]
    await filling.add(
        *(
            Fact("o", payload={"amount_minor": amount, "currency": currency})
            for amount, currency in zip(amounts, currencies, strict=True)
        )
    )
    await follow(app, orders_model())
    stored = await rows(app, "select amount_minor, currency from order_events order by sequence")
    assert [amount for amount, _ in stored] == [*amounts[:3], *[None] * 5]
    assert [currency for _, currency in stored] == ["EUR", "x" * 200, *[None] * 4, "", "EUR"]


async def test_a_sum_may_be_beyond_64_bits(app: Connection, filling: Filling) -> None:
    payload = {"amount_minor": 2**53 - 1, "currency": "EUR"}
    await filling.add(*(Fact("o", payload=payload, at=0) for _ in range(1100)))
    await follow(app, orders_model(), 30)
    ((total,),) = await rows(app, "select amount_minor from event_counts")
    assert total == 1100 * (2**53 - 1) > 2**63


async def test_an_event_before_1970_is_in_its_hour(app: Connection, filling: Filling) -> None:
    await filling.add(Fact("o", at=-START_US // 1_000_000 - 1))
    await follow(app, orders_model())
    assert await rows(app, "select hour_us from event_counts") == [(-HOUR * 1_000_000,)]
