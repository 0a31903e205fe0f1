"""What of stored events a caller may see, where its rights do not reach everything."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

from msgspec import UNSET, structs

from application.ports import StoredRow
from domain.access.caller import Caller
from domain.access.permissions import Permission
from domain.access.scope import Reach
from domain.audit.acts import is_act
from domain.errors import NotFound
from domain.orders.events import decode_body

_Place = tuple[str, str, str | None]
"""Source and type of an event, and the channel of its order."""
_Has = Callable[[str, str, str | None], bool]
"""Whether a reach has what is of a source, a type and a channel."""


class OrderChannels(Protocol):
    """Which channel orders are of, as they are now."""

    async def channels(self, tenant: str, order_ids: Sequence[str]) -> Mapping[str, str | None]:
        """Of those that are there. Raises Unavailable."""
        ...


class Corrections(Protocol):
    """Which corrections an event has."""

    async def corrections_of(self, tenant_id: str, event_id: str) -> Sequence[StoredRow]:
        """By sequence. Raises Unavailable."""
        ...


class Sight:
    """Tells what is within reach. What is not is not there: NotFound, as for what never was."""

    def __init__(self, orders: OrderChannels, events: Corrections) -> None:
        self._orders = orders
        self._events = events

    async def within(
        self, caller: Caller, permission: Permission, rows: Sequence[StoredRow]
    ) -> Sequence[StoredRow]:
        """Those of the rows that the caller may see."""
        reach = caller.reach(permission)
        if not caller.may(Permission.AUDIT_READ):
            rows = [row for row in rows if not is_act(decode_body(row.state).type)]
        return await self._those(caller.tenant_id, reach, rows, reach.covers)

    async def corrections(self, caller: Caller, rows: Sequence[StoredRow]) -> Sequence[StoredRow]:
        """The rows, each with those alone of its corrections that the caller may read somewhere."""
        events, orders = map(caller.reach, (Permission.EVENTS_READ, Permission.ORDERS_READ))
        reach = Reach(events.scopes + orders.scopes)
        if reach.is_of_all_events or not any(row.corrected_by for row in rows):
            return rows
        return [await self._corrected(caller.tenant_id, reach, row) for row in rows]

    async def _corrected(self, tenant_id: str, reach: Reach, row: StoredRow) -> StoredRow:
        if not row.corrected_by:
            return row
        found = await self._events.corrections_of(tenant_id, decode_body(row.state).event_id)
        seen = await self._those(tenant_id, reach, found, reach.covers)
        ids = tuple(decode_body(one.state).event_id for one in seen)
        return structs.replace(row, corrected_by=ids)

    async def own(
        self, tenant_id: str, reach: Reach, rows: Sequence[StoredRow]
    ) -> Sequence[StoredRow]:
        """Those of the rows that who records within this reach could have recorded."""
        return await self._those(tenant_id, reach, rows, reach.takes)

    async def _those(
        self, tenant_id: str, reach: Reach, rows: Sequence[StoredRow], has: _Has
    ) -> Sequence[StoredRow]:
        if reach.is_of_all_events:
            return rows
        places = await self._places(tenant_id, reach, rows)
        return [row for row, place in zip(rows, places, strict=True) if has(*place)]

    async def require(self, caller: Caller, permission: Permission, row: StoredRow) -> None:
        """Raises NotFound for an event that the caller may not see."""
        if not await self.within(caller, permission, [row]):
            raise NotFound("there is no such event")

    async def require_order(
        self, caller: Caller, permission: Permission, order_id: str, what: str = "order"
    ) -> None:
        """For `what` tells of a whole order. Raises Forbidden for who may see parts of orders,
        NotFound for an order of another channel than the caller's."""
        channels = caller.reach_of_orders(permission).channels
        if channels is None:
            return
        found = await self._orders.channels(caller.tenant_id, [order_id])
        if found.get(order_id) not in channels:
            raise NotFound(f"there is no such {what}")

    async def personal(self, caller: Caller, rows: Sequence[StoredRow]) -> Sequence[frozenset[str]]:
        """The classes of personal data that the caller may see of each event."""
        persons = caller.reach(Permission.PERSONAL_READ)
        places = await self._places(caller.tenant_id, persons, rows)
        return [persons.personal(*place) for place in places]

    async def personal_of_order(self, caller: Caller, order_id: str) -> frozenset[str]:
        """The classes of personal data that the caller may see of the whole order."""
        persons = caller.reach(Permission.PERSONAL_READ).of_whole_orders
        channels = await self.channels(caller.tenant_id, persons, {order_id})
        return persons.personal("", "", channels.get(order_id))

    async def _places(
        self, tenant_id: str, reach: Reach, rows: Sequence[StoredRow]
    ) -> Sequence[_Place]:
        bodies = [decode_body(row.state) for row in rows]
        known = {
            body.order_id: row.channel
            for row, body in zip(rows, bodies, strict=True)
            if row.channel is not UNSET
        }
        unknown = {body.order_id for body in bodies} - known.keys()
        channels = {**known, **await self.channels(tenant_id, reach, unknown)}
        return [(body.source, body.type, channels.get(body.order_id)) for body in bodies]

    async def channels(
        self, tenant_id: str, reach: Reach, order_ids: Collection[str | None]
    ) -> Mapping[str | None, str | None]:
        """The channels of orders, where the reach asks for them."""
        ids = [order_id for order_id in order_ids if order_id is not None]
        if not ids or not reach.knows_channels:
            return {}
        found: dict[str | None, str | None] = {}
        found.update(await self._orders.channels(tenant_id, ids))
        return found
