"""Real witnesses beside a real store, for tests of gathering their cosignatures."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from application.ledger.gathering import Gathering
from application.ledger.ports import GLOBAL
from application.ledger.witnessing import AskWitness, WitnessState
from domain.ledger.policy import Policy
from infrastructure.ledger.cosignatures import StoredCosignatures
from infrastructure.ledger.witnessed import Witnessed
from infrastructure.postgres.connect import Pool
from projections.ledger.queries import LedgerQueries
from projections.reading import Connection
from tests.application.ledger.asked import LocalWitness, Reaching, policy
from tests.projections.filling import START_US, Filling
from tests.projections.ledger.ledgers import Signatures, follow, record

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


def sizes(local: LocalWitness) -> dict[str, list[tuple[int, int]]]:
    """Log -> (old size, size) as the witness was asked."""
    found: dict[str, list[tuple[int, int]]] = {}
    for one in local.asked:
        log = one.checkpoint.origin.rpartition("/")[2]
        found.setdefault(log, []).append((one.old_size, one.checkpoint.size))
    return found


async def as_owner(world: World, statement: str) -> None:
    await world.connection.execute("set role none")
    await world.connection.execute(statement)
