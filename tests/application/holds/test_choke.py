"""What is held is told, or nothing is; of a hold and a deletion the first on the ledger wins."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import pytest

from application.holds.choke import AT_ONCE, Held
from application.ports import Accepted, Outcome
from domain.errors import HoldsMoved, Invalid, OnHold, TooCostly, Unavailable
from domain.holds.holds import Holds, Target
from domain.orders.events import decode_body
from infrastructure.event_store.committer import Committer
from infrastructure.event_store.reader import Reader
from infrastructure.postgres.connect import Pool
from tests.application.holds.kit import ANN, QUERY, World, order
from tests.domain.ledger.drafts import draft
from tests.infrastructure.event_store.kit import fresh

pytestmark = pytest.mark.anyio


async def test_each_order_with_the_holds_that_hold_it(world: World) -> None:
    tenant = fresh("held")
    world.search.answer = {"b", "c", "d"}.intersection
    await world.place(tenant, "h1", order("a"))
    await world.place(tenant, "h2", QUERY)
    await world.place(tenant, "h3", order("b"))
    await world.place(tenant, "h4", order("elsewhere"))
    held = await world.choke.over(tenant, ["a", "b", "c", "free"])
    assert held.by_order == {"a": ["h1"], "b": ["h2", "h3"], "c": ["h2"]}
    assert held.guard[0][1] == 4
    assert [hold.hold_id for hold in held.named(["h3", "h1"])] == ["h1", "h3"]
    assert (await world.choke.over(f"{tenant}-other", ["a"])).by_order == {}


async def test_what_has_ended_holds_nothing(world: World) -> None:
    tenant = fresh("ended")
    await world.place(tenant, "h1", order("a"), expires_us=world.clock.now_us + 5)
    await world.place(tenant, "h2", order("a"))
    await world.release(tenant, "h2")
    assert (await world.choke.over(tenant, ["a"])).by_order == {"a": ["h1"]}
    world.clock.now_us += 5
    held = await world.choke.over(tenant, ["a"])
    assert (held.by_order, held.guard[0][1]) == ({}, 3)


async def test_a_subject_is_held_without_orders_too(world: World) -> None:
    tenant = fresh("subject")
    await world.place(tenant, "h1", Target("subject", "cust_1"))
    held = await world.choke.over(tenant, [])
    assert held.of_subject("cust_1") == ["h1"]
    assert held.of_subject("cust_2") == []
    assert world.search.asked == []


@pytest.mark.parametrize("target", [QUERY, Target("subject", "cust_1")])
@pytest.mark.parametrize("trouble", ["behind", "lacking"])
async def test_while_a_read_model_may_miss_something_nothing_is_told(
    world: World, target: Target, trouble: str
) -> None:
    tenant = fresh("behind")
    await world.place(tenant, "h1", order("a"))
    setattr(world.model, trouble, True)
    assert (await world.choke.over(tenant, ["a"])).by_order == {"a": ["h1"]}  # needs no read model
    await world.place(tenant, "h2", target)
    with pytest.raises(Unavailable, match="read model"):
        await world.choke.over(tenant, ["a"])
    assert world.search.asked == []
    setattr(world.model, trouble, False)
    await world.choke.over(tenant, ["a"])
    assert world.model.waited_for[-1] == 2


async def test_thousands_of_orders_are_asked_about_in_parts(world: World) -> None:
    tenant = fresh("many")
    order_ids = [f"o{number}" for number in range(2 * AT_ONCE + 1)]
    world.search.answer = set(order_ids[::2]).intersection
    await world.place(tenant, "h1", QUERY)
    held = await world.choke.over(tenant, order_ids)
    assert list(held.by_order.values()) == [["h1"]] * (AT_ONCE + 1)
    assert set(held.by_order) == set(order_ids[::2])
    assert [len(some) for some in world.search.asked] == [AT_ONCE, AT_ONCE, 1]


async def test_what_takes_too_long_is_asked_in_halves(world: World) -> None:
    tenant = fresh("halves")

    def answer(order_ids: Sequence[str]) -> set[str]:
        if len(order_ids) > 2 or "heavy" in order_ids:
            raise TooCostly
        return {"b"}.intersection(order_ids)

    world.search.answer = answer
    await world.place(tenant, "h1", QUERY)
    held = await world.choke.over(tenant, ["a", "b", "c", "heavy", "e"])
    assert held.by_order == {"b": ["h1"], "heavy": ["h1"]}


async def test_a_query_that_cannot_be_asked_any_more_holds_everything(world: World) -> None:
    tenant = fresh("wide")

    def answer(_: Sequence[str]) -> set[str]:
        raise Invalid.field("/query", "too many identifiers have this part")

    world.search.answer = answer
    await world.place(tenant, "h1", QUERY)
    assert (await world.choke.over(tenant, ["a", "b"])).by_order == {"a": ["h1"], "b": ["h1"]}


async def test_a_refusal_is_kept_and_moves_no_guard(world: World, pool: Pool) -> None:
    tenant = fresh("refused")
    await world.place(tenant, "h1", order("a"))
    held = await world.choke.over(tenant, ["a"])
    for number in (1, 2):
        error = await world.choke.refuse(tenant, ANN, "thing/1", "thing.erase", held.active)
        assert isinstance(error, OnHold)
        assert [hold.hold_id for hold in error.holds] == ["h1"]
        row = await Reader(pool).by_id(tenant, f"oh_evt_refused/thing/1/{number}")
        assert row is not None
        assert decode_body(row.state).type == "history.hold.refused"
    assert (await world.choke.over(tenant, ["a"])).guard == held.guard


class Deleter:
    """Deletes orders at the choke point: a tombstone, or word of what held it."""

    def __init__(self, world: World, door: Committer, tenant: str) -> None:
        self.world, self.door, self.tenant = world, door, tenant
        self.asked = 0

    async def delete(self, order_id: str) -> bool:
        """Whether it was deleted; else it was held."""

        async def attempt(held: Held) -> Sequence[Outcome]:
            self.asked += 1
            await self.between()
            if order_id in held.by_order:
                raise OnHold([hold.named for hold in held.named(held.by_order[order_id])])
            tombstone = draft(f"gone/{order_id}", order_id, self.tenant)
            return await self.door.submit([tombstone], unless_moved=held.guard)

        try:
            (outcome,) = await self.world.choke.past(self.tenant, [order_id], attempt)
        except OnHold:
            return False
        assert isinstance(outcome, Accepted)
        return True

    async def insist(self, order_id: str) -> bool:
        """As `delete`, however fast holds come: here faster than anybody places them."""
        while True:
            with suppress(HoldsMoved):
                return await self.delete(order_id)

    async def between(self) -> None:
        """What happens after the question and before the deletion."""


async def test_a_hold_that_comes_between_wins(world: World, door: Committer, pool: Pool) -> None:
    tenant = fresh("between")
    deleter = Deleter(world, door, tenant)

    async def place_once() -> None:
        if deleter.asked == 1:
            await world.place(tenant, "h1", order("a"))

    deleter.between = place_once  # type: ignore[method-assign]  # a stub
    assert await deleter.delete("a") is False
    assert deleter.asked == 2
    assert await Reader(pool).by_id(tenant, "gone/a") is None
    assert await deleter.delete("b") is True


async def test_holds_that_never_stand_still_are_told_as_that(
    world: World, door: Committer, pool: Pool
) -> None:
    tenant = fresh("restless")
    deleter = Deleter(world, door, tenant)

    async def place_another() -> None:
        await world.place(tenant, f"h{deleter.asked}", order("another"))

    deleter.between = place_another  # type: ignore[method-assign]  # a stub
    with pytest.raises(HoldsMoved):
        await deleter.delete("a")
    assert await Reader(pool).by_id(tenant, "gone/a") is None


async def test_nothing_is_ever_deleted_that_an_earlier_hold_has(
    world: World, door: Committer, pool: Pool
) -> None:
    """Deletions, placings and releases at once; judged by the order of the ledger alone."""
    tenant = fresh("stress")
    orders = [f"o{number}" for number in range(30)]
    deleters = [Deleter(world, door, tenant) for _ in range(3)]

    async def holding() -> None:
        for number in range(len(orders)):
            await world.place(tenant, f"h{number}", order(orders[number]))
            if number % 3 == 0:
                await world.release(tenant, f"h{number}")

    async def deleting(deleter: Deleter, mine: Sequence[str]) -> list[str]:
        return [order_id for order_id in mine if await deleter.insist(order_id)]

    done = await asyncio.gather(
        *(deleting(deleter, orders[at::3]) for at, deleter in enumerate(deleters)),
        holding(),
    )
    told = [order_id for mine in done[:3] for order_id in mine or ()]
    deleted = await _deleted_while_free(world, pool, tenant)
    assert sorted(deleted) == sorted(told)
    assert sum(deleter.asked for deleter in deleters) > len(orders), "nothing raced"


async def _deleted_while_free(world: World, pool: Pool, tenant: str) -> list[str]:
    """What was deleted, having checked of each that nothing before it on the ledger held it."""
    holds = (await world.acts.load(tenant, Holds())).holds.values()
    deleted = []
    for row in await Reader(pool).after(tenant, 0, 1000):
        order_id = decode_body(row.state).order_id
        if order_id is None:
            continue
        deleted.append(order_id)
        for hold in holds:
            ended = hold.released_us is not None and hold.released_us < row.received_us
            if hold.target.target_id == order_id and hold.sequence < row.sequence:
                assert ended, f"{order_id} was deleted under {hold.hold_id}"
    return deleted
