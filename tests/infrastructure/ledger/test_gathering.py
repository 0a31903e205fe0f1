"""Cosignatures of real witnesses over real checkpoints: which are asked for, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from application.ledger.gathering import SLICE
from application.ledger.ports import GLOBAL
from application.ledger.signatures import cosigners, open_checkpoint
from domain.errors import Unavailable
from tests.infrastructure.ledger.witnessed import World, as_owner, sizes

pytestmark = pytest.mark.anyio


async def test_every_log_is_cosigned_the_global_one_first(world: World) -> None:
    w1, w2 = world.witness("w1"), world.witness("w2")
    gathering = world.gathering()
    for _ in range(3):
        await world.sign(acme=300, nova=2)
        await world.turn(gathering)
    assert await world.witnessed() == {GLOBAL: (3, 3), "acme": (900, 900), "nova": (6, 6)}
    for one in (w1, w2):
        assert one.asked[0].checkpoint.origin.endswith(f"/{GLOBAL}")
        assert sizes(one) == {
            GLOBAL: [(0, 1), (1, 2), (2, 3)],
            "acme": [(0, 300), (300, 600), (600, 900)],
            "nova": [(0, 2), (2, 4), (4, 6)],
        }
    for tenant in (GLOBAL, "acme", "nova"):
        head = await world.queries.newest(tenant, trusted=True)
        assert head is not None
        keys = world.signatures.keys.verifier_keys(f"{world.origin}/{tenant}")
        opened = open_checkpoint(head.note, keys)
        assert cosigners(opened.note, world.policy("all")) == {"w1", "w2"}


async def test_nothing_new_is_nothing_to_ask(world: World) -> None:
    local = world.witness("w1")
    await world.sign(acme=3)
    gathering = world.gathering()
    for _ in range(3):
        await world.turn(gathering)
    assert len(local.asked) == 2


async def test_a_size_that_we_have_forgotten_is_told_by_the_witness(world: World) -> None:
    local = world.witness("w1")
    gathering = world.gathering()
    await world.sign(acme=3)
    await world.turn(gathering)
    await world.connection.execute("delete from ledger_witnesses")
    await world.sign(acme=4)
    await world.turn(gathering)
    assert await world.witnessed() == {GLOBAL: (2, 2), "acme": (7, 7)}
    assert sizes(local)[GLOBAL] == [(0, 1), (0, 2), (1, 2)]


async def test_many_tenants_have_their_turns(world: World) -> None:
    local = world.witness("w1")
    await world.sign(**{f"shop-{number}": 1 for number in range(SLICE + 10)})
    gathering = world.gathering()
    await world.turn(gathering)
    assert len(local.asked) == 1 + SLICE
    await world.turn(gathering)
    assert len(sizes(local)) == 1 + SLICE + 10
    assert len(local.asked) == 1 + SLICE + 10


async def test_a_new_origin_begins_anew(world: World) -> None:
    local = world.witness("w1")
    gathering = world.gathering()
    await world.sign(acme=3)
    await world.turn(gathering)
    kept = gathering._kept
    await as_owner(world, "alter table ledger_checkpoints disable trigger all")
    await as_owner(world, "update ledger_checkpoints set epoch = 2")
    await as_owner(world, "update ledger_heads set epoch = 2, witnessed_size = 0")
    found = [
        *await kept.due(["w1"], whole=True, limit=9),
        *await kept.due(["w1"], whole=False, limit=9),
    ]
    assert [(one.tenant_id, one.epoch, one.known_size) for one in found] == [
        (GLOBAL, 2, 0),
        ("acme", 2, 0),
    ]
    assert local.state is not None
    await kept.advance(GLOBAL)
    assert await world.witnessed() == {GLOBAL: (1, 0), "acme": (3, 0)}


async def test_it_waits_for_the_database_and_ends_when_cancelled(world: World) -> None:
    local = world.witness("w1")
    gathering = world.gathering()
    due, calls = gathering._kept.due, 0

    async def away_at_first(witnesses: Sequence[str], *, whole: bool, limit: int) -> Any:
        nonlocal calls
        calls += 1
        if calls <= 2:
            raise Unavailable
        return await due(witnesses, whole=whole, limit=limit)

    gathering._kept.due = away_at_first  # type: ignore[method-assign]  # a stub
    await world.sign(acme=3)
    running = asyncio.create_task(gathering.run())
    async with asyncio.timeout(20):
        while await world.witnessed() != {GLOBAL: (1, 1), "acme": (3, 3)}:  # noqa: ASYNC110  # asks
            await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert len(local.asked) >= 1
