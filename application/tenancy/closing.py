"""Closing a tenant: the act after which nothing is recorded of it and nothing is read."""

from __future__ import annotations

from application.audit.acts import Acts
from application.holds.choke import ChokePoint
from application.ports import EventReader
from domain.audit.acts import Doer
from domain.errors import HoldsMoved, NotFound
from domain.tenancy.closing import Closed, Closing

_ATTEMPTS = 20
_ASKED = "tenant.off_board"


class CloseTenant:
    """Of a hold that is placed meanwhile and the closing, the first on the ledger wins."""

    def __init__(self, acts: Acts, holds: ChokePoint, reader: EventReader) -> None:
        self._acts = acts
        self._holds = holds
        self._reader = reader

    async def __call__(self, tenant_id: str, doer: Doer, reason: str | None) -> Closed:
        """Close it, unless it is. Raises OnHold while a legal hold of it is active, and the ledger
        has the refusal; NotFound for a tenant without events; Unavailable."""
        for _ in range(_ATTEMPTS):
            closing = await self._acts.load(tenant_id, Closing())
            if closing.closed is not None:
                return closing.closed
            if not (await self._reader.head(tenant_id)).sequence:
                raise NotFound(f"nothing is recorded of tenant {tenant_id}")
            held = await self._holds.over(tenant_id, [])
            if held.active:
                what = f"tenant/{tenant_id}"
                raise await self._holds.refuse(tenant_id, doer, what, _ASKED, held.active)
            try:
                await self._acts.act(
                    tenant_id,
                    doer,
                    Closing,
                    lambda one: one.close(tenant_id, reason),
                    unless_moved=held.guard,
                )
            except HoldsMoved:
                continue
        raise HoldsMoved
