"""Holding the rows of the orders read model against the ledger, some events at a time.

The rows of events follow from these events, those of orders from all that happened to the order:
each order is looked at with the first of its events in the range. Two copies of the model's tables
are never compared in full, and nothing is held against an event that is not as it was recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from application.maintenance.ports import Finding, What
from infrastructure.postgres.order_tables import actors, audit_log, order_events, orders
from projections.read_model import ReadModel
from projections.reading import Broken, Connection, Notification
from projections.reconciling.scratch import Row, Scratch
from projections.reconciling.source import Part, beginning, letters_of, read_part, read_whole
from projections.search.key import IndexKeyDiffers

BY_EVENT = frozenset({order_events.name, audit_log.name, orders.name, "idents"})
"""The tables of the model that are held against it here; its others are sums over a tenant."""

_APPLIED_AT_ONCE = 5000
_EVENTS = "sequence > %(after)s and sequence <= %(last)s and sequence <> all(%(passed)s)"
_ORDERS = "order_id = any(%(orders)s)"
_ALL = "true"
# An actor that was missing, in a range that does not hold all of its events.
_RECOUNT = """
update actors a set events = e.events, first_us = e.first_us, last_us = e.last_us
  from (select actor_id, count(*) as events, min(occurred_us) as first_us,
               max(occurred_us) as last_us
          from order_events where tenant_id = %(tenant)s and actor_id = any(%(added)s)
         group by actor_id) as e
 where a.tenant_id = %(tenant)s and a.actor_id = e.actor_id
"""
_DELIVERED = "delete from dead_letters where model = %s and tenant_id = %s and position = any(%s)"
# Terms that are made with another secret than those of the index would never be found.
_OTHER_KEY = """
select from search_key__rows s join search_key k on k.model = s.model
 where k.fingerprint <> s.fingerprint
"""
# Of which an event, the last that the model has seen, is gone from the ledger.
_BEREFT = """
select o.order_id from orders o
 where o.tenant_id = %(tenant)s and o.order_id = any(%(orders)s)
   and o.last_sequence < (select max(sequence) from events where tenant_id = %(tenant)s)
   and not exists (select 1 from events e
                    where e.tenant_id = o.tenant_id and e.sequence = o.last_sequence)
"""
_position = attrgetter("position")


class Looked(Struct):
    """The events that were looked at, and what differs."""

    part: Part
    findings: list[Finding]
    values: Mapping[str, object]
    taken: list[int]
    """Positions of the events that the model can take in."""


class OrderRows:
    """start: the sequence that the range lies behind. retry: whether events that the model had to
    leave out are tried again."""

    def __init__(self, model: ReadModel, tenant_id: str, start: int, *, retry: bool) -> None:
        self._model = model
        self._scratch = Scratch(model, "__rows")
        self._tenant_id = tenant_id
        self._start = start
        self._retry = retry
        self._idents = [table for table in model.tables if table.name == "idents"]

    async def create(self, connection: Connection) -> None:
        """Before anything else on this connection."""
        await self._scratch.create(connection)

    async def look(
        self, connection: Connection, after: int, end: int, up_to: int, limit: int
    ) -> Looked:
        """At the next events behind `after`, not above `end`, as the model is at position `up_to`;
        within a transaction that sees nothing newer. Raises IndexKeyDiffers, KeyUnavailable."""
        part = await read_part(connection, self._tenant_id, after, end, up_to, limit)
        letters = await letters_of(connection, self._model.name, self._tenant_id)
        left_out: set[int] = set() if self._retry else letters
        whole, due = await self._due(connection, part, left_out, up_to)
        rest = [
            event
            for event in part.events
            if event.originator_id not in due and event.position not in left_out
        ]
        refused = await self._apply(connection, sorted([*whole, *rest], key=_position))
        if (await connection.execute(_OTHER_KEY)).rowcount:
            raise IndexKeyDiffers
        due -= {event.originator_id for event in refused}
        out = left_out | {event.position for event in refused}
        unfit = [one.sequence for one in (*part.altered, *part.broken)]
        values = {
            "tenant": self._tenant_id,
            "after": after,
            "last": end if part.ended else part.last,
            "passed": [*unfit, *(one.sequence for one in part.events if one.position in out)],
            "orders": [one.order_id for one in whole if one.originator_id in due],
        }
        findings = self._of_events(part, refused, letters)
        findings += await self._compare(connection, part, values)
        taken = [event.position for event in part.events if event.position not in out]
        return Looked(part, findings, values, taken)

    async def put_right(self, connection: Connection, looked: Looked) -> list[Finding]:
        """What was found, with what was healed of it, in the transaction in which it was found,
        the model standing still."""
        scratch, values = self._scratch, looked.values
        if looked.part.missing is None:
            for table in (audit_log, order_events):
                await scratch.remove(connection, table, _EVENTS, values)
        added = [actor for (actor,) in await scratch.add(connection, actors, _ALL, values)]
        await scratch.put(connection, orders, _ORDERS, values)
        for table in (order_events, audit_log):
            await scratch.put(connection, table, _EVENTS, values)
        for table in self._idents:
            await scratch.add(connection, table, _ALL, values)
        if added:
            await connection.execute(_RECOUNT, {**values, "added": added})
        if self._retry:
            parameters = self._model.name, self._tenant_id, looked.taken
            await connection.execute(_DELIVERED, parameters)
        after = [
            replace(one, healed=one.table != "events" or one.what == "dead letter")
            for one in looked.findings
        ]
        if added:
            missing = Finding(self._model.name, actors.name, "missing", len(added), healed=True)
            after.append(missing)
        return after

    async def _due(
        self, connection: Connection, part: Part, left_out: set[int], up_to: int
    ) -> tuple[list[Notification], set[UUID]]:
        """All events of the orders that are to be looked at, and these orders."""
        due = await beginning(connection, self._tenant_id, part.events, self._start)
        stored = await read_whole(connection, self._tenant_id, due, up_to)
        spoilt = {one.originator_id for one in stored.events if one.position in left_out}
        fit = due - spoilt - stored.spoilt
        names = {one.order_id for one in stored.events if one.originator_id in fit}
        cursor = await connection.execute(
            _BEREFT, {"tenant": self._tenant_id, "orders": sorted(filter(None, names))}
        )
        bereft = {order_id for (order_id,) in await cursor.fetchall()}
        whole = [
            one for one in stored.events if one.originator_id in fit and one.order_id not in bereft
        ]
        return whole, {one.originator_id for one in whole}

    async def _apply(
        self, connection: Connection, events: Sequence[Notification]
    ) -> list[Notification]:
        refused: list[Notification] = []
        for start in range(0, len(events), _APPLIED_AT_ONCE):
            some = events[start : start + _APPLIED_AT_ONCE]
            refused += await self._scratch.apply(connection, some)
        return refused

    def _of_events(
        self, part: Part, refused: Iterable[Notification], letters: set[int]
    ) -> list[Finding]:
        """What is wrong with the events themselves. A dead letter is known, unless it is tried."""
        no = {event.position for event in refused}
        known: set[int] = set() if self._retry else letters
        waiting = [one for one in part.events if one.position in letters - known - no]
        found = [
            *self._counted("altered", part.altered),
            *self._counted("unreadable", [one for one in part.broken if one.position not in known]),
            *self._counted("dead letter", waiting),
            *self._counted("refused", [one for one in part.events if one.position in no]),
        ]
        if part.missing is not None:
            first, count = part.missing
            found.append(Finding("ledger", "events", "missing", count, first))
        return found

    def _counted(self, what: What, events: Sequence[Notification | Broken]) -> list[Finding]:
        first = min((one.sequence for one in events), default=None)
        return [Finding(self._model.name, "events", what, len(events), first)] if events else []

    async def _compare(
        self, connection: Connection, part: Part, values: Mapping[str, object]
    ) -> list[Finding]:
        name, scratch = self._model.name, self._scratch
        found: list[Finding] = []
        for table in (order_events, audit_log):
            rows = await scratch.differing(connection, table, _EVENTS, values)
            if part.missing is not None:  # told of; they may be all that is left of these events
                rows = [row for row in rows if not row[-1]]
            found += counted(name, table.name, rows, lambda row: row[0])
        if values["orders"]:
            rows = await scratch.differing(connection, orders, _ORDERS, values)
            found += counted(name, orders.name, rows)
        for table in self._idents:
            if lacking := await scratch.lacking(connection, table, _ALL, values):
                found.append(Finding(name, table.name, "missing", lacking))
        return found


def counted(
    model: str, table: str, rows: Sequence[Row], place: Callable[[Row], int] | None = None
) -> list[Finding]:
    """Rows of `Scratch.differing` as findings; `place`: the sequence of one."""
    kinds: dict[What, list[Row]] = {}
    for row in rows:
        what: What = "missing" if row[-2] else "unknown" if row[-1] else "wrong"
        kinds.setdefault(what, []).append(row)
    return [
        Finding(model, table, what, len(some), None if place is None else min(map(place, some)))
        for what, some in kinds.items()
    ]
