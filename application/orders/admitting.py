"""What of the events that come in a caller may record, where its rights do not reach everything."""

from __future__ import annotations

from collections.abc import Sequence

from application.access.seeing import Sight
from application.ports import EventReader
from domain.access.scope import Reach
from domain.errors import Forbidden, Invalid, OrderHistoryError
from domain.orders.events import Incoming

OUTSIDE = "The source, the type or the channel of the event is none that your roles let you record."
_NO_TARGET = "names no recorded event of this order"  # as of one that never was


def takes(reach: Reach, incoming: Incoming, channel: str | None = None) -> bool:
    """Whether an event that comes in is within reach. `channel`: of its order, as it is now."""
    stated = incoming.payload.get("channel")
    return reach.takes(
        incoming.source, incoming.type, stated if isinstance(stated, str) else None, channel
    )


class Admission:
    """Holds events against what is recorded of their orders: nobody moves an order into its own
    channel, nor corrects an event of others."""

    def __init__(self, reader: EventReader, sight: Sight) -> None:
        self._reader = reader
        self._sight = sight

    async def refusals(
        self, tenant_id: str, reach: Reach, events: Sequence[Incoming]
    ) -> list[OrderHistoryError | None]:
        """Of each event why it may not be recorded within this reach, None if it may. An original
        that is not there yet is nobody's. Raises Unavailable."""
        orders = {incoming.order_id for incoming in events}
        channels = await self._sight.channels(tenant_id, reach, orders)
        found: list[OrderHistoryError | None] = []
        for incoming in events:
            if not takes(reach, incoming, channels.get(incoming.order_id)):
                found.append(Forbidden(OUTSIDE))
            elif await self._is_of_others(tenant_id, reach, incoming.correction_of):
                found.append(Invalid.field("/correction_of", _NO_TARGET))
            else:
                found.append(None)
        return found

    async def _is_of_others(self, tenant_id: str, reach: Reach, target: str | None) -> bool:
        if target is None:
            return False
        row = await self._reader.by_id(tenant_id, target)
        return row is not None and not await self._sight.own(tenant_id, reach, [row])
