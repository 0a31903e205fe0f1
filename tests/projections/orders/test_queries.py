"""The orders read model's answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from infrastructure.postgres.connect import Pool
from infrastructure.postgres.embedded import EmbeddedPostgres
from projections.orders.filters import OrderFilters
from projections.orders.queries import EventKey, OrderQueries, OrderSummary
from projections.orders.statements import Sort
from projections.progress import head
from projections.reading import Connection
from tests.projections.conftest import fresh_database
from tests.projections.filling import START_US, Fact, Filling
from tests.projections.orders.following import project

pytestmark = pytest.mark.anyio
SECOND = 1_000_000


@pytest.fixture(scope="module")
def database_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    """One database for all questions: they change nothing."""
    yield from fresh_database(postgres)


@pytest.fixture
async def queries(pool: Pool) -> OrderQueries:
    return OrderQueries(pool)


@pytest.fixture
async def shop(app: Connection, filling: Filling) -> Filling:
    """Tenant acme with four orders, and one order of the same name of another tenant."""
    if await head(app):
        return filling
    first = {"actor_id": "ann", "actor_type": "user"}
    await filling.add(
        Fact("o1", "order.created", order("web", "EUR", 300, "c1", "a"), 0, metadata=first),
        Fact("o2", "order.created", order("web", "USD", None, "c2", "b"), 5),
        Fact("o1", "order.payment.authorized", {}, 30, source="pay", metadata={"actor_id": "svc"}),
        Fact("o1", "order.payment.succeeded", {}, 20, source="pay", metadata={"actor_id": "svc"}),
        Fact(None, "history.export.made", {}, 25, source="service"),
        Fact("o3", "order.created", order("store", "EUR", 100, "c1", "a"), 10, metadata=first),
        Fact("o4", "order.created", order("store", "EUR", None, "c3", "c"), 40),
        Fact("o1", "order.created", order("web", "EUR", 999, "c1", "a"), 7, tenant="other"),
        Fact("o3", "order.hold.placed", {}, 50, metadata={"actor_id": "ann"}),
    )
    await project(app)
    return filling


def order(
    channel: str, currency: str, total: int | None, customer: str, sku: str
) -> dict[str, Any]:
    return {
        "channel": channel,
        "currency": currency,
        "total_minor": total,
        "customer_id": customer,
        "items": [{"sku": sku}],
    }


def sequences(keys: Sequence[EventKey]) -> list[int]:
    return [key.sequence for key in keys]


def ids(orders: Sequence[OrderSummary]) -> list[str]:
    return [order.order_id for order in orders]


async def test_a_timeline_is_by_occurrence_or_by_sequence(
    queries: OrderQueries, shop: Filling
) -> None:
    assert await queries.timeline("acme", "o1") == [
        EventKey(1, 1, START_US),
        EventKey(4, 4, START_US + 20 * SECOND),
        EventKey(3, 3, START_US + 30 * SECOND),
    ]
    assert sequences(await queries.timeline("acme", "o1", order="sequence")) == [1, 3, 4]


async def test_a_timeline_in_pages(queries: OrderQueries, shop: Filling) -> None:
    async def page(after: tuple[int, int] | None, by: Any) -> list[EventKey]:
        return await queries.timeline("acme", "o1", after=after, order=by, limit=2)

    for by, wanted in (("occurred", [1, 4, 3]), ("sequence", [1, 3, 4])):
        first = await page(None, by)
        rest = await page((first[-1].occurred_us, first[-1].sequence), by)
        assert sequences(first + rest) == wanted
        assert await page((rest[-1].occurred_us, rest[-1].sequence), by) == []


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ({"from_us": START_US + 20 * SECOND}, [4, 3]),
        ({"to_us": START_US + 20 * SECOND}, [1]),
        ({"type_pattern": "order.payment.*"}, [4, 3]),
        ({"type_pattern": "order.*"}, [1, 4, 3]),
        ({"type_pattern": "order.payment"}, []),
        ({"type_pattern": "order.payment.succeeded.*"}, []),
        ({"type_pattern": "order.created"}, [1]),
        ({"type_pattern": "order.%.*"}, []),
        ({"type_pattern": "*"}, []),
    ],
)
async def test_a_part_of_a_timeline(
    queries: OrderQueries, shop: Filling, asked: dict[str, Any], wanted: list[int]
) -> None:
    assert sequences(await queries.timeline("acme", "o1", **asked)) == wanted


async def test_what_is_not_there(queries: OrderQueries, shop: Filling) -> None:
    assert await queries.order_exists("acme", "o1")
    for tenant, order_id in (("acme", "o9"), ("other", "o2"), ("nobody", "o1"), ("acme", "\0")):
        assert not await queries.order_exists(tenant, order_id)
        assert await queries.timeline(tenant, order_id) == []
        assert await queries.aggregate(tenant, order_id) is None


async def test_an_aggregate(queries: OrderQueries, shop: Filling) -> None:
    found = await queries.aggregate("acme", "o1")
    assert found is not None
    assert (found.event_count, found.first_us, found.last_us) == (
        3,
        START_US,
        START_US + 30 * SECOND,
    )
    assert found.by_type == {
        "order.created": 1,
        "order.payment.authorized": 1,
        "order.payment.succeeded": 1,
    }
    assert found.by_source == {"pay": 2, "shop": 1}
    assert [(one.actor_id, one.actor_type, one.events) for one in found.actors] == [
        ("ann", "user", 1),
        ("svc", None, 2),
    ]
    assert (found.actors[1].first_us, found.actors[1].last_us) == (
        START_US + 20 * SECOND,
        START_US + 30 * SECOND,
    )


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ({}, [1, 2, 3, 4, 6, 7, 8]),
        ({"history": True}, [1, 2, 3, 4, 5, 6, 7, 8]),
        ({"type": "history.export.made", "history": True}, [5]),
        ({"type": "history.*", "history": True}, [5]),
        ({"type": "history.export.made"}, []),
        ({"type": "order.created"}, [1, 2, 6, 7]),
        ({"type": "order.*"}, [1, 2, 3, 4, 6, 7, 8]),
        ({"type": "order.payment.*"}, [3, 4]),
        ({"type": "order.payment.*", "after_sequence": 3}, [4]),
        ({"type": "order.payment.*", "limit": 1}, [3]),
        ({"type": "order.created", "source": "pay"}, []),
        ({"type": "order.*", "source": "pay", "order_id": "o1"}, [3, 4]),
        ({"order_id": "o3"}, [6, 8]),
        ({"order_id": "o3", "after_sequence": 6}, [8]),
        ({"source": "pay"}, [3, 4]),
        ({"actor_id": "ann"}, [1, 6, 8]),
        ({"actor_id": "ann", "type": "order.created"}, [1, 6]),
        ({"from_us": START_US + 20 * SECOND, "to_us": START_US + 50 * SECOND}, [3, 4, 7]),
        (
            {"from_us": START_US + 20 * SECOND, "to_us": START_US + 50 * SECOND, "order_id": "o1"},
            [3, 4],
        ),
        ({"from_us": START_US + 20 * SECOND, "type": "order.payment.*"}, [3, 4]),
        ({"from_us": START_US + 7200 * SECOND}, []),
        ({"to_us": START_US}, []),
        ({"to_us": START_US - 7200 * SECOND}, []),
        ({"after_sequence": 7}, [8]),
        ({"limit": 2}, [1, 2]),
        ({"source": "pay'; drop table orders; --"}, []),
        ({"source": "\0", "from_us": START_US}, []),
    ],
)
async def test_events_of_a_tenant(
    queries: OrderQueries, shop: Filling, asked: dict[str, Any], wanted: list[int]
) -> None:
    assert sequences(await queries.events("acme", **asked)) == wanted


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        (OrderFilters(), ["o3", "o4", "o1", "o2"]),
        (OrderFilters(status="pending"), ["o3", "o4", "o1", "o2"]),
        (OrderFilters(status="paid"), []),
        (OrderFilters(channel="web"), ["o1", "o2"]),
        (OrderFilters(currency="EUR", channel="web"), ["o1"]),
        (OrderFilters(customer_id="c1"), ["o3", "o1"]),
        (OrderFilters(sku="a"), ["o3", "o1"]),
        (OrderFilters(min_total_minor=100), ["o3", "o1"]),
        (OrderFilters(min_total_minor=101), ["o1"]),
        (OrderFilters(max_total_minor=100), ["o3"]),
        (OrderFilters(max_total_minor=-(2**53)), []),
        (OrderFilters(last_event_before=START_US + 30 * SECOND), ["o2"]),
        (OrderFilters(last_event_after=START_US + 30 * SECOND), ["o3", "o4", "o1"]),
        (OrderFilters(changed_since_us=START_US + 31 * SECOND), ["o3", "o4"]),
        (OrderFilters(created_from=START_US + 10 * SECOND), ["o3", "o4"]),
        (OrderFilters(created_to=START_US + 10 * SECOND), ["o1", "o2"]),
        (OrderFilters(actor_id="ann"), ["o3", "o1"]),
        (OrderFilters(actor_id="svc", customer_id="c1"), ["o1"]),
        (OrderFilters(on_hold=True), ["o3"]),
        (OrderFilters(on_hold=False), ["o4", "o1", "o2"]),
    ],
)
async def test_orders_of_a_tenant(
    queries: OrderQueries, shop: Filling, filters: OrderFilters, wanted: list[str]
) -> None:
    assert ids(await queries.list_orders("acme", filters)) == wanted


@pytest.mark.parametrize(
    ("sort", "wanted"),
    [
        ("last_event_at", ["o3", "o4", "o1", "o2"]),
        ("created_at", ["o4", "o3", "o2", "o1"]),
        ("total_minor", ["o1", "o3", "o4", "o2"]),
    ],
)
async def test_orders_in_pages_of_any_size(
    queries: OrderQueries, shop: Filling, sort: Sort, wanted: list[str]
) -> None:
    for limit in (1, 2, 3, 4, 5):
        found: list[str] = []
        after = None
        while page := await queries.list_orders("acme", sort=sort, after=after, limit=limit):
            assert len(page) <= limit
            found += ids(page)
            after = page[-1].key(sort)
        assert found == wanted


async def test_another_tenant_sees_its_own(queries: OrderQueries, shop: Filling) -> None:
    (only,) = await queries.list_orders("other")
    assert (only.order_id, only.total_minor, only.event_count) == ("o1", 999, 1)
    assert sequences(await queries.events("other", history=True)) == [1]
    assert await queries.list_orders("other", OrderFilters(actor_id="ann")) == []
    assert await queries.list_orders("nobody") == []
