"""Snapshots of orders in which nothing has happened for long: their state is then read, not folded.

The snapshotter takes one at each hundredth version; what came after the last of them is folded with
every question about the order. Of orders at rest that is known to be the end.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, cast
from uuid import UUID

from psycopg import Connection

from application.maintenance.ports import Compacted
from infrastructure.event_store.framework import OrderLedger
from infrastructure.event_store.snapshotting import take
from infrastructure.postgres.connect import in_thread, store_errors

LEAST = 20
"""Events behind an order's newest snapshot for which another one pays: fewer are folded in about
the time that it takes to read it."""

ORDERS_AT_ONCE = 500

RESTING = "select count(*) from orders where tenant_id = %s and last_us < %s"
NEXT = """
with page as materialized (
  select last_us, order_id, last_sequence from orders
   where tenant_id = %(tenant)s and last_us < %(before)s
     and (last_us, order_id) > (%(after_us)s, %(after_order)s)
   order by last_us, order_id limit %(limit)s)
select p.last_us, p.order_id, e.originator_id, e.originator_version,
       e.originator_version - coalesce((
         select s.originator_version from aggregate_snapshots s
          where s.originator_id = e.originator_id
          order by s.originator_version desc limit 1), 0)
  from page p
  left join events e on e.tenant_id = %(tenant)s and e.sequence = p.last_sequence
 order by p.last_us, p.order_id
"""


class SnapshotsAtRest:
    """Implements `application.maintenance.ports.Compaction`. connect: opens a blocking connection
    in autocommit."""

    def __init__(self, connect: Callable[[], Connection[Any]]) -> None:
        self._connect = connect

    async def orders(self, tenant_id: str, before_us: int) -> int:
        def count() -> int:
            with self._connect() as connection:
                row = connection.execute(RESTING, (tenant_id, before_us)).fetchone()
            return int(row[0]) if row else 0

        with store_errors():
            return await in_thread(count)

    async def step(
        self, tenant_id: str, before_us: int, place: tuple[int, str] | None
    ) -> Compacted:
        with store_errors():
            return await in_thread(lambda: self._step(tenant_id, before_us, place))

    def _step(self, tenant_id: str, before_us: int, place: tuple[int, str] | None) -> Compacted:
        after_us, after_order = place or (-(2**62), "")
        parameters = {
            "tenant": tenant_id,
            "before": before_us,
            "after_us": after_us,
            "after_order": after_order,
            "limit": ORDERS_AT_ONCE,
        }
        with self._connect() as connection:
            page = connection.execute(NEXT, parameters).fetchall()
            due = [(row[2], row[3]) for row in page if row[4] is not None and row[4] >= LEAST]
            taken = _take_all(connection, due)
        ended = len(page) < ORDERS_AT_ONCE
        return Compacted(None if ended else (page[-1][0], page[-1][1]), len(page), taken)


def _take_all(connection: Connection[Any], due: list[tuple[UUID, int]]) -> int:
    def same() -> Connection[Any]:
        # The framework's recorders open a connection for each statement; here all share one.
        return cast("Connection[Any]", nullcontext(connection))

    with OrderLedger(same) as ledger:
        return sum([take(ledger, originator_id, version) for originator_id, version in due])
