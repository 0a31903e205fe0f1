"""Whatever is changed in a read model is found and put right, and nothing else is touched."""

from __future__ import annotations

import pytest

from domain.ledger.tiles import WIDTH
from projections.reading import Connection
from tests.projections.conftest import Connect
from tests.projections.filling import Fact, Filling
from tests.projections.reconciling.walks import OF_ACME, content, damage, follow, told, walked

pytestmark = pytest.mark.anyio


async def test_nothing_is_found_where_nothing_is_wrong(
    filled: None, as_app: Connect, app: Connection
) -> None:
    before = await content(app)
    for tenant in ("acme", "umbrella"):
        assert await walked(as_app, tenant) == []
        assert await walked(as_app, tenant, first=10, last=50) == []
        assert await walked(as_app, tenant, place=40, retry=True) == []
    assert await walked(as_app, "nobody") == []
    assert await content(app) == before


DAMAGE = {
    "events gone": f"delete from order_events where {OF_ACME} and sequence % 7 = 3",
    "all events gone": f"delete from order_events where {OF_ACME}",
    "an event's type": f"update order_events set type = 'x' where {OF_ACME} and sequence = 40",
    "an event as maintenance": f"update order_events set maintenance = true where {OF_ACME}",
    "an event at another place": f"update order_events set position = 0 where {OF_ACME}",
    "terms gone": f"update order_events set terms = '{{}}' where {OF_ACME} and sequence < 30",
    "an event that never was": "insert into order_events (tenant_id, sequence, position, type,"
    " source, maintenance, occurred_us, terms)"
    " values ('acme', 999999, 999999, 'x', 'y', false, 0, '{}')",
    "orders gone": f"delete from orders where {OF_ACME} and event_count > 2",
    "an order's status": f"update orders set status = 'lost', event_count = 77 where {OF_ACME}",
    "an order that never was": "insert into orders (tenant_id, order_id, on_hold, skus, created_us,"
    " first_us, last_us, last_sequence, event_count, awaits_original)"
    " values ('acme', 'none', false, '{}', 1, 1, 1, 1, 1, false)",
    "actors gone": f"delete from actors where {OF_ACME}",
    "an actor's acts": f"update actors set events = 1 where {OF_ACME} and actor_id = 'svc-1'",
    "an actor that never was": "insert into actors values ('acme', 'nobody', null, 1, 1, 1)",
    "identifiers gone": f"delete from idents where {OF_ACME}",
    "an hour's count": f"update event_counts set events = events + 1 where {OF_ACME}",
    "counts gone": f"delete from event_counts where {OF_ACME} and type = 'order.created'",
    "a count that never was": "insert into event_counts values ('acme', 0, 'x', 'y', '', 1, 0, 0)",
    "a place of cards": f"update redactions set events = 9 where {OF_ACME}",
    "a source": f"update sources set last_sequence = 1 where {OF_ACME}",
}


@pytest.mark.parametrize("statement", DAMAGE.values(), ids=DAMAGE)
async def test_what_is_changed_is_put_right(
    statement: str, filled: None, as_app: Connect, app: Connection, owner: Connection
) -> None:
    before = await content(app)
    await damage(owner, statement)
    damaged = await content(app)
    assert damaged != before

    dry = await walked(as_app, heal=False)
    assert dry
    assert not any(one.healed for one in dry)
    assert await content(app) == damaged

    found = await walked(as_app)
    assert {(one.table, one.what) for one in found} == {(one.table, one.what) for one in dry}
    assert all(one.healed for one in found)
    assert await content(app) == before


async def test_everything_at_once(
    filled: None, as_app: Connect, app: Connection, owner: Connection
) -> None:
    before = await content(app)
    tables = (
        "order_events, orders, actors, idents, event_counts, sources, redactions, audit_log,"
        " ledger_tiles"
    )
    await owner.execute(f"truncate {tables}".encode())
    for tenant in ("acme", "umbrella"):
        assert all(one.healed for one in await walked(as_app, tenant))
    assert await content(app) == before


async def test_a_finding_says_where(filled: None, as_app: Connect, owner: Connection) -> None:
    await damage(owner, f"delete from order_events where {OF_ACME} and sequence in (30, 31, 80)")
    (found,) = await walked(as_app)
    assert (found.model, found.table, found.what) == ("orders", "order_events", "missing")
    assert (found.count, found.sequence, found.healed) == (3, 30, True)


async def test_a_range_is_put_right_and_nothing_beside_it(
    filled: None, as_app: Connect, app: Connection, owner: Connection
) -> None:
    await damage(owner, f"delete from order_events where {OF_ACME} and sequence in (20, 60, 80)")
    found = await walked(as_app, first=50, last=70)
    assert told(found) == {("order_events", "missing", 1)}
    cursor = await app.execute(
        "select sequence from order_events where tenant_id = 'acme'"
        " and sequence in (20, 60, 80) order by 1"
    )
    assert await cursor.fetchall() == [(60,)]


async def test_an_order_that_began_before_the_range_is_looked_at_once(
    app: Connection, filling: Filling, as_app: Connect, owner: Connection
) -> None:
    await filling.add(*(Fact("o-1", "order.confirmed", at=number) for number in range(100)))
    await follow(app)
    await damage(owner, "update orders set status = 'lost'")
    assert told(await walked(as_app, first=30)) == {("orders", "wrong", 1)}
    assert told(await walked(as_app, first=30)) == set()


async def test_a_missing_actor_of_a_range_is_counted_anew(
    filled: None, as_app: Connect, app: Connection, owner: Connection
) -> None:
    before = await content(app)
    await damage(
        owner,
        f"delete from actors where {OF_ACME}",
        f"delete from order_events where {OF_ACME} and sequence between 50 and 60",
    )
    await walked(as_app, first=50, last=70)
    (range_actors,) = await (
        await app.execute("select count(*) from actors where tenant_id = 'acme'")
    ).fetchone() or (0,)
    assert range_actors > 0
    await walked(as_app)
    assert await content(app) == before


async def test_tiles_that_are_gone_are_made_again(
    app: Connection, filling: Filling, as_app: Connect, owner: Connection
) -> None:
    await filling.add(*(Fact(f"o-{number % 3}") for number in range(3 * WIDTH + 1)))
    await follow(app)
    before = await content(app)
    await damage(owner, "delete from ledger_tiles where tile <> 1")
    assert told(await walked(as_app, batch=100)) == {("ledger_tiles", "missing", 2)}
    assert await content(app) == before


async def test_a_tile_that_differs_is_left_as_evidence(
    app: Connection, filling: Filling, as_app: Connect, owner: Connection
) -> None:
    await filling.add(*(Fact("o-1") for _ in range(2 * WIDTH)))
    await follow(app)
    edit = (
        "update ledger_tiles set root = set_byte(root, 3, 255 - get_byte(root, 3)) where tile = 1"
    )
    await damage(owner, edit)
    before = await content(app)
    (found,) = await walked(as_app, batch=WIDTH)
    assert (found.table, found.what, found.sequence, found.healed) == (
        "ledger_tiles", "wrong", WIDTH + 1, False,
    )  # fmt: skip
    assert await content(app) == before


async def test_nothing_is_taken_from_an_event_that_was_altered(
    filled: None, as_app: Connect, app: Connection, owner: Connection
) -> None:
    await damage(
        owner,
        "update events set state = replace(convert_from(state, 'utf8'), 'EUR', 'USD')::bytea"
        f" where {OF_ACME} and sequence = 1",
        f"delete from order_events where {OF_ACME} and sequence = 2",
    )
    before = await content(app)
    found = await walked(as_app)
    assert {(one.table, one.what, one.healed) for one in found} == {
        ("events", "altered", False),
        ("order_events", "missing", True),
    }
    after = await content(app)
    assert {name for name in after if after[name] != before[name]} == {"order_events"}


async def test_a_row_whose_event_is_gone_from_the_ledger_stays(
    filled: None, as_app: Connect, app: Connection, owner: Connection
) -> None:
    before = await content(app)
    await damage(owner, f"delete from events where {OF_ACME} and sequence = 33")
    found = await walked(as_app)
    assert ("events", "missing", 1) in told(found)
    assert not [one for one in found if one.table == "order_events" and one.healed]
    assert (await content(app))["order_events"] == before["order_events"]


async def test_a_ledger_that_lies_behind_the_model_heals_nothing(
    filled: None, as_app: Connect, app: Connection, owner: Connection
) -> None:
    before = await content(app)
    await damage(owner, "delete from events where position > 100")
    assert [(one.table, one.what) for one in await walked(as_app)] == [("events", "missing")]
    assert await content(app) == before
