"""Witnesses that are away, hang, refuse or answer nonsense: what is told of them."""

from __future__ import annotations

import asyncio

import pytest

from application.ledger.ports import GLOBAL
from application.ledger.witnessing import Due, Told, WitnessState
from domain.ledger.notes import NoteSignature
from domain.ledger.policy import Witness
from tests.application.ledger.asked import away
from tests.infrastructure.ledger.witnessed import NOW_US, World, as_owner
from tests.projections.filling import START_US

pytestmark = pytest.mark.anyio


async def test_a_witness_that_is_away_is_paused(world: World) -> None:
    local = world.witness("w1")
    local.instead = away
    await world.sign(acme=3)
    gathering = world.gathering()
    peer = gathering._peers["w1"]
    await world.turn(gathering)
    await world.turn(gathering)
    assert len(local.asked) == 1
    pauses = []
    for _ in range(14):
        peer._until = 0.0
        pauses.append(peer.lengthen())
    assert pauses[:3] == [0.5, 1.0, 2.0]
    assert pauses[-1] == 300.0
    assert [(one.status, one.reason) for one in await world.states("acme")] == [
        ("away", "it cannot be reached (ConnectError)")
    ]
    assert await world.troubles() == ["witness w1: away (1 log)"]
    local.instead = None
    peer._until = 0.0
    await world.turn(gathering)
    assert not peer.failing
    await world.turn(gathering)  # it was not waited for
    assert await world.troubles() == []
    assert await world.witnessed() == {GLOBAL: (1, 1), "acme": (3, 3)}


async def test_one_that_hangs_does_not_hold_the_others_up(world: World) -> None:
    world.witness("w1")
    slow = world.witness("w2")
    slow.instead = away
    gathering = world.gathering("any")
    await world.sign(acme=3)
    await world.turn(gathering)
    gathering._peers["w2"]._until = 0.0
    hanging = asyncio.Event()

    ask = gathering._ask

    async def one_hangs(witness: Witness, due: Due) -> NoteSignature:
        if witness.name == "w2":
            await hanging.wait()
        return await ask(witness, due)

    gathering._ask = one_hangs  # type: ignore[assignment]  # a stub
    for size in (2, 3):
        await world.sign(acme=3)
        async with asyncio.timeout(30):
            await gathering.turn(world.spawn)
        assert (await world.witnessed())[GLOBAL] == (size, size)
    for task in world.tasks:
        task.cancel()


async def test_whatever_a_witness_brings_about_is_its_own_fault(world: World) -> None:
    local = world.witness("w1")

    def broken(_: bytes) -> Told:
        raise ZeroDivisionError

    local.instead = broken
    await world.sign(acme=3)
    await world.turn(world.gathering())
    (state,) = await world.states(GLOBAL)
    assert (state.status, state.reason) == ("misbehaving", "its answer led to ZeroDivisionError")


async def test_a_store_that_lies_behind_is_an_alarm(world: World) -> None:
    """As after a restored backup: the witness has seen more of the log."""
    local = world.witness("w1")
    gathering = world.gathering()
    for _ in range(3):
        await world.sign(acme=3)
        await world.turn(gathering)
    for table in ("checkpoints", "cosignatures", "rounds"):
        await as_owner(world, f"alter table ledger_{table} disable trigger all")
    await as_owner(world, "delete from ledger_checkpoints where round > 1")
    await as_owner(world, "delete from ledger_cosignatures")
    await as_owner(world, "delete from ledger_witnesses")
    await as_owner(world, "update ledger_heads set size = 3, round = 1")
    await as_owner(world, f"update ledger_heads set size = 1 where tenant_id = '{GLOBAL}'")
    await world.turn(gathering)
    assert world.bell.alarms.keys() == {(GLOBAL, "witness"), ("acme", "witness")}
    assert "lies behind" in world.bell.alarms[GLOBAL, "witness"]
    for tenant in (GLOBAL, "acme"):
        (state,) = await world.states(tenant)
        assert state.status == "ahead"
    assert "witness w1: ahead (2 logs)" in await world.troubles()
    assert len(local.asked) == 8, "what is refused is not asked about again at once"
    await world.turn(gathering)
    assert len(local.asked) == 8


async def test_another_history_is_an_alarm_until_it_is_none(world: World) -> None:
    local = world.witness("w1")
    local.instead = lambda _: Told(422, b"another root\n")
    gathering = world.gathering()
    await world.sign(acme=3)
    await world.turn(gathering)
    assert world.bell.alarms.keys() == {(GLOBAL, "witness"), ("acme", "witness")}
    assert (await world.states("acme"))[0].status == "inconsistent"
    local.instead = None
    world.now_us += 120_000_000
    await world.turn(gathering)
    assert world.bell.alarms == {}
    assert (await world.states("acme"))[0].status == "ok"
    assert await world.troubles() == []


async def test_an_alarm_stays_while_one_witness_of_two_holds_it(world: World) -> None:
    w1, w2 = world.witness("w1"), world.witness("w2")
    w1.instead = w2.instead = lambda _: Told(422, b"")
    gathering = world.gathering()
    await world.sign(acme=3)
    await world.turn(gathering)
    w1.instead = None
    world.now_us += 120_000_000
    await world.turn(gathering)
    assert (GLOBAL, "witness") in world.bell.alarms


async def test_a_quorum_that_does_not_come_is_told(world: World) -> None:
    world.witness("w1")
    world.witness("w2").instead = away
    await world.sign(acme=3)
    await world.turn(world.gathering())
    world.now_us = START_US + 30_000_000
    assert await world.troubles() == ["witness w2: away (1 log)"]
    world.now_us = START_US + 75_000_000
    assert await world.troubles() == ["witness w2: away (1 log)", "no quorum of witnesses for 75 s"]


async def test_the_states_of_a_log(world: World) -> None:
    w1, w2 = world.witness("w1"), world.witness("w2", whole=True)
    assert await world.states("acme") == []
    gathering = world.gathering()
    await world.sign(acme=3)
    assert [(one.size, one.lag, one.status) for one in await world.states("acme")] == [
        (0, 3, "behind")
    ] * 2
    await world.turn(gathering)
    first, second = await world.states("acme")
    assert first == WitnessState("w1", 3, 0, NOW_US, "ok")
    assert (second.size, second.lag, second.status) == (3, 0, "unknown_log")
    assert await world.troubles() == []
    await world.sign(acme=4)
    await world.sign(acme=4)
    w1.instead = w2.instead = away
    await world.turn(gathering)
    assert [(one.size, one.lag, one.status) for one in await world.states("acme")] == [
        (3, 8, "away"),
        (3, 8, "unknown_log"),
    ]
    assert await world.states("nobody") == []
