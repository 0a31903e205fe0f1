"""What is told of what is added up beforehand, of the rows of events, and of events themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import msgspec
import pytest

from application.search.aggregating import Aggregate
from application.search.ports import Asked
from domain.search.aggregation import Group, Measure
from domain.search.fields import field_named
from domain.search.reading import read_query
from infrastructure.postgres.embedded import EmbeddedPostgres
from projections.search.aggregations import AggregationQueries
from projections.search.queries import SearchQueries
from tests.projections.conftest import fresh_database
from tests.projections.filling import Fact
from tests.projections.indexing import HASHES, orders_model
from tests.projections.search.following import followed

pytestmark = pytest.mark.anyio

FACTS = (
    Fact("A-1", "billing.adjusted", {"amount_minor": -500, "currency": "EUR"}, source="losses"),
    Fact("A-1", "billing.adjusted", {"amount_minor": 0, "currency": "EUR"}, source="even"),
    Fact("A-1", "billing.noted", {}, source="none"),
    Fact("A-1", "billing.adjusted", {"amount_minor": 700, "currency": "EUR"}, source="gains"),
)
ADDED = Measure("sum", field_named("payload.amount_minor"))
BY_SOURCE = [Group(field_named("source"))]
READ = {"all": [{"field": "order_id", "eq": "A-1"}, {"not": {"field": "payload.none", "eq": 1}}]}
"""Of every event, and told by reading it."""


@pytest.fixture(scope="module")
def database_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    yield from fresh_database(postgres)


@pytest.fixture(scope="module")
async def aggregate(anyio_backend: str, database_url: str) -> AsyncIterator[Aggregate]:
    async with followed(database_url, orders_model(), FACTS) as pool:
        index = SearchQueries(pool, HASHES)
        yield Aggregate(index, AggregationQueries(index))


@pytest.mark.parametrize("query", [{"all": []}, READ], ids=["rows", "events"])
async def test_the_sum_of_no_amounts_is_above_losses(aggregate: Aggregate, query: object) -> None:
    node = read_query(query, "/query", personal=True)
    found = await aggregate("acme", node, Asked([ADDED], BY_SOURCE, 3))
    assert found.rows == [(("gains",), (700,)), (("even",), (0,)), (("none",), (0,))]


@pytest.mark.parametrize(
    ("query", "rollup"),
    [({"all": []}, True), ({"field": "order_id", "eq": "A-1"}, False), (READ, False)],
    ids=["rollup", "rows", "events"],
)
async def test_an_average_is_a_number(aggregate: Aggregate, query: object, rollup: bool) -> None:
    node = read_query(query, "/query", personal=True)
    asked = Asked([Measure("avg", field_named("payload.amount_minor"))], [])
    found = await aggregate("acme", node, asked)
    assert found.rollup is rollup
    assert msgspec.json.encode(found.rows) == b"[[[],[66.66666666666667]]]"
