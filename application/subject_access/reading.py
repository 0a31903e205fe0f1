"""Reading what is held on a person, a page at a time, of many small orders at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence

from msgspec import Struct

from application.access_log.recording import AccessLog
from application.erasure.ports import Owner
from application.ports import StoredRow
from application.snapshots.ports import SnapshotRow, SnapshotStore
from application.subject_access.ports import (
    OrderEvents,
    Orders,
    OwnersDisclosures,
    RejectedLines,
    SnapshotPlaces,
)
from domain.orders.events import decode_body
from domain.privacy.revealing import holds_personal
from domain.privacy.sealing import Opened, originator

PAGE = 200
"""Events, and whatever else, that are read at once."""
_SIZED = 1000


class Held(Struct, frozen=True):
    """The stores that hold something on a person."""

    events: OrderEvents
    hidden: OwnersDisclosures
    orders: Orders
    snapshots: SnapshotStore
    places: SnapshotPlaces
    access_log: AccessLog
    rejected: RejectedLines


class Reading:
    """Of one request: of a tenant, up to the sequence `until`. `actor`: the id under which the
    person may have acted. All of it raises Unavailable, KeyUnavailable."""

    def __init__(self, held: Held, tenant_id: str, actor: str | None, until: int) -> None:
        self._held = held
        self._tenant_id = tenant_id
        self._actor = actor
        self._until = until

    async def together(self, order_ids: Sequence[str]) -> AsyncIterator[Sequence[str]]:
        """The orders, as many at once as have a page of events; larger ones alone."""
        several: list[str] = []
        events = 0
        for start in range(0, len(order_ids), _SIZED):
            some = order_ids[start : start + _SIZED]
            for one in await self._held.orders.by_ids(self._tenant_id, some):
                if several and events + one.event_count > PAGE:
                    yield several
                    several, events = [], 0
                several.append(one.order_id)
                events += one.event_count
        if several:
            yield several

    async def events_of(
        self, order_ids: Sequence[str]
    ) -> AsyncIterator[tuple[Sequence[StoredRow], Opened]]:
        """The events of one order, a page at a time, or of several `together`; with what of them is
        the orders' or the person's."""
        after, limit = 0, PAGE if len(order_ids) == 1 else None
        originators = [originator(self._tenant_id, one) for one in order_ids]
        while True:
            rows = await self._held.events.of_orders(
                self._tenant_id, originators, after, self._until, limit
            )
            sequences = [row.sequence for row in rows if holds_personal(row.state)]
            yield rows, await self.disclosed(sequences, self._owners(order_ids))
            if limit is None or len(rows) < limit:
                return
            after = rows[-1].originator_version

    async def snapshots_of(
        self, order_ids: Sequence[str]
    ) -> AsyncIterator[tuple[SnapshotRow, Opened]]:
        """One by one: each may have megabytes."""
        after = ("", 0, "")
        while True:
            places = await self._held.places.of_orders(self._tenant_id, order_ids, after, PAGE)
            for _, _, snapshot_id in places:
                row = await self._held.snapshots.get(self._tenant_id, snapshot_id)
                if row is not None and row.sequence <= self._until:
                    owners = self._owners([row.order_id])
                    yield row, await self.disclosed([row.sequence], owners)
            if len(places) < PAGE:
                return
            after = places[-1]

    async def acted(
        self, actor: str, without: Collection[str]
    ) -> AsyncIterator[tuple[Sequence[StoredRow], Opened]]:
        """The events of an actor but for those of the orders `without`, with what the actor's key
        hides of them."""
        after = 0
        while True:
            places = await self._held.orders.events(
                self._tenant_id, actor_id=actor, after_sequence=after, limit=PAGE, history=True
            )
            there = [one for one in places if one.sequence <= self._until]
            found = await self._held.events.bodies(self._tenant_id, [one.position for one in there])
            rows = [row for row in found if decode_body(row.state).order_id not in without]
            sequences = [row.sequence for row in rows]
            yield rows, await self.disclosed(sequences, {("actor", actor)})
            if len(there) < PAGE:
                return
            after = there[-1].sequence

    async def uploaded(self, actor: str) -> AsyncIterator[tuple[SnapshotRow, Opened]]:
        """The snapshots of which an actor's key hides something, with that."""
        after = 0
        while True:
            found = await self._held.hidden.in_snapshots(self._tenant_id, actor, after, PAGE)
            for _, snapshot_id in found:
                row = await self._held.snapshots.get(self._tenant_id, snapshot_id)
                if row is not None and row.sequence <= self._until:
                    yield row, await self.disclosed([row.sequence], {("actor", actor)})
            if len(found) < PAGE:
                return
            after = found[-1][0]

    async def disclosed(self, sequences: Sequence[int], owners: Collection[Owner]) -> Opened:
        """What these owners' keys can still disclose of these events."""
        return await self._held.hidden.of_owners(self._tenant_id, sequences, owners)

    def _owners(self, order_ids: Sequence[str]) -> set[Owner]:
        owners = {("order", order_id) for order_id in order_ids}
        if self._actor is not None:
            owners.add(("actor", self._actor))
        return owners
