"""A ledger in memory whose events are verified, for tests."""

from __future__ import annotations

from typing import Any

from application.ledger.checking import Verified, VerifyEvent
from application.ledger.covering import Covering
from domain.access.caller import Caller
from domain.access.permissions import permissions_of
from tests.application.ledger.world import LedgerWorld


def caller(role: str = "auditor", tenant: str = "acme") -> Caller:
    return Caller("someone", tenant, frozenset({role}), permissions_of([role]), 2**60)


async def verify(
    world: LedgerWorld, wanted: str | int = "e2", role: str = "auditor", **options: Any
) -> Verified:
    covering = Covering(world, patience=0)
    return await VerifyEvent(world, world, world.keys, covering, **options)(caller(role), wanted)
