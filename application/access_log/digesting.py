"""Putting the access log's batches onto the ledgers of the tenants whose data was read."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from application.access_log.ports import Batches
from application.ports import Accepted, Clock, Door, Outcome, Refused, Statement
from domain.access.log import MOST, Batch, batch_of, digested
from domain.errors import TenantLeft
from domain.times import format_us

log = structlog.get_logger(__name__)


class DigestAccess:
    """To be called every minute, by any number of workers: of batches that begin alike one comes
    onto the ledger, and its row is written with it."""

    def __init__(
        self,
        batches: Batches,
        door: Door,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
        most: int = MOST,
    ) -> None:
        self._batches = batches
        self._door = door
        self._clock = clock
        self._random_bytes = random_bytes
        self._most = most
        self._ended: set[str] = set()

    async def __call__(self) -> int:
        """How many entries it covered. Raises Unavailable."""
        covered = 0
        for tenant_id in await self._batches.waiting():
            if tenant_id in self._ended:
                continue
            while count := await self._digest(tenant_id):
                covered += count
        return covered

    async def _digest(self, tenant_id: str) -> int:
        first, entries = await self._batches.next(tenant_id, self._most)
        if not entries:
            return 0
        batch = batch_of(first, entries)
        draft = digested(
            tenant_id, batch, now=format_us(self._clock()), random_bytes=self._random_bytes
        )
        (outcome,) = await self._door.submit([draft], beside=self._beside(tenant_id, batch))
        if isinstance(outcome, Refused):  # a closed ledger; the other tenants' go on
            log.warning("access.not_digested", tenant=tenant_id, error=type(outcome.error).__name__)
            if isinstance(outcome.error, TenantLeft):  # its ledger takes nothing any more
                self._ended.add(tenant_id)
        return len(entries) if isinstance(outcome, Accepted) else 0

    def _beside(
        self, tenant_id: str, batch: Batch
    ) -> Callable[[Sequence[Outcome]], Sequence[Statement]]:
        def beside(outcomes: Sequence[Outcome]) -> Sequence[Statement]:
            (outcome,) = outcomes
            if not isinstance(outcome, Accepted):
                return ()
            return self._batches.insertion(tenant_id, batch)

        return beside
