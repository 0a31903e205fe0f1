"""What is trusted: checkpoints of which a quorum's cosignatures are stored, and hold."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import psycopg
import pytest

from application.ledger.ports import GLOBAL
from application.ledger.witnessing import Told
from domain.ledger.notes import NoteSignature, SignedNote
from domain.ledger.policy import Policy, Witness
from infrastructure.ledger.cosignatures import StoredCosignatures
from tests.application.ledger.asked import away, policy
from tests.domain.ledger.signing import Signer
from tests.infrastructure.ledger.witnessed import NOW_US, World, sizes

pytestmark = pytest.mark.anyio


async def test_without_a_quorum_nothing_is_trusted(world: World) -> None:
    w1, w2 = world.witness("w1"), world.witness("w2")
    w2.instead = away
    await world.sign(acme=3)
    await world.turn(world.gathering())
    assert await world.kept() == [(1, "w1")]
    assert await world.witnessed() == {GLOBAL: (1, 0), "acme": (3, 0)}
    assert await world.queries.newest("acme", trusted=True) is None
    w2.instead = None
    await world.turn(world.gathering())
    assert await world.witnessed() == {GLOBAL: (1, 1), "acme": (3, 3)}
    assert len(w1.asked) == 2


async def test_a_quorum_of_some(world: World) -> None:
    world.witness("w1")
    world.witness("w2").instead = away
    world.witness("w3")
    await world.sign(acme=3)
    await world.turn(world.gathering("2"))
    assert await world.witnessed() == {GLOBAL: (1, 1), "acme": (3, 3)}


async def test_cosignatures_of_two_checkpoints_are_no_quorum_of_either(world: World) -> None:
    w1, w2 = world.witness("w1"), world.witness("w2")
    w2.instead = away
    await world.sign(acme=3)
    await world.turn(world.gathering())
    w1.instead, w2.instead = away, None
    await world.sign(acme=3)
    await world.turn(world.gathering())
    assert await world.kept() == [(1, "w1"), (2, "w2")]
    assert await world.witnessed() == {GLOBAL: (2, 0), "acme": (6, 0)}


async def test_a_tenant_is_covered_by_the_global_log(world: World) -> None:
    """A witness that knows nothing else covers all, as of the round that it has cosigned."""
    local = world.witness("w1", whole=True)
    gathering = world.gathering()
    await world.sign(acme=3, nova=2)
    await world.sign(acme=2)
    await world.turn(gathering)
    await world.sign(nova=5)
    local.instead = away
    await world.turn(gathering)
    assert await world.witnessed() == {GLOBAL: (3, 2), "acme": (5, 5), "nova": (7, 2)}
    head = await world.queries.newest("nova", trusted=True)
    assert head is not None
    assert head.size == 2


async def test_a_tenants_own_quorum_is_enough(world: World) -> None:
    local = world.witness("w1")
    local.instead = lambda body: away(body) if GLOBAL.encode() in body else local.honest(body)
    await world.sign(acme=3, nova=2)
    gathering = world.gathering()
    await world.turn(gathering)
    assert sizes(local) == {GLOBAL: [(0, 1)]}, "away for one is away for all"
    gathering._peers["w1"].recover()
    local.instead = lambda body: Told(404, b"") if GLOBAL.encode() in body else local.honest(body)
    world.now_us += 10_000_000
    await world.turn(gathering)
    assert await world.witnessed() == {GLOBAL: (1, 0), "acme": (3, 3), "nova": (2, 2)}


async def test_what_is_witnessed_never_goes_back(world: World) -> None:
    world.witness("w1")
    gathering = world.gathering()
    for _ in range(2):
        await world.sign(acme=3)
        await world.turn(gathering)
    older = Signer("w2.example", 4)
    alone = policy("any", Witness("w2", older.key, "https://w2.example"))
    kept = StoredCosignatures(world.pool, alone, lambda: NOW_US)
    note = await world.connection.execute(
        "select note from ledger_checkpoints where tenant_id = %s and size = 1", (GLOBAL,)
    )
    (text,) = await note.fetchone() or ("",)
    line = older.sign(SignedNote.parse(text).text)
    await world.connection.execute(
        "insert into ledger_cosignatures values (%s, 1, 1, 'w2', %s, 0)", (GLOBAL, line.line())
    )
    await kept.advance(GLOBAL)
    assert await world.witnessed() == {GLOBAL: (2, 2), "acme": (6, 6)}


async def test_no_quorum_is_asked_for(world: World) -> None:
    world.witness("w1").instead = away
    lines = [
        f"witness w1 {world.witnesses[0].in_policy().key} https://w1.example\n",
        "quorum none\n",
    ]
    await world.sign(acme=3)
    await world.turn(world.gathering(Policy.parse("".join(lines).encode())))
    assert await world.witnessed() == {GLOBAL: (1, 1), "acme": (3, 3)}


async def test_a_head_that_the_signer_holds_is_not_waited_for(world: World, cell_url: str) -> None:
    world.witness("w1", whole=True)
    await world.sign(acme=3, nova=2)
    gathering = world.gathering()
    async with await psycopg.AsyncConnection.connect(cell_url) as holder:
        await holder.execute("update cell_0.ledger_heads set size = size where tenant_id = 'acme'")
        async with asyncio.timeout(30):
            await world.turn(gathering)
        assert await world.witnessed() == {GLOBAL: (1, 1), "acme": (3, 0), "nova": (2, 2)}
        await holder.rollback()
    world.now_us += 5_000_000
    await world.turn(gathering)
    assert (await world.witnessed())["acme"] == (3, 3)


# -- what is stored is verified again --------------------------------------------------------------


async def lying(world: World, change: Callable[[str], str]) -> dict[str, tuple[int, int]]:
    """What is witnessed when the stored cosignature of the global log is another."""
    world.witness("w1")
    await world.sign(acme=3)
    gathering = world.gathering()
    kept = gathering._kept
    (due,) = await kept.due(["w1"], whole=True, limit=1)
    told = world.witnesses[0].honest(world_body(due.note))
    line = change(told.body.decode().splitlines()[0])
    await world.connection.execute(
        "insert into ledger_cosignatures values (%s, 1, 1, 'w1', %s, 0)", (GLOBAL, line + "\n")
    )
    await kept.advance(GLOBAL)
    return await world.witnessed()


def world_body(note: str) -> bytes:
    return f"old 0\n\n{note}".encode()


async def test_a_stored_cosignature_counts(world: World) -> None:
    assert (await lying(world, lambda line: line))[GLOBAL] == (1, 1)


def _flipped(line: str) -> str:
    read = NoteSignature.parse(line)
    raw = read.signature[:-1] + bytes([read.signature[-1] ^ 1])
    return NoteSignature(read.name, read.key_id, raw).line().strip()


@pytest.mark.parametrize(
    "change",
    [
        _flipped,
        lambda line: line.replace("w1.example", "w2.example"),
        lambda _: "\N{EM DASH} w1.example AAAAAAAA",
        lambda _: "x",
    ],
)
async def test_a_stored_cosignature_that_does_not_hold_counts_for_nothing(
    world: World, change: Callable[[str], str]
) -> None:
    assert await lying(world, change) == {GLOBAL: (1, 0), "acme": (3, 0)}


async def test_a_cosignature_of_another_key_is_not_kept(world: World) -> None:
    local = world.witness("w1")
    local.instead = lambda _: Told(
        200, Signer("w1.example", 4, 9).sign(local.asked[-1].note.text).line().encode()
    )
    await world.sign(acme=3)
    await world.turn(world.gathering())
    assert await world.kept() == []
    assert (await world.states(GLOBAL))[0].status == "misbehaving"
    assert await world.troubles() == ["witness w1: misbehaving (2 logs)"]
