"""An event is verified only where a witness has cosigned what covers it, if one is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from application.ledger.ports import GLOBAL, SignedHead
from application.ledger.signing import origin_of
from domain.ledger.checkpoints import Checkpoint
from domain.ledger.notes import SignedNote
from domain.ledger.policy import Policy
from domain.ledger.policy import Witness as PolicyWitness
from infrastructure.ledger import witness_keys
from tests.application.ledger.checking import verify
from tests.application.ledger.world import NOW_US, LedgerWorld

pytestmark = pytest.mark.anyio
TIME_S = NOW_US // 1_000_000


class Witnessing:
    """A witness's cosignatures on what this world has signed."""

    def __init__(self, directory: Path) -> None:
        self._keys = witness_keys.make(directory / "w.keys", "w.example")
        witness = PolicyWitness("w", self._keys.verifier_keys[0], "https://w.example")
        self.policy = Policy((), (witness,), (), "w")

    def cosign(self, head: SignedHead) -> SignedHead:
        checkpoint = Checkpoint.parse(SignedNote.parse(head.note).text)
        lines = self._keys.cosign(checkpoint, TIME_S)
        return replace(head, note=head.note + "".join(one.line() for one in lines))


@pytest.fixture
def witness(tmp_path: Path) -> Witnessing:
    return Witnessing(tmp_path)


@pytest.mark.parametrize("log", ["acme", GLOBAL])
async def test_witnessed_itself_or_by_the_global_log(
    world: LedgerWorld, witness: Witnessing, log: str
) -> None:
    assert not (await verify(world, policy=witness.policy)).verified
    world.signed[log][-1] = witness.cosign(world.signed[log][-1])
    found = await verify(world, policy=witness.policy)
    assert found.verified
    assert origin_of(world.keys.service_origin, "acme", 1) in (found.tlog_proof or "")


async def test_a_global_log_that_does_not_cover_it_is_no_witness(
    world: LedgerWorld, witness: Witnessing
) -> None:
    world.signed[GLOBAL][-1] = witness.cosign(world.signed[GLOBAL][-1])
    world.rounds.clear()
    found = await verify(world, policy=witness.policy)
    assert (found.verified, found.inclusion_ok) == (False, False)


async def test_a_cosignature_that_does_not_hold(world: LedgerWorld, witness: Witnessing) -> None:
    other = witness.cosign(world.signed[GLOBAL][-1])
    line = other.note.splitlines()[-1]
    head = world.signed["acme"][-1]
    world.signed["acme"][-1] = replace(head, note=f"{head.note}{line}\n")
    assert not (await verify(world, policy=witness.policy)).verified
