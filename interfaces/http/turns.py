"""Whose question is taken when: a tenant's questions wait for each other, not those of others.

A question may cost seconds of a processor and hold a connection meanwhile. So each tenant has EACH
in hand at once, in one process, and all of them TOGETHER: fewer than there are connections, so that
timelines and lists, which cost little, go on beside any number of questions.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from domain.errors import Overloaded, TooManyAtOnce

EACH = 2
TOGETHER = 6
WAITING = 64
"""Questions of one tenant that may wait."""
PATIENCE = 2.0
"""Seconds that one waits."""


class Turns:
    """Each question takes a turn while it is read, decided and answered; in order of their coming,
    but for those whose tenant has as many as it may."""

    def __init__(
        self,
        *,
        each: int = EACH,
        together: int = TOGETHER,
        waiting: int = WAITING,
        patience: float = PATIENCE,
    ) -> None:
        self._each = each
        self._together = together
        self._most_waiting = waiting
        self._patience = patience
        self._taken: Counter[str] = Counter()
        self._waiting: list[tuple[str, asyncio.Future[None]]] = []

    @asynccontextmanager
    async def taken(self, tenant_id: str) -> AsyncIterator[None]:
        """A turn of this tenant, until left. Raises TooManyAtOnce where its own questions leave
        none in time, Overloaded where those of others do."""
        if self._may(tenant_id):
            self._taken[tenant_id] += 1
        else:
            await self._wait(tenant_id)
        try:
            yield
        finally:
            self._leave(tenant_id)

    def _may(self, tenant_id: str) -> bool:
        return self._taken[tenant_id] < self._each and self._taken.total() < self._together

    async def _wait(self, tenant_id: str) -> None:
        if sum(one == tenant_id for one, _ in self._waiting) >= self._most_waiting:
            raise TooManyAtOnce
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((tenant_id, turn))
        try:
            await asyncio.wait([turn], timeout=self._patience)
        except asyncio.CancelledError:
            if turn.done():  # it was given at that very moment
                self._leave(tenant_id)
            else:
                self._waiting.remove((tenant_id, turn))
            raise
        if not turn.done():
            self._waiting.remove((tenant_id, turn))
            raise TooManyAtOnce if self._taken[tenant_id] >= self._each else Overloaded

    def _leave(self, tenant_id: str) -> None:
        self._taken[tenant_id] -= 1
        if not self._taken[tenant_id]:
            del self._taken[tenant_id]
        for one in list(self._waiting):
            tenant_id, turn = one
            if self._may(tenant_id):
                self._waiting.remove(one)
                self._taken[tenant_id] += 1
                turn.set_result(None)
