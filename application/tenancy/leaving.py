"""A tenant's off-boarding, from the act that closes it to the certificate.

    close ──▶ settle ──▶ export ──▶ destroy, store by store ──▶ read every store again ──▶ certify
                          (whole)    │
                                     └─ from here on `Leavings` has it, apart from the database

May be cut off at any point, and goes on with the next call.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from application.ports import Clock
from application.tenancy.closing import CloseTenant
from application.tenancy.exporting import ExportTenant
from application.tenancy.ports import (
    ExportPlace,
    Leaving,
    Leavings,
    Progress,
    Settled,
    SignsText,
    Store,
    Tell,
)
from domain.audit.acts import Doer
from domain.errors import Conflict, OrderHistoryError
from domain.ledger.certificates import Certificate, Destroyed
from domain.ledger.notes import SignedNote
from domain.tenancy.closing import Closed
from domain.times import format_us


class Remains(OrderHistoryError):
    """Something is left of the tenant."""


class Left(Struct, frozen=True):
    """certificate: where it was put; destroyed: what each store held, and has still: nothing."""

    certificate: str
    destroyed: Sequence[Destroyed]


class DestroyTenant:
    """Destroys what is kept of tenants. stores: in the order in which they go."""

    def __init__(self, stores: Sequence[Store], leavings: Leavings) -> None:
        self._stores = stores
        self._leavings = leavings

    async def __call__(self, leaving: Leaving, tell: Tell, progress: Progress) -> Leaving:
        """Each store, having noted what it held when it was begun with."""
        for store in self._stores:
            if store.name not in leaving.held:
                held = {**leaving.held, store.name: await store.count(leaving.tenant_id)}
                leaving = msgspec.structs.replace(leaving, held=held)
                self._leavings.keep(leaving)
            await store.destroy(leaving.tenant_id, progress)
            tell(f"destroyed: {leaving.held[store.name]} {store.name}")
        return leaving

    async def left(self, leaving: Leaving) -> list[Destroyed]:
        """Every store, read again."""
        return [
            Destroyed(
                store.name, leaving.held.get(store.name, 0), await store.count(leaving.tenant_id)
            )
            for store in self._stores
        ]


class LeaveTenant:
    """Off-boards a tenant, whose export goes to one place."""

    def __init__(
        self,
        close: CloseTenant,
        settled: Settled,
        export: ExportTenant,
        destroy: DestroyTenant,
        leavings: Leavings,
        keys: SignsText,
        clock: Clock,
    ) -> None:
        self._close = close
        self._settled = settled
        self._export = export
        self._destroy = destroy
        self._leavings = leavings
        self._keys = keys
        self._clock = clock

    async def __call__(
        self,
        tenant_id: str,
        doer: Doer,
        reason: str | None,
        place: ExportPlace,
        tell: Tell,
        progress: Progress,
    ) -> Left:
        """Raises as the steps do; Conflict for a place that has not the export that was made;
        Remains where the stores are not empty after all."""
        leaving = self._leavings.of(tenant_id)
        if leaving is None:
            if place.manifest() is None:
                place.check_new()  # while nothing is done that cannot be undone
            closed = await self._close(tenant_id, doer, reason)
            tell(f"closed: sequence {closed.sequence}, {format_us(closed.closed_us)}")
            leaving = await self._exported(tenant_id, closed, place, tell, progress)
            self._leavings.keep(leaving)
        elif place.digest("manifest.json") != leaving.manifest:
            raise Conflict(
                f"the export of tenant {tenant_id} is made; name the directory whose manifest.json"
                f" has the SHA-256 {leaving.manifest}"
            )
        leaving = await self._destroy(leaving, tell, progress)
        return await self._certified(leaving, place, tell)

    async def _exported(
        self, tenant_id: str, closed: Closed, place: ExportPlace, tell: Tell, progress: Progress
    ) -> Leaving:
        if place.manifest() is None:
            await self._settled(tenant_id, closed, tell)
        leaving = await self._export(tenant_id, closed, place, progress)
        tell(f"exported: {leaving.size} events, manifest {leaving.manifest}")
        return leaving

    async def _certified(self, leaving: Leaving, place: ExportPlace, tell: Tell) -> Left:
        destroyed = await self._destroy.left(leaving)
        remains = [f"{one.left} {one.store}" for one in destroyed if one.left]
        if remains:
            raise Remains(f"something is left, run it again: {', '.join(remains)}")
        tell("checked: every store was read again, and nothing is left")
        note = self._certificate(leaving, destroyed)
        self._leavings.keep(msgspec.structs.replace(leaving, certificate=note))
        return Left(place.certify(note), destroyed)

    def _certificate(self, leaving: Leaving, destroyed: Sequence[Destroyed]) -> str:
        text = Certificate(
            leaving.origin,
            leaving.tenant_id,
            leaving.closed.sequence,
            format_us(leaving.closed.closed_us),
            leaving.closed.by or "-",
            leaving.size,
            base64.b64decode(leaving.root),
            leaving.manifest,
            tuple(destroyed),
            format_us(self._clock()),
        ).text()
        return SignedNote(text, self._keys.sign_text(leaving.origin, text)).format()


class DestroyAgain:
    """For what a restored backup has brought back. To be called by a worker's schedule; looks at
    each tenant once."""

    def __init__(self, stores: Sequence[Store], leavings: Leavings) -> None:
        self._stores = stores
        self._leavings = leavings
        self._done: set[str] = set()

    async def __call__(self) -> int:
        """How many tenants there was something of. Raises Unavailable, KeyUnavailable."""
        found = 0
        for tenant_id in self._leavings.certified() - self._done:
            counts = [await one.count(tenant_id) for one in self._stores if not one.follows]
            if any(counts):
                for store in self._stores:
                    await store.destroy(tenant_id, _silent)
                found += 1
            self._done.add(tenant_id)
        return found


def _silent(_done: int, _total: int) -> None:
    """Nobody watches."""
