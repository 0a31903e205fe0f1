"""Where card numbers came from, however events are cut into batches; no value of any."""

from __future__ import annotations

from typing import Any

import pytest

from infrastructure.postgres.connect import Pool
from projections.progress import register
from projections.read_model import apply_once
from projections.reading import Connection, read_batch
from projections.rebuild import compare, rebuild
from projections.redactions.model import LONGEST, RedactionsModel, place_of
from projections.redactions.queries import RedactionQueries, Redactions, page_sql
from tests.projections.conftest import Connect
from tests.projections.filling import START_US, Fact, Filling

pytestmark = pytest.mark.anyio
MODEL = RedactionsModel()
NOTE = "/payload/note"


async def follow(connection: Connection, cut: int = 1000) -> None:
    await register(connection, [MODEL.name])
    place = 0
    while (batch := await read_batch(connection, place, events=cut)).end > place:
        await apply_once(connection, MODEL, batch)
        place = batch.end


def hit(*pointers: str, source: str = "shop", tenant: str = "acme", **more: Any) -> Fact:
    return Fact("o", source=source, tenant=tenant, redactions=list(pointers), **more)


def received(position: int) -> int:
    return START_US + position * 1_000_000


@pytest.mark.parametrize(
    ("pointer", "place"),
    [
        (NOTE, NOTE),
        ("/payload/items/0/note", "/payload/items/*/note"),
        ("/payload/0/12/3", "/payload/*/*/*"),
        ("/payload/line1/a~1b/2", "/payload/line1/a~1b/*"),
        ("/payload/[PAN ****1111]/x", "/payload/[PAN]/x"),
        ("/payload/" + "x" * 191, "/payload/" + "x" * 191),
        ("/payload/" + "x" * 192, "/payload/" + "x" * 190 + "…"),
    ],
)
def test_a_place_has_no_index_and_no_digits_of_a_card(pointer: str, place: str) -> None:
    assert place_of(pointer) == place
    assert len(place) <= LONGEST


@pytest.mark.parametrize("cut", [1, 2, 1000])
async def test_each_place_of_each_source(
    as_owner: Connect, app: Connection, pool: Pool, filling: Filling, cut: int
) -> None:
    captured = {"captured_by": "till", "sha256": "x"}
    await filling.add(
        hit("/payload/items/0/note", "/payload/items/7/note", NOTE),
        Fact("o"),
        hit("/payload/items/3/note", at=-50),
        hit(NOTE, source="oms"),
        hit(NOTE, source="oms", tenant="other"),
        hit(NOTE, type="order.created"),
        Fact(None, "history.snapshot.captured", captured, redactions=["/state/note"]),
        hit(NOTE, "/metadata/note"),
    )
    await follow(app, cut)
    added, items = "order.note.added", "/payload/items/*/note"
    expected = [
        Redactions("oms", added, NOTE, 1, received(4), received(4), "evt_4"),
        Redactions("shop", "order.created", NOTE, 1, received(6), received(6), "evt_6"),
        Redactions("shop", added, "/metadata/note", 1, received(8), received(8), "evt_8"),
        Redactions("shop", added, items, 2, received(1), received(3), "evt_3"),
        Redactions("shop", added, NOTE, 2, received(1), received(8), "evt_8"),
        Redactions(
            "till", "history.snapshot.captured", "/state/note", 1, received(7), received(7), "evt_7"
        ),
    ]
    queries = RedactionQueries(pool)
    assert await queries.page("acme") == expected
    assert len(await queries.page("other")) == 1
    assert await queries.page("nobody") == []
    assert await compare(as_owner, [MODEL]) == []
    await rebuild(as_owner, [MODEL])
    assert await queries.page("acme") == expected


async def test_a_page_by_source_and_time(app: Connection, pool: Pool, filling: Filling) -> None:
    await filling.add(*(hit(NOTE, source=f"s{n % 5}") for n in range(20)))
    await follow(app)
    queries = RedactionQueries(pool)

    async def sources(**asked: Any) -> list[str]:
        return [one.source for one in await queries.page("acme", **asked)]

    walked: list[str] = []
    after = None
    while page := await queries.page("acme", after=after, limit=2):
        walked += [one.source for one in page]
        after = (page[-1].source, page[-1].type, page[-1].pointer)
    assert walked == ["s0", "s1", "s2", "s3", "s4"]
    assert await sources(source="s3") == ["s3"]
    # Of five sources, s0 is first received at 1 and last at 16; s4 at 5 and 20.
    assert await sources(from_us=received(19)) == ["s3", "s4"]
    assert await sources(to_us=received(3)) == ["s0", "s1"]
    assert await sources(from_us=received(17), to_us=received(3)) == ["s1"]


async def test_a_place_that_no_index_could_take(
    app: Connection, pool: Pool, filling: Filling
) -> None:
    await filling.add(hit("/payload/" + "€" * 900), hit("/payload/\x01"))
    await follow(app)
    assert len(await RedactionQueries(pool).page("acme")) == 2
    cursor = await app.execute("select count(*) from dead_letters")
    assert await cursor.fetchone() == (0,)


async def test_a_walk_goes_along_the_key(app: Connection, owner: Connection) -> None:
    await owner.execute(
        "insert into redactions select 'acme', 's' || n, 't', '/p', 1, n, n, n"
        " from generate_series(1, 5000) n"
    )
    await owner.execute("analyze redactions")
    values = {
        "tenant": "acme", "limit": 50, "after_source": "s3", "after_type": "t", "after_place": "/p",
    }  # fmt: skip
    text = page_sql(frozenset(["after_source"]))
    cursor = await app.execute(f"explain {text}".encode(), values)
    plan = "\n".join(line for (line,) in await cursor.fetchall())
    assert "redactions_pkey" in plan
    assert "Sort" not in plan, plan
