"""The index says of each event what its terms are, however events arrive and are cut."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from psycopg import AsyncConnection

from domain.errors import KeyUnavailable
from domain.search.fields import FIELDS
from domain.search.hashing import TermHash
from domain.search.terms import said_by
from domain.search.words import ident
from projections.digest import digest
from projections.orders.model import OrdersModel
from projections.progress import register, status
from projections.read_model import ReadModel, apply_once
from projections.reading import read_batch
from projections.rebuild import compare, rebuild
from projections.search.entries import Indexing
from projections.search.key import IndexKeyDiffers, require_key
from tests.projections.conftest import Connect
from tests.projections.filling import START_US, Fact, Filling
from tests.projections.indexing import HASHES, INDEXING, Told, orders_model
from tests.projections.test_hub import hub, running, until_caught_up
from tests.projections.worlds import world

Connection = AsyncConnection[Any]
pytestmark = pytest.mark.anyio
HOUR = 3600
DAY = 24 * HOUR


async def follow(connection: Connection, model: ReadModel, *ends: int) -> None:
    """Apply all events, cut behind the given positions."""
    await register(connection, [model.name])
    row = await (await connection.execute("select position from tracking")).fetchone()
    place: int = (row or (0,))[0]
    for end in (*ends, None):
        while (batch := await read_batch(connection, place, up_to=end)).end > place:
            await apply_once(connection, model, batch)
            place = batch.end


async def rows(connection: Connection, query: str) -> list[Any]:
    return await (await connection.execute(query.encode())).fetchall()


def busy(orders: int, seed: int) -> list[Fact]:
    """A shop's events with payments in two currencies and refunds, among them late ones."""
    random = Random(seed)
    facts = world(orders, seed)
    for number in range(orders):
        payload = {
            "payment_id": f"PAY-{random.randrange(orders)}",
            "amount_minor": random.choice([100, 250, -5, None, "12", 1.5]),
            "currency": random.choice(["EUR", "USD", None]),
            "gateway": random.choice(["stripe", "adyen"]),
            "memo": f"paid by card {number % 7}",
        }
        kind = random.choice(["order.payment.captured", "order.refund.succeeded"])
        at = random.randrange(5 * HOUR)
        fact = Fact(f"ord-{number}", kind, payload, at, metadata={"correlation_id": f"c{number}"})
        facts.insert(random.randrange(len(facts) + 1), fact)
    return facts


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
