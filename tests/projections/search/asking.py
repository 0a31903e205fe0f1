"""All ways of asking the same question, each held against the slow reference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, time
from functools import partial
from operator import attrgetter
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import pytest
from msgspec import Struct

from application.search.aggregating import Aggregate
from application.search.ports import Asked, Hit, Key, Order, Sort
from application.search.searching import Found, Search
from domain.errors import Invalid, TooCostly
from domain.search.aggregation import CURRENCY, Group, Measure
from domain.search.fields import field_named
from domain.search.query import Node
from domain.search.reading import read_query
from projections.orders.filters import OrderFilters
from projections.orders.queries import OrderQueries
from projections.orders.statements import Sort as ListSort
from tests.projections.search.listing import listed_events, listed_orders
from tests.projections.search.reference import Event, meaning, parts_of_idents, scoring

Json = Any
T = TypeVar("T")

_BY: tuple[Sort, ...] = ("occurred_at", "sequence", "amount")
ORDERS = [Order("relevance"), *(Order(by, down) for by in _BY for down in (True, False))]
GROUPS = (
    Group(field_named("type")),
    Group(field_named("source")),
    Group(field_named("order.status")),
    Group(field_named("order.channel")),
    Group(field_named("payload.gateway")),
    Group(field_named("actor_id")),
    Group(CURRENCY),
    Group(field_named("occurred_at"), "day"),
    Group(field_named("occurred_at"), "day", "Europe/Berlin"),
)
TOPS = (
    *("type", "actor_id", "order.sku", "order.status"),
    *("payload.failure_code", "payload.carrier", "payload.items.sku", "payload.warehouse"),
)
_COUNT = Measure("count")
_ADDED = Measure("sum", field_named("payload.amount_minor"))
_LISTS: tuple[ListSort, ...] = ("last_event_at", "created_at", "total_minor")
_TOP = 10
_PAGES = 8
_RANKED = 10_000
"""Of so many, the newest, relevance is told (docs/search.md)."""
_MOST_IDENTS = 1_000


class Way(Struct, frozen=True):
    """How a question is asked. order: of the walk through its answer; group, top: of what is
    counted, and of what the highest are wanted."""

    order: Order = Order()
    limit: int = 50
    group: Group = GROUPS[0]
    top: str = TOPS[0]


class Asking:
    """The use cases over one database, and a tenant's events by the reference.

    held, costly: how many answers agreed, and how many were refused as too costly, by the way of
    asking. found: of how many events each question was true.
    """

    def __init__(
        self,
        tenant: str,
        events: Sequence[Event],
        search: Search,
        aggregate: Aggregate,
        orders: OrderQueries,
    ) -> None:
        self.events = events
        self.held: Counter[str] = Counter()
        self.costly: Counter[str] = Counter()
        self.found: list[int] = []
        self._tenant = tenant
        self._search = search
        self._aggregate = aggregate
        self._orders = orders
        self._idents = {one for event in events for one in event.idents}

    async def agrees(self, query: dict[str, Json], way: Way, also: Iterable[Order] = ()) -> None:
        """Every way of asking tells what the reference does. also: further sorts, of which the
        first page is looked at."""
        node = read_query(query, "/query", personal=True)
        if self._has_too_many_idents(query):
            with pytest.raises(Invalid, match="more than 1,000 identifiers"):
                await self._search.events(self._tenant, node, way.order, None, 1)
            return
        is_true = meaning(query)
        meant = [event for event in self._asked(query) if is_true(event)]
        self.found.append(len(meant))
        await self._agree_events(query, node, meant, way, also)
        await self._agree_orders(node, meant, way.limit)
        await self._agree_counts(node, meant, way)
        await self._agree_lists(query, meant, way.limit)

    def _asked(self, query: dict[str, Json]) -> Iterable[Event]:
        if names_history(query):
            return self.events
        return (event for event in self.events if event.order_id is not None)

    def _has_too_many_idents(self, query: dict[str, Json]) -> bool:
        return any(
            sum(part in one for one in self._idents) > _MOST_IDENTS
            for part in parts_of_idents(query)
        )

    async def _same(self, way: str, answer: Awaitable[T], meant: T) -> None:
        try:
            given = await answer
        except TooCostly:
            self.costly[way] += 1
        else:
            assert given == meant, way
            self.held[way] += 1

    async def _agree_events(
        self,
        query: dict[str, Json],
        node: Node,
        meant: list[Event],
        way: Way,
        also: Iterable[Order],
    ) -> None:
        limit = way.limit if len(meant) < _PAGES * way.limit else 1000
        for order in (way.order, *(one for one in also if one != way.order)):
            if order.by == "relevance" and not await self._ranks_all(node):
                continue
            pages = _PAGES if order is way.order else 1
            search = partial(self._search.events, self._tenant, node, order)
            expected = [event.sequence for event in _sorted(meant, order, query)]
            found = self._walk(search, limit, pages, attrgetter("sequence"))
            direction = "" if order.descending else ", ascending"
            await self._same(f"events by {order.by}{direction}", found, expected[: pages * limit])

    async def _ranks_all(self, node: Node) -> bool:
        """Whether all that is ranked is known without the index: where it leaves something open,
        more than what is meant may be among the newest."""
        if len(self.events) <= _RANKED:
            return True
        asked = (self._tenant, node, Order("relevance"))
        _, reads = await self._search.explain(*asked, orders=False, limit=1)
        return not reads

    async def _agree_orders(self, node: Node, meant: list[Event], limit: int) -> None:
        newest = _sorted(meant, Order())
        ids = list(dict.fromkeys(event.order_id for event in newest if event.order_id))
        limit = limit if len(ids) < _PAGES * limit else 1000
        search = partial(self._search.orders, self._tenant, node)
        found = self._walk(search, limit, _PAGES, attrgetter("order_id"))
        await self._same("orders", found, ids[: _PAGES * limit])

    async def _walk(
        self,
        ask: Callable[[Key | None, int], Awaitable[Found]],
        limit: int,
        pages: int,
        told: Callable[[Hit], Json],
    ) -> list[Json]:
        found: list[Json] = []
        after: Key | None = None
        for _ in range(pages):
            page = await ask(after, limit)
            found += [told(hit) for hit in page.hits]
            after = page.next
            if after is None:
                break
        return found

    async def _agree_counts(self, node: Node, meant: list[Event], way: Way) -> None:
        total = [((), (len(meant),))]
        await self._same("count", self._grouped(node, Asked([_COUNT], [])), total)
        counted = Counter(key for event in meant for key in _keys(event, way.group))
        group = way.group.field.name + (f", {way.group.zone}" if way.group.interval else "")
        await self._same(f"count by {group}", self._counted(node, way.group), counted)
        sums: Counter[str | None] = Counter()
        for event in meant:
            sums[event.currency] += event.one("payload.amount_minor") or 0
        await self._same("sum by currency", self._added(node), dict(sums))
        values = Counter(one for event in meant for one in set(event.values(way.top)))
        ranked = sorted(values.items(), key=lambda item: (-item[1], item[0]))
        top = [((value,), (count,)) for value, count in ranked[:_TOP]]
        asked = Asked([_COUNT], [Group(field_named(way.top))], _TOP)
        await self._same(f"top {way.top}", self._grouped(node, asked), top)

    async def _grouped(self, node: Node, asked: Asked) -> Json:
        return (await self._aggregate(self._tenant, node, asked)).rows

    async def _counted(self, node: Node, group: Group) -> dict[Json, int]:
        rows = await self._grouped(node, Asked([_COUNT], [group]))
        return {key: count for (key,), (count,) in rows if count}

    async def _added(self, node: Node) -> dict[Json, int]:
        rows = await self._grouped(node, Asked([_COUNT, _ADDED], [Group(CURRENCY)]))
        return {key: added for (key,), (_, added) in rows}

    async def _agree_lists(self, query: dict[str, Json], meant: list[Event], limit: int) -> None:
        if (filters := listed_events(query)) is not None:
            expected = [event.sequence for event in meant][: _PAGES * 1000]
            await self._same("GET /events", self._event_list(filters), expected)
        if (filters := listed_orders(query)) is not None:
            for sort in _LISTS:
                found = self._order_list(filters, sort, limit)
                await self._same(f"GET /orders by {sort}", found, _list(meant, sort)[: 2 * limit])

    async def _event_list(self, filters: Json) -> list[int]:
        history = str(filters.get("type")).startswith("history.")
        found: list[int] = []
        for _ in range(_PAGES):
            after = {"after_sequence": found[-1]} if found else {}
            asked: Json = {**filters, **after, "limit": 1000, "history": history}
            page = await self._orders.events(self._tenant, **asked)
            found += [key.sequence for key in page]
        return found

    async def _order_list(self, filters: Json, sort: ListSort, limit: int) -> list[str]:
        asked = self._tenant, OrderFilters(**filters)
        page = await self._orders.list_orders(*asked, sort=sort, limit=limit)
        found = [one.order_id for one in page]
        if page:
            after = page[-1].key(sort)
            page = await self._orders.list_orders(*asked, sort=sort, after=after, limit=limit)
            found += [one.order_id for one in page]
        return found


def names_history(query: dict[str, Json]) -> bool:
    """Whether a query names a type of the service's own events."""
    if query.get("field") == "type":
        given = [value for op, value in query.items() if op not in ("field", "exists")]
        values = given[0] if given and isinstance(given[0], list) else given
        return any(value.startswith("history.") for value in values)
    return any(map(names_history, [*query.get("all", []), *query.get("any", [])]))


def _sorted(events: list[Event], order: Order, query: Json = None) -> list[Event]:
    if order.by == "relevance":
        asked = scoring(query)
        scores = {event.sequence: sum(one(event) for one in asked) for event in events}
        newest = _sorted(events, Order())[:_RANKED]  # of equal ones the newer comes first
        return sorted(newest, key=lambda event: -scores[event.sequence])
    if order.by == "amount":  # those without one come last, whichever the direction
        with_one = [event for event in events if event.one("payload.amount_minor") is not None]
        without = [event for event in events if event.one("payload.amount_minor") is None]
        with_one.sort(key=lambda event: (event.one("payload.amount_minor"), event.sequence))
        without.sort(key=lambda event: event.sequence)
        step = -1 if order.descending else 1
        return with_one[::step] + without[::step]
    by_time = order.by == "occurred_at"
    return sorted(
        events,
        key=lambda event: (event.occurred_us if by_time else 0, event.sequence),
        reverse=order.descending,
    )


def _keys(event: Event, group: Group) -> Iterable[Json]:
    """The groups that an event is in."""
    if group.interval:
        zone = ZoneInfo(group.zone)
        day = datetime.fromtimestamp(event.occurred_us // 1_000_000, zone).date()
        return [round(datetime.combine(day, time(), zone).timestamp()) * 1_000_000]
    if group.field is CURRENCY:
        return [event.currency]
    return set(event.values(group.field.name)) or [None]


def _list(meant: list[Event], sort: ListSort) -> list[str]:
    """The orders of some events as GET /orders lists them."""
    orders = {event.order_id: event.order for event in meant if event.order_id is not None}

    def key(order_id: str) -> tuple[Json, ...]:
        value = orders[order_id].get(sort)
        return value is not None, value or 0, order_id

    return sorted(orders, key=key, reverse=True)
