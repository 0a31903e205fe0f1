"""Cosignatures of real witnesses over real checkpoints: what is kept, and what is then trusted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest

from application.ledger.gathering import SLICE, Gathering
from application.ledger.ports import GLOBAL
from application.ledger.signatures import cosigners, open_checkpoint
from application.ledger.witnessing import AskWitness, Told, WitnessState
from domain.errors import Unavailable
from domain.ledger.notes import NoteSignature, SignedNote
from domain.ledger.policy import Policy, Witness
from infrastructure.ledger.cosignatures import StoredCosignatures
from infrastructure.ledger.witnessed import Witnessed
from infrastructure.postgres.connect import Pool, open_pool
from infrastructure.postgres.embedded import EmbeddedPostgres
from projections.ledger.queries import LedgerQueries
from projections.reading import Connection
from tests.application.ledger.asked import LocalWitness, Reaching, away, policy
from tests.domain.ledger.signing import Signer
from tests.projections.conftest import CELL, fresh_database
from tests.projections.filling import START_US, Filling
from tests.projections.ledger.ledgers import Signatures, follow, record

pytestmark = pytest.mark.anyio
NOW_US = START_US + 10_000_000


class Bell:
    def __init__(self) -> None:
        self.alarms: dict[tuple[str, str], str] = {}

    async def sound(self, tenant_id: str, kind: str, sequence: int | None, detail: str) -> None:
        self.alarms[tenant_id, kind] = detail

    async def clear(self, tenant_id: str, kind: str) -> None:
        self.alarms.pop((tenant_id, kind), None)


class World:
    """An installation that signs, its witnesses, and what gathers their cosignatures."""

    def __init__(
        self, connection: Connection, pool: Pool, signatures: Signatures, directory: Path
    ) -> None:
        self.connection = connection
        self.pool = pool
        self.signatures = signatures
        self.queries = LedgerQueries(pool, witnessed=True)
        self.bell = Bell()
        self.now_us = NOW_US
        self._filling = Filling(connection)
        self._directory = directory
        self.witnesses: list[LocalWitness] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def sign(self, **events: int) -> None:
        """Record so many events of each tenant, and sign."""
        await record(self._filling, events)
        await follow(self.connection)
        await self.signatures.sign()

    def witness(self, name: str, *, whole: bool = False) -> LocalWitness:
        """Knows the service, or (`whole`) its global log alone."""
        global_keys = self.signatures.keys.verifier_keys(f"{self.origin}/{GLOBAL}")
        known = {"logs": global_keys} if whole else {"services": global_keys}
        self.witnesses.append(LocalWitness(self._directory, name, **known))
        return self.witnesses[-1]

    @property
    def origin(self) -> str:
        return self.signatures.keys.service_origin

    def policy(self, quorum: str) -> Policy:
        return policy(quorum, *(one.in_policy() for one in self.witnesses))

    def gathering(self, quorum: str | Policy = "all") -> Gathering:
        accepted = self.policy(quorum) if isinstance(quorum, str) else quorum
        kept = StoredCosignatures(self.pool, accepted, lambda: self.now_us)
        ask = AskWitness(Reaching(*self.witnesses), self.queries, kept)
        return Gathering(accepted, ask, kept, self.bell, lambda: self.now_us, interval=0.01)

    async def turn(self, gathering: Gathering) -> None:
        """One turn, and all that it has started."""
        await gathering.turn(self.spawn)
        await asyncio.gather(*self.tasks)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        self.tasks.append(asyncio.create_task(work))
        return self.tasks[-1]

    async def witnessed(self) -> dict[str, tuple[int, int]]:
        """Log -> (newest size, witnessed size)."""
        cursor = await self.connection.execute(
            "select tenant_id, size, witnessed_size from ledger_heads order by 1"
        )
        return {tenant: (size, seen) for tenant, size, seen in await cursor.fetchall()}

    async def kept(self, tenant_id: str = GLOBAL) -> list[tuple[int, str]]:
        cursor = await self.connection.execute(
            "select size, witness from ledger_cosignatures where tenant_id = %s order by 1, 2",
            (tenant_id,),
        )
        return await cursor.fetchall()

    async def states(self, tenant_id: str, quorum: str = "all") -> list[WitnessState]:
        looking = Witnessed(self.pool, self.policy(quorum), lambda: self.now_us)
        return await looking.witness_states(tenant_id)

    async def troubles(self) -> list[str]:
        return await Witnessed(self.pool, self.policy("all"), lambda: self.now_us).troubles()


@pytest.fixture
def database_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    yield from fresh_database(postgres)


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with (
        await open_pool(database_url, CELL, min=1, max=4, name="test") as pool,
        pool.connection() as connection,
    ):
        world = World(connection, pool, Signatures(database_url, tmp_path / "signing"), tmp_path)
        yield world
        for one in world.witnesses:
            one.state.close()


def sizes(local: LocalWitness) -> dict[str, list[tuple[int, int]]]:
    """Log -> (old size, size) as the witness was asked."""
    found: dict[str, list[tuple[int, int]]] = {}
    for one in local.asked:
        log = one.checkpoint.origin.rpartition("/")[2]
        found.setdefault(log, []).append((one.old_size, one.checkpoint.size))
    return found


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


# -- the quorum ------------------------------------------------------------------------------------


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


async def test_a_head_that_the_signer_holds_is_not_waited_for(
    world: World, database_url: str
) -> None:
    world.witness("w1", whole=True)
    await world.sign(acme=3, nova=2)
    gathering = world.gathering()
    async with await psycopg.AsyncConnection.connect(database_url) as holder:
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


# -- trouble ---------------------------------------------------------------------------------------


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

    async def hang(*_: object) -> NoteSignature:
        await hanging.wait()
        raise AssertionError

    ask = gathering._ask
    gathering._ask = lambda witness, due: (hang if witness.name == "w2" else ask)(witness, due)  # type: ignore[assignment]
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
        await _owner(world, f"alter table ledger_{table} disable trigger all")
    await _owner(world, "delete from ledger_checkpoints where round > 1")
    await _owner(world, "delete from ledger_cosignatures")
    await _owner(world, "delete from ledger_witnesses")
    await _owner(world, "update ledger_heads set size = 3, round = 1")
    await _owner(world, f"update ledger_heads set size = 1 where tenant_id = '{GLOBAL}'")
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


async def test_a_new_origin_begins_anew(world: World) -> None:
    local = world.witness("w1")
    gathering = world.gathering()
    await world.sign(acme=3)
    await world.turn(gathering)
    kept = gathering._kept
    await _owner(world, "alter table ledger_checkpoints disable trigger all")
    await _owner(world, "update ledger_checkpoints set epoch = 2")
    await _owner(world, "update ledger_heads set epoch = 2, witnessed_size = 0")
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

    gathering._kept.due = away_at_first  # type: ignore[method-assign]
    await world.sign(acme=3)
    running = asyncio.create_task(gathering.run())
    async with asyncio.timeout(20):
        while await world.witnessed() != {GLOBAL: (1, 1), "acme": (3, 3)}:  # noqa: ASYNC110  # asks
            await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert len(local.asked) >= 1


async def _owner(world: World, statement: str) -> None:
    await world.connection.execute("set role none")
    await world.connection.execute(statement)
