"""Every range of every size is proved, what is beyond is refused with its bounds or waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from application.ledger.covering import Covering, NotSigned
from application.ledger.ports import GLOBAL, LedgerDamaged
from application.ledger.proving import ProveLedger, RangeProof
from application.ledger.signatures import open_checkpoint
from application.ledger.verifying import verify_proof
from domain.errors import Invalid, NotFound
from domain.ledger.checkpoints import Checkpoint
from domain.ledger.hashing import leaf_hash
from domain.ledger.merkle import check_consistency, root_from_range
from domain.ledger.receipts import TlogProof
from domain.ledger.tiles import Tile
from tests.application.ledger.world import LedgerWorld
from tests.domain.ledger.drafts import draft
from tests.interfaces.http.journeys.proving import decoded

pytestmark = pytest.mark.anyio


class Seen(msgspec.Struct):
    """How a log stands with a witness."""

    name: str
    size: int
    lag: int
    status: str
    cosigned_us: int | None


@pytest.fixture
def world(tmp_path: Path) -> LedgerWorld:
    return LedgerWorld(tmp_path / "signing")


def proving(
    world: LedgerWorld, patience: float = 0.0, witnesses: Sequence[Seen] = ()
) -> ProveLedger:
    async def states(_tenant_id: str) -> Sequence[Seen]:
        return witnesses

    events: Any = world
    return ProveLedger(world, events, Covering(world, patience), states)


def fill(world: LedgerWorld, *counts: int, tenant: str = "acme") -> None:
    """So many events, and after each number of them a checkpoint."""
    for count in counts:
        done = len(world.rows.get(tenant, []))
        world.add(*(draft(f"e{done + at}", "o1", tenant) for at in range(1, count + 1)))
        world.sign()


def keys(world: LedgerWorld, log: str) -> Any:
    return world.keys.verifier_keys(f"{world.keys.service_origin}/{log}")


def checked(world: LedgerWorld, proof: RangeProof) -> Checkpoint:
    """Raises where the answer does not prove what it says."""
    checkpoint = open_checkpoint(proof.checkpoint, keys(world, proof.tenant_id)).checkpoint
    leaves = [leaf_hash(bytes.fromhex(entry)) for entry in proof.entries]
    left, right = decoded(proof.left), decoded(proof.right)
    root = root_from_range(leaves, proof.from_ - 1, proof.tree_size, left, right)
    assert (proof.tree_size, root) == (checkpoint.size, checkpoint.root)
    return checkpoint


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 13, 300])
async def test_every_range_is_proved(world: LedgerWorld, size: int) -> None:
    fill(world, size)
    prove = proving(world)
    step = 1 if size < 20 else 97
    for first in range(1, size + 1, step):
        for last in range(first, size + 1, step):
            proof = await prove.range("acme", first, last, None)
            assert checked(world, proof).size == size
            assert len(proof.entries) == last - first + 1
            assert proof.consistency is msgspec.UNSET


@pytest.mark.parametrize("since", [0, 1, 2, 5, 255, 256, 300])
async def test_a_ledger_goes_on_from_any_size(world: LedgerWorld, since: int) -> None:
    if since:
        fill(world, since)
    fill(world, 301 - since)
    older = next((one for one in world.signed["acme"] if one.size == since), None)
    proof = await proving(world).range("acme", 4, 9, since)
    newer = checked(world, proof)
    assert isinstance(proof.consistency, msgspec.Struct)
    hashes = decoded(proof.consistency.hashes)
    if older is None:
        assert hashes == []
        return
    root = open_checkpoint(older.note, keys(world, "acme")).checkpoint.root
    check_consistency(since, root, newer.size, newer.root, hashes)


@pytest.mark.parametrize(
    ("first", "last", "since", "pointers"),
    [
        (2, 1, None, ["/to"]),
        (0, 1, None, ["/from"]),
        (1, 6, None, ["/to"]),
        (6, 6, None, ["/to"]),
        (1, 10_001, None, ["/to"]),
        (1, 2, 6, ["/since"]),
        (1, 6, 6, ["/to", "/since"]),
        (1, 2, -1, ["/since"]),
        (5, 4, -1, ["/to", "/since"]),
    ],
)
async def test_ranges_that_are_refused(
    world: LedgerWorld, first: int, last: int, since: int | None, pointers: list[str]
) -> None:
    fill(world, 5)
    with pytest.raises(Invalid) as caught:
        await proving(world).range("acme", first, last, since)
    assert [one.pointer for one in caught.value.errors] == pointers


async def test_ten_thousand_are_the_most(world: LedgerWorld) -> None:
    fill(world, 10_001)
    proof = await proving(world).range("acme", 2, 10_001, None)
    assert checked(world, proof).size == 10_001
    with pytest.raises(Invalid, match="at most 10000"):
        await proving(world).range("acme", 1, 10_001, None)


async def test_an_unknown_tenants_ledger_ends_at_nothing(world: LedgerWorld) -> None:
    with pytest.raises(Invalid, match="at most 0"):
        await proving(world).range("nobody", 1, 1, None)
    assert (await proving(world).status("nobody")).checkpoint is None


@pytest.mark.parametrize(("last", "since"), [(3, None), (1, 3)])
async def test_the_next_checkpoint_is_waited_for(
    world: LedgerWorld, last: int, since: int | None
) -> None:
    fill(world, 2)
    world.add(draft("e3"))
    with pytest.raises(NotSigned):
        await proving(world).range("acme", 1, last, since)
    waiting = asyncio.create_task(proving(world, patience=30).range("acme", 1, last, since))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    world.sign()
    assert checked(world, await waiting).size == 3


async def test_a_checkpoint_that_is_not_trusted_proves_nothing(world: LedgerWorld) -> None:
    fill(world, 3, 3)
    world.trusted["acme"] = 3
    assert (await proving(world).range("acme", 1, 3, None)).tree_size == 3
    with pytest.raises(NotSigned):
        await proving(world).range("acme", 1, 4, None)
    with pytest.raises(NotSigned):
        await proving(world).receipt("acme", 4)


async def test_the_status(world: LedgerWorld) -> None:
    fill(world, 3)
    world.add(draft("e4"), draft("e5"))
    seen = Seen("w1", 2, 1, "behind", 1_800_000_000_000_000)
    never = Seen("w2", 0, 3, "away", None)
    status = await proving(world, witnesses=[seen, never]).status("acme")
    assert (status.sequence, status.chain_length, status.checkpoint_size) == (5, 5, 3)
    assert (status.unsigned, status.signed_at) == (2, "2027-01-15T08:00:00.000000Z")
    assert status.ledger_hash == world.rows["acme"][-1].ledger_hash.hex()
    checkpoint = open_checkpoint(status.checkpoint or "", keys(world, "acme")).checkpoint
    assert status.root_hash == checkpoint.root.hex()
    assert msgspec.to_builtins(status.witnesses) == [
        {"name": "w1", "size": 2, "lag": 1, "status": "behind",
         "cosigned_at": "2027-01-15T08:00:00.000000Z"},
        {"name": "w2", "size": 0, "lag": 3, "status": "away", "cosigned_at": None},
    ]  # fmt: skip


async def test_receipts_chain_up_to_the_global_log(world: LedgerWorld) -> None:
    for tenant in ("acme", "umbrella", "third"):
        fill(world, 3, 2, tenant=tenant)
    asked: list[tuple[str, str | int]] = [("acme", 1), ("umbrella", "e4"), ("third", 5)]
    for tenant, wanted in asked:
        proof = await proving(world).receipt(tenant, wanted)
        found = await world.event(tenant, wanted)
        assert found is not None
        held = verify_proof(proof, found.row.state, keys(world, tenant), None, keys(world, GLOBAL))
        assert held.anchor is not None
        assert held.sequence == found.row.sequence


async def test_without_its_round_a_receipt_is_not_anchored(world: LedgerWorld) -> None:
    fill(world, 3)
    fill(world, 1, tenant="umbrella")
    world.rounds.pop(2)  # the newest; that of the checkpoint is still there
    world.signed[GLOBAL].pop()
    assert TlogProof.parse(await proving(world).receipt("acme", 1)).extra is not None
    world.trusted[GLOBAL] = 0
    proof = await proving(world).receipt("acme", 1)
    assert TlogProof.parse(proof).extra is None
    verify_proof(proof, world.rows["acme"][0].state, keys(world, "acme"))


async def test_a_receipt_of_nothing(world: LedgerWorld) -> None:
    fill(world, 1)
    asked: list[tuple[str, str | int]] = [("acme", 2), ("acme", "e2"), ("nobody", 1)]
    for tenant, wanted in asked:
        with pytest.raises(NotFound):
            await proving(world).receipt(tenant, wanted)


async def test_where_signed_events_are_gone_there_is_no_proof(world: LedgerWorld) -> None:
    fill(world, 3)
    world.lost.add(Tile(0, 0, 3))
    with pytest.raises(LedgerDamaged):
        await proving(world).receipt("acme", 1)
    with pytest.raises(LedgerDamaged):
        await proving(world).range("acme", 1, 2, None)
