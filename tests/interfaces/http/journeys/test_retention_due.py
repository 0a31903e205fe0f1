"""What the database finds due is what one finds by looking at each event."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest

from application.retention.duties import InForce
from application.retention.ports import BEGINNING, DueOrder
from domain.retention.due import DueEvents, due_events
from domain.retention.patterns import fits
from domain.retention.policies import Policy
from domain.times import SECOND, format_us, parse_us
from interfaces.composition.connections import clock
from projections.retention import due as module
from projections.retention.due import DueQueries
from tests.domain.retention.made import policy
from tests.interfaces.http.journeys.house import House, Shop

pytestmark = pytest.mark.anyio
DAY = 24 * 3600 * SECOND
TYPES = ("order.created", "order.note.added", "order.payment.failed", "order.payment.x.y", "a.b")
Row = tuple[str, int, str, int, int, bool]
"""Order, sequence, type, occurred_us, received_us, whether anything personal is in it."""


async def recorded(shop: Shop, seed: int) -> list[Row]:
    chance = random.Random(seed)
    rows = []
    for _ in range(40):
        personal = chance.random() < 0.8
        event = await shop.record(
            f"ord_{chance.randrange(8)}",
            type=chance.choice(TYPES),
            occurred_at=format_us(clock() - chance.randrange(60) * DAY - chance.randrange(DAY)),
            payload={"note": "Jane"} if personal else {},
        )
        rows.append((
            event["order_id"], event["sequence"], event["type"], parse_us(event["occurred_at"]),
            parse_us(event["received_at"]), personal,
        ))  # fmt: skip
    return rows


def policies(chance: random.Random, first_us: int, last_us: int) -> tuple[list[Policy], int]:
    """Some, the first of which is asked for, and a moment: of time counted from the arrival, some
    events are due then and some are not."""
    found = []
    for number in range(4):
        counted = chance.choice(["occurred_at", "received_at"])
        found.append(
            policy(
                f"p{number}",
                event_types=tuple(chance.sample(["*", "order.payment.*", *TYPES], 2)),
                retain_for=f"P{chance.randrange(1, 40)}D",
                counted_from=counted,
                duty=chance.random() < 0.7,
            )
        )
    days = chance.choice([one.rule.duration.days for one in found])
    return found, chance.randrange(first_us, last_us) + days * DAY


def by_hand(rows: Sequence[Row], some: Sequence[Policy], now_us: int) -> dict[str, Any]:
    """order -> (sequences that go, sequences that a duty keeps)."""
    wanted, others = some[0], [one for one in some[1:] if one.rule.duty]
    in_force = InForce((b"", 0), others, now_us)
    found: dict[str, Any] = {}
    for order_id, sequence, event_type, occurred_us, received_us, personal in rows:
        counted = occurred_us if wanted.rule.counted_from == "occurred_at" else received_us
        of_it = any(fits(event_type, one) for one in wanted.rule.event_types)
        if personal and of_it and wanted.rule.duration.end_us(counted) <= now_us:
            goes, kept = found.setdefault(order_id, ([], []))
            keeps = in_force.keeps(event_type, occurred_us, received_us)
            (kept if keeps else goes).append(sequence)
    return found


async def walked(queries: DueQueries, tenant: str, due: DueEvents) -> list[DueOrder]:
    place, found = BEGINNING, list[DueOrder]()
    while place.more:
        some, place = await queries.orders(tenant, due, place)
        found += some
    return found


async def test_it_is_what_one_finds_by_hand(
    house: House, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ORDERS_AT_ONCE", 3)
    await house.shop().record(payload={"note": "Jane"}, occurred_at="2020-01-01T00:00:00Z")
    rows = await recorded(shop, 1)
    queries = DueQueries(house.services.orders._pool, house.services.reader)
    await queries.caught_up(shop.tenant)
    types = await queries.types(shop.tenant)
    assert set(types) == {row[2] for row in rows}
    met = {"goes": 0, "kept": 0}
    for seed in range(60):
        chance = random.Random(seed)
        some, now_us = policies(chance, rows[0][4], rows[-1][4])
        due = due_events(some[0], [one for one in some if one.rule.duty], types, now_us)
        expected = by_hand(rows, some, now_us)
        found = await walked(queries, shop.tenant, due)
        assert {one.order_id: (one.events, one.kept) for one in found} == {
            name: (len(goes), len(kept)) for name, (goes, kept) in expected.items()
        }, seed
        going = {name: goes for name, (goes, _) in expected.items() if goes}
        orders = [row[0] for row in rows]
        assert await queries.sequences(shop.tenant, due, orders) == going
        occurred = {row[1]: row[3] for row in rows}
        for one in found:
            times = sorted((occurred[at], at) for at in going.get(one.order_id, ()))
            assert one.first == (times[0] if times else None)
            assert one.last_us == (times[-1][0] if times else None)
        met["goes"] += sum(one.events for one in found)
        met["kept"] += sum(one.kept for one in found)
    assert met["goes"] > 100
    assert met["kept"] > 100
