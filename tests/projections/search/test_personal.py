"""Personal values are found by who asks for the whole value, and stand in no read model."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection

from infrastructure.key_store.files import FileKeyStore
from infrastructure.postgres.connect import address
from infrastructure.search.disclosed import DisclosedValues
from projections.orders.model import OrdersModel
from projections.rebuild import compare, rebuild
from projections.search.entries import Indexing
from projections.search.indexing import Differences, check, reindex
from tests.infrastructure.event_store.kit import accepted, committing, personal
from tests.projections.conftest import Connect
from tests.projections.indexing import HASHES
from tests.projections.search.following import follow, rows

pytestmark = pytest.mark.anyio
Connection = AsyncConnection[Any]

EMAIL, OTHER = "Ada.Lovelace@Example.org", "byron@example.org"
PHONE = "+44 (20) 7946-0999"
CUSTOMER = {"id": "cust-1", "email": EMAIL, "phone": PHONE, "name": "Ada Lovelace"}
ADDRESS = {"name": "Ada Lovelace", "line1": "12 Analytical Row", "city": "Marylebone"}
PLAIN = (
    "ada", "lovelace", "byron", "example.org", "7946", "0999", "analytical", "marylebone",
    "fragile", "192.0.2.77",
)  # fmt: skip


@pytest.fixture
def indexing(key_store: FileKeyStore) -> Indexing:
    return Indexing(HASHES, DisclosedValues(lambda: key_store))


@pytest.fixture
async def followed(
    database_url: str, key_store: FileKeyStore, app: Connection, indexing: Indexing
) -> OrdersModel:
    """Two orders' events with personal values, recorded and projected."""
    metadata = {"actor_id": "u1", "ip": "192.0.2.77"}
    drafts = [
        personal(
            "e1", "o1", "acme", metadata=metadata, customer=CUSTOMER, shipping_address=ADDRESS
        ),
        personal("e2", "o1", "acme", contact=EMAIL, note="Fragile, call Ada"),
        personal("e3", "o2", "acme", email=OTHER, note=f"as {EMAIL} said"),
        personal("e4", "o3", "umbrella", email=EMAIL),
    ]
    async with committing(database_url, key_store) as door:
        for draft in drafts:
            accepted(await door.submit([draft]))
    model = OrdersModel(indexing)
    await follow(app, model, 2)
    return model


async def found(app: Connection, term: int) -> list[int]:
    query = (
        "select sequence from order_events where tenant_id = 'acme'"
        f" and terms @> array[{term}]::bigint[] order by 1"
    )
    return [sequence for (sequence,) in await rows(app, query)]


async def test_whole_values_are_found(app: Connection, followed: OrdersModel) -> None:
    assert await found(app, HASHES.email("acme", "ada.lovelace@example.org")) == [1, 2]
    assert await found(app, HASHES.email("acme", OTHER)) == [3]
    assert await found(app, HASHES.phone("acme", "442079460999")) == [1]
    assert await found(app, HASHES.word("acme", "ada")) == []
    assert await found(app, HASHES.email("umbrella", "ada.lovelace@example.org")) == []


async def test_nothing_personal_stands_in_a_table(
    app: Connection, followed: OrdersModel, as_owner: Connect
) -> None:
    for _ in range(2):
        for table in followed.tables:
            for (text,) in await rows(app, f"select lower(t::text) from {table.name} t"):
                assert not [value for value in PLAIN if value in text], table.name
        await rebuild(as_owner, [followed])


async def test_what_is_erased_is_found_no_more(
    database_url: str,
    app: Connection,
    followed: OrdersModel,
    indexing: Indexing,
    as_owner: Connect,
) -> None:
    target = address(database_url, "cell_0", name="test superuser", as_owner=True)
    with psycopg.connect(target, autocommit=True) as owner:
        owner.execute("update data_keys set wrapped = null where subject = 'o1'")
        owner.execute("delete from disclosures where tenant_id = 'acme' and sequence <= 2")
    assert await check(app, indexing, "acme", 1, 3) == Differences(3, 2, 1)
    await reindex(app, indexing, "acme", 1, 3)
    assert await found(app, HASHES.email("acme", "ada.lovelace@example.org")) == []
    assert await found(app, HASHES.phone("acme", "442079460999")) == []
    assert await found(app, HASHES.email("acme", OTHER)) == [3]
    assert await compare(as_owner, [followed]) == []
