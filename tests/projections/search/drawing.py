"""Random queries about what has been recorded.

`queries` draws conditions that have nothing to do with each other, of all in docs/search.md.
`about` draws most of what it asks from what one event says, so that most of its queries are true of
some events and not of others, however many there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from hypothesis import strategies as st

from domain.search.fields import FIELDS, field_named
from domain.search.reading import OPS
from domain.times import format_us
from tests.projections.search.reference import Event

Json = Any
Query = dict[str, Json]
OPEN = ("payload.zone", "payload.tags", "payload.gift.wrap", "payload.nowhere.at.all")
INDEXED = {"field": "type", "exists": True}
"""True of every event, and lets a path that is not indexed stand beside it."""
_OWN = ("type", "source", "order_id", "actor_id")
_LISTED_ORDER = (
    *("order.status", "order.channel", "order.currency", "order.customer_id", "order.sku"),
    *("order.on_hold", "order.total_minor", "order.created_at", "order.last_event_at"),
)
_DAY_US = 86_400_000_000


def queries(events: Sequence[Event]) -> st.SearchStrategy[Query]:
    """Queries of all shapes, most of which some event fits; for events that are few."""
    leaf = st.one_of(_texts(events), _idents(events), _conditions(events))
    return _put_together(leaf).map(
        lambda query: {"all": [INDEXED, query]} if _has_open(query) else query
    )


def _put_together(leaf: st.SearchStrategy[Query]) -> st.SearchStrategy[Query]:
    return st.recursive(
        leaf,
        lambda parts: st.one_of(
            st.builds(lambda some: {"all": some}, st.lists(parts, max_size=3)),
            st.builds(lambda some: {"any": some}, st.lists(parts, min_size=1, max_size=3)),
            st.builds(lambda one: {"not": one}, parts),
        ),
        max_leaves=5,
    )


@st.composite
def about(draw: Callable[..., Any], events: Sequence[Event]) -> Query:
    """A query whose parts are true of one event, but for what is asked of another."""
    event, other = draw(st.sampled_from(events)), draw(st.sampled_from(events))
    shape = draw(st.integers(0, 9))
    if shape < 2:
        return dict(draw(_event_list(event)))
    if shape < 4:
        return dict(draw(_order_list(event)))
    true = _true_of(event)
    query = draw(_put_together(st.one_of(true, true, true, _true_of(other))))
    if _has_open(query):  # something that an index serves has to stand beside it
        return {"all": [{"field": "type", "eq": event.type}, query]}
    return dict(query)


def _event_list(event: Event) -> st.SearchStrategy[Query]:
    """What GET /events can be asked for as well, and counts by hour or day."""
    day = event.occurred_us // _DAY_US * _DAY_US
    window = st.builds(
        lambda before, days: {
            "field": "occurred_at",
            "gte": format_us(day - before * _DAY_US),
            "lt": format_us(day + days * _DAY_US),
        },
        st.integers(0, 60),
        st.integers(1, 60),
    )
    same = [{"field": name, "eq": event.one(name)} for name in _OWN if event.one(name)]
    family = {"field": "type", "prefix": event.type[: event.type.rindex(".") + 1]}
    return _some_of([st.just(one) for one in (*same[1:], family)] + [window, st.just(same[0])])


def _order_list(event: Event) -> st.SearchStrategy[Query]:
    """What GET /orders can be asked for as well."""
    asked = [_in_list(name, event.values(name)) for name in _LISTED_ORDER if event.values(name)]
    return _some_of([*asked, st.just({"field": "actor_id", "eq": event.actor_id})])


def _in_list(name: str, values: Sequence[Json]) -> st.SearchStrategy[Query]:
    if name == "order.total_minor":
        low = values[0] - values[0] // 4
        return st.just({"field": name, "gte": low, "lte": values[0] + values[0] // 4})
    if name.endswith("_at"):
        return st.builds(
            lambda days: {
                "field": name,
                "gte": format_us(values[0] - days * _DAY_US),
                "lt": format_us(values[0] + days * _DAY_US),
            },
            st.integers(1, 40),
        )
    return st.sampled_from(values).map(lambda value: {"field": name, "eq": value})


def _some_of(choices: list[st.SearchStrategy[Query]]) -> st.SearchStrategy[Query]:
    """One to three of them, each once."""
    places = st.lists(st.sampled_from(range(len(choices))), min_size=1, max_size=3, unique=True)
    some = places.flatmap(lambda chosen: st.tuples(*(choices[place] for place in chosen)))
    return some.map(lambda parts: {"all": list(parts)} if len(parts) > 1 else parts[0])


def _true_of(event: Event) -> st.SearchStrategy[Query]:
    words = st.lists(st.sampled_from(sorted(event.words)), min_size=1, max_size=3)
    idents = st.sampled_from(sorted(event.idents))
    part = st.builds(lambda one, start: one[start:], idents, st.integers(0, 6))
    leaves = [
        words.map(lambda some: {"text": " ".join(some).upper()}),
        part.filter(lambda text: len(text.strip()) >= 5).map(lambda text: {"ident": text}),
        idents.map(lambda text: {"ident": text, "exact": True}),
    ]
    addresses = sorted(event.emails | event.phones)
    if addresses:
        leaves.append(st.sampled_from(addresses).map(lambda text: {"ident": text}))
    said = [name for name in (*FIELDS, *event.said) if event.values(name)]
    condition = st.sampled_from(said).flatmap(lambda name: _true_condition(name, event))
    return st.one_of(*leaves, condition, condition, condition, condition)


def _true_condition(name: str, event: Event) -> st.SearchStrategy[Query]:
    """A condition on a field that the event has."""
    kind = field_named(name).kind
    is_time = kind == "time"

    def with_op(op: str) -> st.SearchStrategy[Query]:
        value = st.sampled_from(
            [
                format_us(one) if is_time and isinstance(one, int) else one
                for one in event.values(name)
            ]
        )
        if op == "exists":
            return st.just({"field": name, op: True})
        if op == "in":
            return st.lists(value, min_size=1, max_size=2).map(
                lambda some: {"field": name, op: some}
            )
        if op == "prefix":
            return st.builds(
                lambda one, n: {"field": name, op: str(one)[:n]}, value, st.integers(1, 9)
            )
        return value.map(lambda one: {"field": name, op: one})

    ops = [op for op in OPS[kind] if op not in ("gt", "lt")]  # those that are true of it
    if any(isinstance(one, bool) for one in event.values(name)):
        ops = ["eq", "exists"]
    return st.sampled_from(ops).flatmap(with_op)


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
    names = st.sampled_from([*FIELDS, *OPEN, *(_OWN * 3)])
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
    is_open = "field" in query and not field_named(query["field"]).indexed
    return is_open or any(map(_has_open, parts))
