"""The index says of each event what its terms are, however events arrive and are cut."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from domain.errors import KeyUnavailable
from domain.search.fields import FIELDS
from domain.search.hashing import TermHash
from domain.search.terms import said_by
from domain.search.words import ident
from projections.digest import digest
from projections.orders.model import OrdersModel
from projections.progress import status
from projections.reading import Connection
from projections.rebuild import compare, rebuild
from projections.search.entries import Indexing
from projections.search.key import IndexKeyDiffers, require_key
from tests.projections.conftest import Connect
from tests.projections.filling import Fact, Filling
from tests.projections.hubs import hub, running, until_caught_up
from tests.projections.indexing import HASHES, INDEXING, Told, orders_model
from tests.projections.search.following import busy, follow, rows

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_rebuild_makes_the_same_however_batches_are_cut(
    as_owner: Connect, app: Connection, filling: Filling, seed: int
) -> None:
    await filling.add(*busy(60, seed))
    random = Random(seed)
    ends = sorted(random.sample(range(1, filling.head), random.randrange(1, 30)))
    model = orders_model()
    await follow(app, model, *ends)
    assert await compare(as_owner, [model]) == []
    before = [await digest(app, table.name) for table in model.tables]
    await rebuild(as_owner, [model])
    assert [await digest(app, table.name) for table in model.tables] == before


async def test_each_row_has_the_terms_of_its_event(app: Connection, filling: Filling) -> None:
    facts = busy(20, 4)
    await filling.add(*facts)
    await follow(app, orders_model(), 7, 50)
    stored = dict(await rows(app, "select position, terms from order_events"))
    for position, fact in enumerate(facts, 1):
        said = said_by(fact.type, fact.source, fact.order_id, fact.payload, fact.metadata)
        terms, _ = HASHES.of_event(fact.tenant, said)
        assert [term.to_bytes(8, signed=True) for term in stored[position]] == terms
    assert len(stored) == len(facts)


async def test_every_field_of_metadata_is_indexed(app: Connection, filling: Filling) -> None:
    fields = [field for field in FIELDS.values() if field.scope == "metadata"]
    await filling.add(Fact("o", metadata={field.path[0]: field.name for field in fields}))
    await follow(app, orders_model())
    ((terms,),) = await rows(app, "select terms from order_events")
    assert {HASHES.pair("acme", field, field.name) for field in fields} < set(terms)


async def test_events_of_the_service_are_indexed_too(app: Connection, filling: Filling) -> None:
    await filling.add(Fact(None, "history.export.made", {"job_id": "Job-1"}))
    await follow(app, orders_model())
    ((terms,),) = await rows(app, "select terms from order_events")
    assert HASHES.ident("acme", "job-1") in terms
    assert HASHES.word("acme", "history") in terms


async def test_identifiers_are_kept_once(app: Connection, filling: Filling) -> None:
    payload: dict[str, Any] = {"payment_id": "Pay-ß", "items": [{"sku": "A"}, {"sku": "a"}]}
    facts = [Fact("O-1", payload=payload), Fact("O-1", payload=payload)]
    await filling.add(*facts, Fact("O-1", payload={"rma": 7}, tenant="other"))
    await follow(app, orders_model(), 1)
    found = await rows(app, "select tenant_id, value from idents order by 1, 2")
    assert found == [
        ("acme", "a"),
        ("acme", "o-1"),
        ("acme", ident("pay-ss")),
        ("other", "7"),
        ("other", "o-1"),
    ]


async def test_identifiers_are_found_by_a_part(app: Connection, filling: Filling) -> None:
    await filling.add(*(Fact(f"Order-{number}") for number in range(100, 200)))
    await filling.add(Fact("Order-150x", tenant="other"))
    await follow(app, orders_model())
    query = (
        "select value from idents where grams3(tenant_id, value) @> grams3('acme', 'r-15')"
        " and tenant_id = 'acme' and strpos(value, 'r-15') > 0"
    )
    await app.execute("set enable_seqscan = off")
    found = {value for (value,) in await rows(app, query)}
    assert found == {f"order-{number}" for number in range(150, 160)}
    plan = await rows(app, "explain " + query.replace("and tenant_id = 'acme'", ""))
    assert any("idents_by_gram" in line for (line,) in plan)


async def test_disclosed_values_are_read_once_a_batch(app: Connection, filling: Filling) -> None:
    sealed: dict[str, Any] = {"customer": {"email": {"_sd": "1"}, "phone": {"_sd": "2"}}}
    told = Told({"1": "Ada@Example.org", "2": "+44 20 7946 0999"})
    await filling.add(*(Fact(f"o{number}", payload=sealed) for number in range(5)), Fact("plain"))
    await follow(app, OrdersModel(Indexing(HASHES, told)))
    assert told.asked == 1
    stored = [terms for (terms,) in await rows(app, "select terms from order_events order by 1")]
    email, phone = HASHES.email("acme", "ada@example.org"), HASHES.phone("acme", "442079460999")
    assert sum(email in terms for terms in stored) == 5
    assert sum(phone in terms for terms in stored) == 5


async def test_a_key_store_that_is_away_is_waited_for(
    as_app: Connect, app: Connection, filling: Filling
) -> None:
    told = Told({"1": "ada@example.org"}, away=True)
    model = OrdersModel(Indexing(HASHES, told))
    await filling.add(Fact("before"), Fact("o", payload={"email": {"_sd": "1"}}))
    async with running(hub(as_app, model)):
        while not told.asked:
            (state,) = await status(app, [model.name])
        assert (state.position, state.dead_letters) == (0, 0)
        told.away = False
        (state,) = await until_caught_up(app, model)
    assert state.dead_letters == 0
    found = await rows(app, "select terms from order_events where order_id = 'o'")
    assert HASHES.email("acme", "ada@example.org") in found[0][0]


async def test_a_rebuild_without_the_key_store_ends_and_leaves_the_tables(
    as_owner: Connect, app: Connection, filling: Filling
) -> None:
    told = Told({"1": "ada@example.org"})
    model = OrdersModel(Indexing(HASHES, told))
    await filling.add(Fact("o", payload={"email": {"_sd": "1"}}))
    await follow(app, model)
    before = await digest(app, "order_events")
    told.away = True
    with pytest.raises(KeyUnavailable):
        await rebuild(as_owner, [model])
    assert await digest(app, "order_events") == before


async def test_an_index_of_another_secret_is_not_added_to(
    as_owner: Connect, app: Connection, filling: Filling
) -> None:
    await filling.add(Fact("o"))
    await follow(app, orders_model())
    await require_key(app, HASHES.fingerprint)
    await filling.add(Fact("p"))
    other = OrdersModel(Indexing(TermHash(bytes(32)), Told()))
    with pytest.raises(IndexKeyDiffers, match="order-history rebuild orders"):
        await follow(app, other)
    (state,) = await status(app, ["orders"])
    assert (state.lag, state.dead_letters) == (1, 0)
    await rebuild(as_owner, [other])
    (state,) = await status(app, ["orders"])
    assert (state.lag, state.dead_letters) == (0, 0)
    assert await compare(as_owner, [other]) == []
    with pytest.raises(IndexKeyDiffers):
        await require_key(app, INDEXING.fingerprint)


async def test_an_empty_index_is_of_no_secret(app: Connection) -> None:
    await require_key(app, HASHES.fingerprint)
    await require_key(app, b"another")
