"""Finding all that is kept of a person and doing something to it, until nothing more is found."""

from __future__ import annotations

from typing import Protocol

from application.erasure.batches import AT_ONCE
from application.erasure.erasing import Erased, EraseOwners
from application.erasure.facts import Facts
from application.erasure.finding import Found, merged
from application.erasure.ports import OwnedStore
from application.jobs.running import Run
from domain.erasure.subjects import Subject
from domain.orders.events import decode_body

_ROUNDS = 5
"""How often what came in meanwhile is looked for, and what a hold held that has ended."""


class Finds(Protocol):
    """Finds all that is kept of a person. Raises Unavailable."""

    async def __call__(self, tenant_id: str, subject: Subject, after: int = 0) -> Found:
        """after: the head of what was found before."""
        ...


class Rounds:
    """Of one attempt at a job. What an earlier attempt has done is found by its facts: no address
    finds it now."""

    def __init__(self, find: Finds, erase: EraseOwners, store: OwnedStore) -> None:
        self._find = find
        self._erase = erase
        self._store = store

    async def __call__(self, run: Run, subject: Subject, erased: Erased, facts: Facts) -> Found:
        """All that was found, whether anything of it was to be done. Raises Unavailable,
        KeyUnavailable."""
        tenant_id = run.job.tenant_id
        found = Found([], await self._earlier(tenant_id, facts), None)
        for _ in range(_ROUNDS):
            before = erased.values
            erased.look_again()
            found = await self._round(run, subject, erased, found)
            if erased.values == before and not await self._erase.has_ended(tenant_id, erased):
                break
        return found

    async def _earlier(self, tenant_id: str, facts: Facts) -> list[str]:
        orders = await orders_of(self._store, tenant_id, facts)
        return list(dict.fromkeys((*orders, *facts.orders)))

    async def _round(self, run: Run, subject: Subject, erased: Erased, before: Found) -> Found:
        """All that was found, also in the rounds before: what is erased may be found no more."""
        tenant_id, job_id = run.job.tenant_id, run.job.job_id
        found = merged(before, await self._find(tenant_id, subject, before.head))
        orders = [(order_id, True) for order_id in found.whole]
        orders += [(order_id, False) for order_id in found.named]
        for done in range(0, len(orders), AT_ONCE):
            await run.progress(done, len(orders))
            some = dict(orders[done : done + AT_ONCE])
            await self._erase.orders(tenant_id, job_id, some, subject, erased)
        if found.actor is not None:
            await self._erase.actor(tenant_id, job_id, found.actor, erased)
        await run.progress(len(orders), len(orders))
        return found


async def orders_of(store: OwnedStore, tenant_id: str, facts: Facts) -> list[str]:
    """The orders of whose events these facts tell. Raises Unavailable."""
    states = await store.states(tenant_id, list(facts.pointers))
    orders = dict.fromkeys(decode_body(state).order_id for state in states.values())
    return [order_id for order_id in orders if order_id is not None]
