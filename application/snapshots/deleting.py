"""Deleting snapshots, as far as no legal hold and no duty to keep forbids it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from application.holds.choke import ChokePoint, Held
from application.ports import Accepted, Clock, Door, Outcome, Refused, Statement
from application.pseudonyms.settling import Originals
from application.retention.duties import Duties
from application.snapshots.ports import SnapshotRow, SnapshotStore
from domain.audit.acts import Doer
from domain.errors import MustBeKept, NotFound
from domain.holds.holds import Hold
from domain.orders.events import Draft
from domain.snapshots.events import deleted
from domain.times import format_us

ASKED = "snapshot.delete"


class DeleteSnapshot:
    """State and tombstone go and come in one transaction, at the guards of the choke point
    and of the duties."""

    def __init__(
        self,
        door: Door,
        store: SnapshotStore,
        choke: ChokePoint,
        duties: Duties,
        originals: Originals,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._door = door
        self._store = store
        self._choke = choke
        self._duties = duties
        self._originals = originals
        self._clock = clock
        self._random_bytes = random_bytes

    async def __call__(self, tenant_id: str, doer: Doer, snapshot_id: str) -> bool:
        """Remove the state and its personal values; leave a tombstone. Whether it was still there
        when that was done. Raises NotFound; OnHold
        while the order or the state's customer is held, and then the ledger has that it was asked;
        MustBeKept while it is too young for a duty; Unavailable."""
        row = await self._store.get(tenant_id, snapshot_id)
        if row is None:
            raise NotFound("there is no such snapshot")
        removal = self._store.removal(tenant_id, snapshot_id, row.sequence)

        def beside(outcomes: Sequence[Outcome]) -> Sequence[Statement]:
            return () if isinstance(outcomes[0], Refused) else removal

        async def attempt(held: Held) -> Sequence[Outcome]:
            holds = _holding(held, row)
            if holds:
                what = f"snapshot/{snapshot_id}"
                raise await self._choke.refuse(tenant_id, doer, what, ASKED, holds)
            in_force = await self._duties.in_force(tenant_id)
            if kept := in_force.keeps_snapshot(row.captured_us):
                raise MustBeKept([policy_id for policy_id, _ in kept])
            draft = self._tombstone(tenant_id, doer, row)
            guards = [*held.guard, in_force.guard]
            return await self._door.submit([draft], beside=beside, unless_moved=guards)

        async with self._originals.going(tenant_id, row.sequence):
            (outcome,) = await self._choke.past(tenant_id, [row.order_id], attempt)
        if isinstance(outcome, Refused):
            raise outcome.error
        return isinstance(outcome, Accepted)

    def _tombstone(self, tenant_id: str, doer: Doer, row: SnapshotRow) -> Draft:
        now_us = self._clock()
        return deleted(
            tenant_id,
            row.order_id,
            row.snapshot_id,
            actor=doer.subject,
            now=format_us(now_us),
            now_us=now_us,
            random_bytes=self._random_bytes,
        )


def _holding(held: Held, row: SnapshotRow) -> list[Hold]:
    """Those that hold its order, or the customer that the state itself names: a snapshot may be of
    an order without events."""
    hold_ids = set(held.by_order.get(row.order_id, ()))
    for customer_id in _customers(msgspec.json.decode(row.state)):
        hold_ids.update(held.of_subject(customer_id))
    return held.named(hold_ids)


def _customers(state: dict[str, Any]) -> list[str]:
    customer = state.get("customer")
    inner = customer.get("id") if isinstance(customer, dict) else None
    return [one for one in (state.get("customer_id"), inner) if isinstance(one, str)]
