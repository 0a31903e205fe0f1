"""Random queries about what a shop has recorded, and how their answers are compared."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from hypothesis import strategies as st
from msgspec import Struct

from application.search.aggregating import Aggregate
from application.search.ports import Asked, Key, Order
from application.search.searching import Search
from domain.search.aggregation import Group, Measure
from domain.search.fields import FIELDS, field_named
from domain.search.query import Node
from domain.search.reading import OPS, read_query
from domain.times import format_us
from projections.orders.queries import OrderQueries
from tests.projections.search.reference import Event, is_meant

Json = Any
OPEN = ("payload.zone", "payload.tags", "payload.gift.wrap", "payload.nowhere.at.all")
INDEXED = {"field": "type", "exists": True}
"""True of every event, and lets a path that is not indexed stand beside it."""


class Asking(Struct):
    """The use cases over one database, and a tenant's events by the reference."""

    tenant: str
    events: list[Event]
    search: Search
    aggregate: Aggregate
    orders: OrderQueries

    async def agrees(self, query: dict[str, Json], order: Order, limit: int) -> None:
        """Every way of asking tells what the reference does."""
        node = read_query(query, "/query", personal=True)
        meant = [event for event in self._asked(query) if is_meant(query, event)]
        found = await self._walk(node, order, limit if len(meant) < 8 * limit else 1000)
        assert found == [event.sequence for event in _sorted(meant, order, query)]
        orders = _orders(meant)
        assert await self._orders(node, limit if len(orders) < 8 * limit else 1000) == orders
        assert await self._count(node) == len(meant)
        by_type = await self._by(node, Group(field_named("type")))
        assert by_type == Counter(event.fact.type for event in meant)
        if len(meant) < 200:  # rows of all of them, or even their events, are read for it
            by_status = await self._by(node, Group(field_named("order.status")))
            assert by_status == Counter(event.order.get("status") for event in meant)
            by_gateway = await self._by(node, Group(field_named("payload.gateway")))
            assert by_gateway == Counter(event.fact.payload.get("gateway") for event in meant)
        if query.keys() == {"field", "eq"} and query["field"] in LISTED:
            assert await self._listed(query) == sorted(event.sequence for event in meant)

    def _asked(self, query: dict[str, Json]) -> list[Event]:
        if _names_history(query):
            return self.events
        return [event for event in self.events if event.fact.order_id is not None]

    async def _walk(self, node: Node, order: Order, limit: int) -> list[int]:
        found: list[int] = []
        after: Key | None = None
        while True:
            page = await self.search.events(self.tenant, node, order, after, limit)
            found += [hit.sequence for hit in page.hits]
            after = page.next
            if after is None:
                return found

    async def _orders(self, node: Node, limit: int) -> list[str | None]:
        found: list[str | None] = []
        after: Key | None = None
        while True:
            page = await self.search.orders(self.tenant, node, after, limit)
            found += [hit.order_id for hit in page.hits]
            after = page.next
            if after is None:
                return found

    async def _count(self, node: Node) -> Json:
        ((_, (count,)),) = (await self.aggregate(self.tenant, node, Asked([COUNT], []))).rows
        return count

    async def _by(self, node: Node, group: Group) -> dict[Json, Json]:
        groups = await self.aggregate(self.tenant, node, Asked([COUNT], [group]))
        return {key: count for (key,), (count,) in groups.rows}

    async def _listed(self, query: dict[str, Json]) -> list[int]:
        asked = {query["field"]: query["eq"]}
        history = query["field"] == "type" and query["eq"].startswith("history.")
        keys = await self.orders.events(self.tenant, **asked, limit=10_000, history=history)
        return [key.sequence for key in keys]


COUNT = Measure("count")
LISTED = ("type", "source", "order_id", "actor_id")


def queries(events: Sequence[Event]) -> st.SearchStrategy[dict[str, Json]]:
    """Queries of all shapes, most of which some event fits."""
    leaf = st.one_of(_texts(events), _idents(events), _conditions(events))
    return st.recursive(
        leaf,
        lambda parts: st.one_of(
            st.builds(lambda some: {"all": some}, st.lists(parts, max_size=3)),
            st.builds(lambda some: {"any": some}, st.lists(parts, min_size=1, max_size=3)),
            st.builds(lambda one: {"not": one}, parts),
        ),
        max_leaves=5,
    ).map(lambda query: {"all": [INDEXED, query]} if _has_open(query) else query)


def _texts(events: Sequence[Event]) -> st.SearchStrategy[dict[str, Json]]:
    known = sorted({word for event in events for word in event.words})
    some = st.lists(st.sampled_from([*known, "ORDER", "Shipment", "ﬁne", "nowhere"]), min_size=1)
    return some.map(lambda words: {"text": " ".join(words[:3])})


def _idents(events: Sequence[Event]) -> st.SearchStrategy[dict[str, Json]]:
    known = sorted({one for event in events for one in event.idents})
    personal = sorted({one for event in events for one in event.personal})
    part = st.builds(
        lambda one, start, length: one[start : start + length],
        st.sampled_from(known),
        st.integers(0, 6),
        st.integers(5, 20),
    )
    return st.one_of(
        part.filter(lambda text: len(text.strip()) >= 5).map(lambda text: {"ident": text}),
        st.sampled_from(known).map(lambda text: {"ident": text.upper(), "exact": True}),
        st.sampled_from([*personal, "0049-170-0000003"]).map(lambda text: {"ident": text}),
    )


def _conditions(events: Sequence[Event]) -> st.SearchStrategy[dict[str, Json]]:
    names = st.sampled_from([*FIELDS, *OPEN, *(LISTED * 3)])
    pools = {name: _pool(name, events) for name in (*FIELDS, *OPEN)}

    def condition(name: str) -> st.SearchStrategy[dict[str, Json]]:
        kind = field_named(name).kind
        value = st.sampled_from(pools[name])

        def with_op(op: str) -> st.SearchStrategy[dict[str, Json]]:
            given = value
            if op == "exists" or kind == "boolean":
                given = st.booleans()
            elif op == "in":
                given = st.lists(value, min_size=1, max_size=4)
            elif op == "prefix":
                given = st.builds(lambda one, n: str(one)[:n], value, st.integers(0, 8))
            elif op not in ("eq", "in"):
                given = value.filter(lambda one: not isinstance(one, bool))
            return given.map(lambda one: {"field": name, op: one})

        return st.sampled_from(OPS[kind]).flatmap(with_op)

    return names.flatmap(condition)


def _pool(name: str, events: Iterable[Event]) -> list[Json]:
    """Values of a field as a query gives them, and one that no event has."""
    field = field_named(name)
    found = {repr(value): value for event in events for value in event.values(name)}
    if field.kind == "integer":
        return [*(one for one in found.values() if type(one) is int), -7]
    if field.kind == "time":
        times = [format_us(one) if isinstance(one, int) else one for one in found.values()]
        return [*times[:200], "2025-01-20T00:00:00+01:00"]
    if field.kind == "text":
        return [*(one for one in found.values() if isinstance(one, str)), "nowhere"]
    return [*found.values(), "nowhere", 1, 0.5, True]


def _has_open(query: dict[str, Json]) -> bool:
    parts = [
        *query.get("all", []),
        *query.get("any", []),
        *([query["not"]] if "not" in query else []),
    ]
    return query.get("field") in OPEN or any(map(_has_open, parts))


def _names_history(query: dict[str, Json]) -> bool:
    if query.get("field") == "type":
        given = [value for op, value in query.items() if op not in ("field", "exists")]
        values = given[0] if given and isinstance(given[0], list) else given
        return any(value.startswith("history.") for value in values)
    return any(map(_names_history, [*query.get("all", []), *query.get("any", [])]))


def _sorted(events: list[Event], order: Order, query: Json = None) -> list[Event]:
    def key(event: Event) -> tuple[Json, ...]:
        if order.by == "relevance":
            return (_score(query, event), event.occurred_us, event.sequence)
        if order.by == "sequence":
            return (event.sequence,)
        if order.by == "amount":
            amount = event.fact.payload.get("amount_minor")
            return (-1 if amount is None else amount, event.sequence)
        return (event.occurred_us, event.sequence)

    found = sorted(events, key=key, reverse=order.descending)
    if order.by == "amount":  # those without one come last, whichever the direction
        return sorted(found, key=lambda event: "amount_minor" not in event.fact.payload)
    return found


def _score(query: dict[str, Json], event: Event) -> int:
    """How many of the words and identifiers that are asked for the event has."""
    if "text" in query:
        words = dict.fromkeys(re.findall(r"[^\W_]+", query["text"]))
        return sum(is_meant({"text": word}, event) for word in words)
    if "ident" in query:
        return int(is_meant(query, event))
    return sum(_score(part, event) for part in [*query.get("all", []), *query.get("any", [])])


def _orders(meant: list[Event]) -> list[str]:
    newest = _sorted(meant, Order())
    return list(dict.fromkeys(event.fact.order_id for event in newest if event.fact.order_id))
