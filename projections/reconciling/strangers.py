"""Orders that a read model shows and of which the ledger has never heard."""

from __future__ import annotations

from application.maintenance.ports import Finding
from infrastructure.postgres.order_tables import orders
from projections.orders.model import NAME
from projections.reading import Connection, decode_batch

WITHOUT_EVENTS = """
select o.order_id, e.position, e.tenant_id, e.sequence, e.originator_id, e.originator_version,
       e.received_us, e.topic, e.state
  from orders o
  left join events e on e.tenant_id = o.tenant_id and e.sequence = o.last_sequence
 where o.tenant_id = %s
   and not exists (select 1 from order_events t
                    where t.tenant_id = o.tenant_id and t.order_id = o.order_id)
"""
REMOVE = "delete from orders where tenant_id = %s and order_id = any(%s)"


async def strangers(connection: Connection, tenant_id: str) -> list[str]:
    """Their ids. An order whose events the model alone lacks is none: the event that its row names
    as its last is one of its own."""
    cursor = await connection.execute(WITHOUT_EVENTS, (tenant_id,), binary=True)
    found = []
    for order_id, *event in await cursor.fetchall():
        known = decode_batch(0, [tuple(event)]).events if event[0] is not None else ()
        if not any(one.order_id == order_id for one in known):
            found.append(order_id)
    return found


async def remove(connection: Connection, tenant_id: str, order_ids: list[str]) -> None:
    """In the transaction in which they were found, the model standing still."""
    await connection.execute(REMOVE, (tenant_id, order_ids))


def as_findings(order_ids: list[str]) -> list[Finding]:
    """How many there are."""
    found = Finding(NAME, orders.name, "unknown", len(order_ids))
    return [found] if order_ids else []
