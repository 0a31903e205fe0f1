"""Counting, adding up and ranking the events that a question means."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from heapq import nsmallest
from time import monotonic
from typing import Any, TypeVar, cast

from msgspec import Struct

from application.search.deciding import Deciding, Slices
from application.search.ports import (
    NEWEST_FIRST,
    SECONDS,
    Asked,
    GroupIndex,
    Hit,
    Key,
    Plan,
    Rows,
    SearchIndex,
)
from domain.errors import Invalid, TooCostly
from domain.search.aggregation import (
    CURRENCY,
    MOST_GROUPS,
    MOST_TOLD,
    Fold,
    Group,
    Groups,
    Measure,
    Seen,
    Value,
    currency_of,
    in_order,
    nothing,
    sort_key,
)
from domain.search.aggregation import Key as GroupKey
from domain.search.calendar import starts, time_zone
from domain.search.fields import FIELDS, Field
from domain.search.query import All, Match, Node
from domain.search.terms import values_at
from domain.times import parse_us

_EDGES = [Measure(op, FIELDS["occurred_at"]) for op in ("min", "max")]


class Aggregate:
    """Groups of events with measures: of what is added up beforehand where that can tell, else of
    the rows of events; of the events themselves where a field is in their payload alone.

    Raises as `Search`; Invalid for a mix of currencies and for more than MOST_GROUPS.
    """

    def __init__(self, index: SearchIndex, groups: GroupIndex) -> None:
        self._index = index
        self._groups = groups
        self._deciding = Deciding(index)

    async def __call__(
        self, tenant_id: str, node: Node, asked: Asked, *, limited: bool = False
    ) -> Groups:
        """The groups, by key; of intervals of time also those in which nothing is, between the
        first and the last. With `Asked.top`, the highest first. limited: who asks may not know when
        the tenant's other events were."""
        timed = [group for group in asked.groups if group.interval]
        frame = await self._frame(tenant_id, node, timed[0], limited) if timed else None
        begins = frame.begins if frame else []
        rows = await self._groups.rolled_up(tenant_id, node, asked, begins)
        rollup = rows is not None
        if rows is None:
            plan = await self._index.plan(tenant_id, with_a_value(node, asked))
            rows = await self._of_rows(plan, asked, begins)
        if frame is not None:
            rows = frame.filled(rows, asked)
        elif not rows and not asked.groups:
            rows = [((), nothing(asked.measures))]
        if asked.top is not None:
            return Groups(_highest(rows, asked.top), rollup)
        return Groups(in_order(rows), rollup)

    async def _frame(self, tenant_id: str, node: Node, group: Group, limited: bool) -> Frame:
        """From when to when intervals are counted: as the question says, else as events are."""
        low, high = bounds(node)
        found = self._span_of(tenant_id, node) if limited else self._groups.span(tenant_id)
        span = await found or (0, -1)
        assert group.interval is not None, "the group of a time"
        try:
            begins = starts(
                group.interval,
                time_zone(group.zone),
                span[0] if low is None else low,
                span[1] if high is None else high,
                MOST_GROUPS,
            )
        except ValueError as error:
            raise Invalid.field("/group_by", str(error)) from None
        return Frame(begins, low is not None, high is not None)

    async def _span_of(self, tenant_id: str, node: Node) -> tuple[int, int] | None:
        """The lowest and the highest occurred_at of the events that are meant."""
        found = await self(tenant_id, node, Asked(_EDGES, []))
        ((_, (first, last)),) = found.rows
        return None if first is None else (parse_us(str(first)), parse_us(str(last)))

    async def _of_rows(self, plan: Plan, asked: Asked, begins: Sequence[int]) -> Rows:
        fields = [group.field for group in asked.groups]
        fields += [one.field for one in asked.measures if one.field is not None]
        if plan.decide is None and all(map(self._groups.in_columns, fields)):
            return await self._groups.grouped(plan, asked, begins)

        async def fetch(key: Key | None, count: int) -> list[Hit]:
            return await self._index.hits(plan, NEWEST_FIRST, key, count)

        fold = Fold(asked.measures, top=asked.top is not None)
        async for reads in self._deciding.read(plan, fetch, NEWEST_FIRST, None):
            ids = list({hit.order_id for hit, _ in reads if hit.order_id is not None})
            orders = await self._groups.order_values(plan.tenant_id, ids) if ids else {}
            async for hit, body in _in_slices(reads):  # of one event there may be many groups
                fold.take(_seen(asked, begins, hit, body, orders.get(hit.order_id or "", {})))
        return [row async for row in _in_slices(fold.rows())]


_T = TypeVar("_T")


async def _in_slices(items: Iterable[_T]) -> AsyncIterator[_T]:
    """These, others having their turn in between. Raises TooCostly after SECONDS."""
    slices, end = Slices(), monotonic() + SECONDS
    for item in items:
        if monotonic() > end:
            raise TooCostly
        yield item
        await slices.cut()


class Frame(Struct, frozen=True):
    """The intervals of an aggregation by time: when they begin, and when the last one ends; and
    whether the first and the last are told even if nothing is in them."""

    begins: Sequence[int]
    from_first: bool
    to_last: bool

    def filled(self, rows: Rows, asked: Asked) -> Rows:
        """The rows with instants for the numbers of intervals, and rows for those in between."""
        at = next(place for place, group in enumerate(asked.groups) if group.interval)
        found: dict[tuple[GroupKey, tuple[bool, ...]], dict[int, tuple[Value, ...]]] = {}
        for key, values in rows:
            number = cast(int, key[at])
            if 1 <= number < len(self.begins):
                rest = (*key[:at], *key[at + 1 :])
                # 1 and true are equal, and two groups.
                apart = tuple([one is True or one is False for one in rest])
                found.setdefault((rest, apart), {})[number] = values
        if not found and len(asked.groups) == 1 and self.from_first and self.to_last:
            found[(), ()] = {}
        numbers = [number for one in found.values() for number in one]
        low = 1 if self.from_first else min(numbers, default=1)
        high = len(self.begins) - 1 if self.to_last else max(numbers, default=0)
        if len(found) * (high - low + 1) > MOST_TOLD:
            detail = f"gives more than {MOST_TOLD:,} groups: group by less, or longer intervals"
            raise Invalid.field("/group_by", detail)
        empty = nothing(asked.measures)
        return [
            ((*key[:at], self.begins[number - 1], *key[at:]), of_key.get(number, empty))
            for (key, _), of_key in found.items()
            for number in range(low, high + 1)
        ]


def with_a_value(node: Node, asked: Asked) -> Node:
    """A top list leaves events without a value out, and so do measures of one field where nothing
    is grouped: the index of terms knows which have one."""
    measured = {measure.field for measure in asked.measures}
    field = asked.groups[0].field if asked.top is not None else None
    if not asked.groups and len(measured) == 1:
        field = measured.pop()
    if field is None or field.scope not in ("payload", "metadata"):
        return node
    return All((node, Match(field, "exists", True)))


def bounds(node: Node) -> tuple[int | None, int | None]:
    """The first and the last microsecond that a question asks for; None where it is open."""
    lows: list[int] = []
    highs: list[int] = []
    parts = node.parts if isinstance(node, All) else (node,)
    for part in parts:
        if isinstance(part, All):
            low, high = bounds(part)
            lows += [] if low is None else [low]
            highs += [] if high is None else [high]
        elif isinstance(part, Match) and part.field.name == "occurred_at":
            value = cast(int, part.value)
            if part.op in ("gt", "gte", "eq"):
                lows.append(value + (part.op == "gt"))
            if part.op in ("lt", "lte", "eq"):
                highs.append(value - (part.op == "lt"))
    return max(lows, default=None), min(highs, default=None)


def _seen(
    asked: Asked,
    begins: Sequence[int],
    hit: Hit,
    body: Mapping[str, Any],
    order: Mapping[str, Any],
) -> Seen:
    currency = currency_of(body["payload"])
    if currency is None:
        currency = order.get("order.currency")

    def values(field: Field) -> list[Any]:
        if field is CURRENCY:
            return _listed(currency)
        return _listed(order.get(field.name)) if field.scope == "order" else _own(field, hit, body)

    return Seen(
        [
            [bisect_right(begins, hit.occurred_us)] if group.interval else values(group.field)
            for group in asked.groups
        ],
        {one.field.name: values(one.field) for one in asked.measures if one.field is not None},
        currency,
        order.get("order.currency"),
    )


def _own(field: Field, hit: Hit, body: Mapping[str, Any]) -> list[Any]:
    """What an event itself has in a field."""
    columns: dict[str, Any] = {
        "type": body["type"],
        "source": body["source"],
        "order_id": hit.order_id,
        "actor_id": hit.actor_id,
        "sequence": hit.sequence,
        "occurred_at": hit.occurred_us,
        "payload.amount_minor": hit.amount_minor,
    }
    if field.name in columns:
        return _listed(columns[field.name])
    return list(values_at(body[field.scope], field.path))


def _listed(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def _highest(rows: Rows, count: int) -> Rows:
    """Those with the highest first value; of equal ones the lower key. None is lowest."""

    def rank(row: tuple[GroupKey, tuple[Value, ...]]) -> tuple[Any, ...]:
        value = row[1][0]
        worth = -value if isinstance(value, int | float) else 0
        return (value is None, worth, sort_key(row[0]))

    return nsmallest(count, (row for row in rows if row[0][0] is not None), key=rank)
