"""The reconciler goes round for ever: what a superuser changes is as it was soon after."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import structlog

from domain.ledger.tiles import WIDTH
from projections.reading import Connection
from projections.reconciling.place import Place, keep, load, next_tenant, reconciled
from projections.reconciling.reconciler import KIND, Reconciler
from tests.projections.conftest import Connect
from tests.projections.filling import Fact, Filling
from tests.projections.reconciling.walks import MODELS, content, damage, follow
from tests.projections.worlds import world

pytestmark = pytest.mark.anyio
PATIENCE = 120
"""Seconds after which something that must come counts as never coming."""


class Heard:
    """Implements `projections.reconciling.reconciler.Alarms`."""

    def __init__(self) -> None:
        self.standing: dict[tuple[str, str], tuple[int | None, str]] = {}

    async def sound(self, tenant_id: str, kind: str, sequence: int | None, detail: str) -> None:
        self.standing.setdefault((tenant_id, kind), (sequence, detail))

    async def clear(self, tenant_id: str, kind: str) -> None:
        self.standing.pop((tenant_id, kind), None)


def made(connect: Connect, alarms: Heard, *, audited: bool = True) -> Reconciler:
    return Reconciler(
        connect, MODELS, alarms, lambda: 7, rate=10**9, audited=audited, rest=0.01
    )  # fmt: skip


@asynccontextmanager
async def working(reconciler: Reconciler) -> AsyncIterator[None]:
    task = asyncio.create_task(reconciler.run())
    try:
        yield
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await holds():  # noqa: ASYNC110  # a database tells
            await asyncio.sleep(0.02)


async def passes(app: Connection, more: int) -> None:
    """So many whole passes."""
    start = (await reconciled(app)).passes

    async def gone_by() -> bool:
        return (await reconciled(app)).passes > start + more

    await until(gone_by)


async def test_what_is_changed_is_as_it_was_and_told_of(
    app: Connection, filling: Filling, as_app: Connect, owner: Connection
) -> None:
    await filling.add(*world(40))
    await follow(app)
    before = await content(app)

    async def healed() -> bool:
        return await content(app) == before

    alarms = Heard()
    with structlog.testing.capture_logs() as logs:
        async with working(made(as_app, alarms)):
            await passes(app, 1)
            assert await healed()
            await damage(
                owner,
                "delete from order_events where tenant_id = 'acme' and sequence in (20, 22)",
                "update orders set status = 'lost' where tenant_id = 'umbrella'",
                "delete from actors where tenant_id = 'umbrella'",
            )
            await until(healed)
            await passes(app, 1)
    told = {(one["tenant"], one["table"], one["what"]): one for one in logs if "table" in one}
    assert set(told) == {
        ("acme", "order_events", "missing"),
        ("umbrella", "orders", "wrong"),
        ("umbrella", "actors", "missing"),
    }
    first = told["acme", "order_events", "missing"]
    assert (first["event"], first["count"], first["sequence"]) == ("reconciler.healed", 2, 20)
    assert alarms.standing == {}
    assert (await reconciled(app)).healed == sum(one["count"] for one in told.values())


async def test_a_model_that_lags_is_left_alone(
    app: Connection, filling: Filling, as_app: Connect
) -> None:
    await filling.add(*world(40))
    await follow(app, up_to=50)
    before = await content(app)
    alarms = Heard()
    async with working(made(as_app, alarms)):
        await passes(app, 2)
    assert await content(app) == before
    assert alarms.standing == {}


async def test_an_alarm_stands_until_it_holds_again(
    app: Connection, filling: Filling, as_app: Connect, owner: Connection
) -> None:
    await filling.add(*(Fact("o-1") for _ in range(WIDTH)))
    await follow(app)
    flip = "update ledger_tiles set root = set_byte(root, 3, 255 - get_byte(root, 3))"
    await damage(owner, flip)
    alarms = Heard()

    async def sounds() -> bool:
        return alarms.standing == {
            ("acme", KIND): (
                1, "1 rows of ledger_tiles of the read model ledger cannot be put right: wrong",
            )
        }  # fmt: skip

    async def silent() -> bool:
        return alarms.standing == {}

    async with working(made(as_app, alarms, audited=False)):
        await until(sounds)
        await damage(owner, flip)
        await until(silent)


async def test_of_the_ledger_itself_the_self_audit_tells(
    app: Connection, filling: Filling, as_app: Connect, owner: Connection
) -> None:
    await filling.add(*(Fact("o-1") for _ in range(WIDTH)))
    await follow(app)
    await damage(owner, "update ledger_tiles set root = '\\x00'")
    alarms = Heard()
    async with working(made(as_app, alarms, audited=True)):
        await passes(app, 1)
    assert alarms.standing == {}


async def test_a_worker_goes_on_where_another_one_was(app: Connection, filling: Filling) -> None:
    assert await load(app) == Place(1, "", ended=True)
    await filling.add(*world(10))
    assert await next_tenant(app, "") == "acme"
    assert await next_tenant(app, "acme") == "umbrella"
    assert await next_tenant(app, "umbrella") is None
    await keep(app, Place(2, "acme", 30), 4, 1)
    await keep(app, Place(1, "umbrella", 99), 0, 1)
    await keep(app, Place(2, "acme", 46), 1, 1)
    assert await load(app) == Place(2, "acme", 46)
    told = await reconciled(app)
    assert (told.passes, told.events, told.healed) == (1, 46, 5)


async def test_tenants_that_read_models_alone_know_are_looked_at(
    app: Connection, filling: Filling, as_app: Connect, owner: Connection
) -> None:
    await filling.add(Fact("o-1"))
    await follow(app)
    before = await content(app)
    await damage(
        owner,
        "insert into order_events (tenant_id, sequence, position, type, source, maintenance,"
        " occurred_us, terms) values ('nobody', 1, 1, 'x', 'y', false, 0, '{}')",
    )

    async def gone() -> bool:
        return await content(app) == before

    async with working(made(as_app, Heard())):
        await until(gone)
