"""Search, lists and aggregations tell the same, which is what a slow reference tells."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from application.search.aggregating import Aggregate
from application.search.searching import Search
from infrastructure.postgres.connect import connect_one
from infrastructure.postgres.embedded import EmbeddedPostgres
from projections.orders.model import OrdersModel
from projections.orders.queries import OrderQueries
from projections.rebuild import rebuild
from projections.search import statements
from projections.search.aggregations import AggregationQueries
from projections.search.entries import Indexing
from projections.search.queries import SearchQueries
from tests.projections.conftest import CELL, fresh_database
from tests.projections.indexing import HASHES, Told
from tests.projections.search.asking import GROUPS, ORDERS, TOPS, Asking, Way
from tests.projections.search.drawing import queries
from tests.projections.search.following import followed
from tests.projections.search.shop import shop, told
from tests.projections.search.unhurried import unhurried

pytestmark = pytest.mark.anyio

FACTS, PERSONAL = shop(420, 11)
EVENTS = told(FACTS, "acme", PERSONAL)
MODEL = OrdersModel(Indexing(HASHES, Told(PERSONAL)))
WAYS = st.builds(
    Way,
    order=st.sampled_from(ORDERS),
    limit=st.integers(3, 60),
    group=st.sampled_from(GROUPS),
    top=st.sampled_from(TOPS),
)


@pytest.fixture(scope="module")
def database_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    yield from fresh_database(postgres)


@pytest.fixture(scope="module")
async def asking(anyio_backend: str, database_url: str) -> AsyncIterator[Asking]:
    async with followed(database_url, MODEL, FACTS) as pool:
        index = SearchQueries(pool, HASHES)
        yield Asking(
            "acme",
            EVENTS,
            Search(index),
            Aggregate(index, AggregationQueries(index)),
            OrderQueries(pool),
        )


@settings(max_examples=500)
@given(query=queries(EVENTS), way=WAYS, few=st.booleans())
async def test_all_ways_of_asking_agree(
    asking: Asking, query: dict[str, Any], way: Way, few: bool
) -> None:
    """few: so little is looked at beforehand that all forms of a statement have their turn."""
    with unhurried(), pytest.MonkeyPatch.context() as patch:
        if few:
            patch.setattr(statements, "PEEKED", 200)
            patch.setattr(statements, "PEEKED_FURTHER", 800)
            patch.setattr(statements, "COLLECTED", 20)
        await asking.agrees(query, way)
    assert not asking.costly


async def test_a_rebuild_changes_no_answer(asking: Asking, database_url: str) -> None:
    async def connect() -> Any:
        return await connect_one(database_url, CELL, name="test owner", as_owner=True)

    await rebuild(connect, [MODEL], lambda _done, _total: None)
    for query in AGAIN:
        await asking.agrees(query, Way())


AGAIN: list[dict[str, Any]] = [
    {"all": []},
    {"text": "shipment"},
    {"text": "blue SHIRT"},
    {"ident": "mag-0000"},
    {"ident": "user7@example.com"},
    {"ident": "trk1"},
    {"field": "payload.items.qty", "gt": 2},
    {"any": [{"text": "adyen"}, {"field": "payload.items.qty", "gt": 20}]},
    {"not": {"any": [{"text": "adyen"}, {"field": "payload.items.qty", "gt": 20}]}},
    {"not": {"field": "actor_id", "eq": "svc"}},
    {"field": "order.status", "eq": "shipped"},
    {"field": "payload.amount_minor", "gte": 500, "lt": 12_000},
    {"field": "type", "eq": "history.export.made"},
    {"field": "order.sku", "in": ["SKU-001", "SKU-002"]},
    {"field": "payload.promised_delivery_at", "lt": "2025-02-10T00:00:00Z"},
    {"field": "metadata.correlation_id", "eq": "corr-3"},
]
