from __future__ import annotations

from typing import Any as Json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.search.fields import FIELDS, Field, field_named
from domain.search.matching import Event, body_matcher, matcher, matches
from domain.search.query import All, Any, Ident, Match, Node, Not, Op, Scalar, Words
from domain.search.reading import OPS, read_query
from domain.search.terms import pair_value, terms_of, values_at
from domain.times import parse_us

FAILED = Event(
    type="order.payment.failed",
    source="stripe-eu",
    order_id="ord_123",
    actor_id="svc_payments",
    sequence=77,
    occurred_us=parse_us("2025-08-29T12:34:56.5Z"),
    payload={
        "payment_id": "PAY_00009e37",
        "gateway": "stripe",
        "failure_code": "card_declined",
        "amount_minor": 5194,
        "currency": "GBP",
        "note": {"_sd": "x" * 43},
        "risk": {"score": 0.75, "flags": ["velocity", "Größe", None, ["deep"]], "final": False},
        "seen_at": "2025-08-29T14:34:56.5+02:00",
        "empty": [],
        "nothing": None,
    },
    metadata={"correlation_id": "corr-1", "retries": 2},
    order={
        "order.status": "paid",
        "order.sku": ["SKU-1", "SKU-2"],
        "order.total_minor": 5194,
        "order.on_hold": False,
        "order.created_at": parse_us("2025-08-01T00:00:00Z"),
        "order.channel": None,
    },
    personal={("email", "", "ann@example.org"), ("phone", "", "15550191")},
)
CREATED = Event(
    type="order.created",
    source="magento",
    order_id="ord_9",
    actor_id=None,
    sequence=3,
    occurred_us=0,
    payload={
        "items": [
            {"sku": "SKU-03828", "name": "Große Poster 3828", "qty": 1},
            {"sku": "SKU-00674", "name": "Mini Notebook", "qty": 30},
        ],
        "promised_delivery_at": "2025-01-05T01:00:00+01:00",
        "void": True,
        "risk_score": 1,
        "customer": {"id": "Cust_150691"},
    },
)


@pytest.mark.parametrize(
    ("event", "query"),
    [
        (FAILED, {"all": []}),
        (FAILED, {"text": "Stripe DECLINED"}),
        (FAILED, {"text": "payment grösse velocity deep"}),
        (FAILED, {"not": {"text": "stripe shop"}}),
        (FAILED, {"not": {"text": "declin"}}),
        (FAILED, {"not": {"text": "ord_123"}}),
        (FAILED, {"ident": "ORD_123"}),
        (FAILED, {"ident": "00009E"}),
        (FAILED, {"ident": "pay_00009e37", "exact": True}),
        (FAILED, {"not": {"ident": "pay_0000", "exact": True}}),
        (FAILED, {"ident": "Ann@Example.org"}),
        (FAILED, {"ident": "Ann@Example.org", "exact": True}),
        (FAILED, {"not": {"ident": "nn@example.org"}}),
        (FAILED, {"ident": "001 555 0191"}),
        (FAILED, {"not": {"ident": "555 0191"}}),
        (FAILED, {"field": "type", "eq": "order.payment.failed"}),
        (FAILED, {"not": {"field": "type", "eq": "Order.Payment.Failed"}}),
        (FAILED, {"field": "type", "prefix": "order.payment."}),
        (FAILED, {"field": "source", "in": ["shop", "stripe-eu"]}),
        (FAILED, {"not": {"field": "source", "in": ["shop", "stripe"]}}),
        (FAILED, {"field": "sequence", "gt": 76, "lt": 78}),
        (FAILED, {"field": "sequence", "gte": 77, "lte": 77}),
        (FAILED, {"not": {"field": "sequence", "gt": 77}}),
        (FAILED, {"not": {"field": "sequence", "lt": 77}}),
        (FAILED, {"field": "occurred_at", "eq": "2025-08-29T14:34:56.500+02:00"}),
        (FAILED, {"field": "occurred_at", "gte": "2025-08-29T00:00:00Z"}),
        (FAILED, {"field": "actor_id", "exists": True}),
        (CREATED, {"field": "actor_id", "exists": False}),
        (CREATED, {"not": {"field": "actor_id", "prefix": ""}}),
        (FAILED, {"field": "order.status", "eq": "paid"}),
        (FAILED, {"field": "order.sku", "eq": "SKU-2"}),
        (FAILED, {"not": {"field": "order.sku", "eq": "SKU-3"}}),
        (FAILED, {"field": "order.total_minor", "in": [1, 5194]}),
        (FAILED, {"field": "order.on_hold", "eq": False}),
        (FAILED, {"field": "order.created_at", "lt": "2025-08-02T00:00:00Z"}),
        (FAILED, {"field": "order.channel", "exists": False}),
        (CREATED, {"field": "order.status", "exists": False}),
        (CREATED, {"not": {"field": "order.status", "prefix": ""}}),
        (FAILED, {"field": "payload.amount_minor", "gte": 5194, "lt": 5195}),
        (FAILED, {"field": "payload.currency", "eq": "GBP"}),
        (FAILED, {"not": {"field": "payload.currency", "eq": "gbp"}}),
        (FAILED, {"field": "payload.currency", "gt": "GBO", "lt": "GBPA"}),
        (CREATED, {"field": "payload.items.sku", "eq": "SKU-00674"}),
        (CREATED, {"field": "payload.items.qty", "gt": 20}),
        (CREATED, {"field": "payload.items.qty", "gt": 1, "lt": 30}),  # by different items
        (CREATED, {"not": {"field": "payload.items.qty", "eq": 2}}),
        (CREATED, {"field": "payload.promised_delivery_at", "eq": "2025-01-05T00:00:00Z"}),
        (CREATED, {"field": "payload.promised_delivery_at", "in": ["2025-01-05T00:00:00.0Z"]}),
        (CREATED, {"field": "payload.promised_delivery_at", "exists": True}),
        (CREATED, {"field": "payload.void", "eq": True}),
        (CREATED, {"not": {"field": "payload.void", "eq": False}}),
        (CREATED, {"field": "payload.risk_score", "eq": 1.0}),
        (CREATED, {"field": "payload.risk_score", "in": [True, 1]}),
        (CREATED, {"not": {"field": "payload.risk_score", "eq": True}}),
        (CREATED, {"not": {"field": "payload.risk_score", "in": [True, "1"]}}),
        (CREATED, {"field": "payload.customer.id", "prefix": "Cust_"}),
        (FAILED, {"field": "metadata.correlation_id", "eq": "corr-1"}),
        (CREATED, {"field": "metadata.correlation_id", "exists": False}),
    ],
)
def test_it_matches(event: Event, query: Json) -> None:
    assert matches(read_query(query, "", personal=True), event)


def one(field: str, op: Op, value: Scalar | tuple[Scalar, ...]) -> Match:
    return Match(field_named(field), op, value)


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (one("payload.risk.score", "gt", 0.5), True),
        (one("payload.risk.score", "gt", "0.5"), False),
        (one("payload.risk.score", "lt", 1), True),
        (one("payload.risk.flags", "eq", "velocity"), True),
        (one("payload.risk.flags", "eq", "deep"), True),
        (one("payload.risk.flags", "eq", "Größe"), True),
        (one("payload.risk.flags", "eq", "grösse"), False),
        (one("payload.risk.flags", "prefix", "velo"), True),
        (one("payload.risk.flags.x", "exists", True), False),
        (one("payload.risk.final", "eq", False), True),
        (one("payload.risk.final", "eq", 0), False),
        (one("payload.risk.final", "in", (0, "")), False),
        (one("payload.risk.final", "lt", 5), False),
        (one("payload.amount_minor", "eq", True), False),
        (one("payload.seen_at", "eq", "2025-08-29T14:34:56.5+02:00"), True),  # no field of times
        (one("payload.gateway.x", "exists", True), False),
        (one("payload.risk", "exists", True), False),  # an object is no value
        (one("payload.note", "exists", True), False),  # nor is what is personal
        (one("payload.nothing", "exists", True), False),
        (one("payload.nothing", "exists", False), True),
        (one("payload.nothing", "eq", "None"), False),
        (one("payload.empty", "exists", True), False),
        (one("metadata.retries", "eq", 2), True),
        (one("metadata.retries", "eq", "2"), False),
    ],
)
def test_a_path_that_is_not_indexed(node: Match, expected: bool) -> None:
    assert matches(node, FAILED) is expected
    body = {"payload": FAILED.payload, "metadata": FAILED.metadata}
    assert body_matcher(node)(body) is expected


@pytest.mark.parametrize("sent", ["soon", "", 1736035200000000, True, ["2025-01-05"], {}, None])
def test_what_is_no_time_fits_nothing(sent: Json) -> None:
    event = replace(CREATED, payload={"promised_delivery_at": sent})
    field = FIELDS["payload.promised_delivery_at"]
    for op in ("eq", "gt", "lte"):
        assert not matches(Match(field, op, 1736035200000000), event)
    terms = terms_of("", "", None, event.payload, None)
    assert ("pair", field.name, "1736035200000000") not in terms


TRUE, FALSE = All(()), Not(All(()))


@pytest.mark.parametrize("first", [TRUE, FALSE])
@pytest.mark.parametrize("second", [TRUE, FALSE])
def test_parts_are_put_together(first: Node, second: Node) -> None:
    left, right = first is TRUE, second is TRUE
    assert matches(All((first, second)), FAILED) is (left and right)
    assert matches(Any((first, second)), FAILED) is (left or right)
    assert matches(Any((first,)), FAILED) is left
    assert matches(Not(first), FAILED) is not left


def test_terms_are_made_once_and_only_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def counted(*event: Json) -> set[Json]:
        made.append(event)
        return {("word", "", "a"), ("word", "", "b"), ("ident", "", "abc")}

    monkeypatch.setattr("domain.search.matching.terms_of", counted)
    event = replace(FAILED, order_id="ord_1")
    assert matches(one("type", "prefix", "order."), event)
    assert made == []
    assert matches(All((Words(("a",)), Words(("b", "a")), Ident("bc"))), event)
    assert made == [(event.type, event.source, "ord_1", event.payload, event.metadata)]


# The index must agree with what is said here: the terms of an event decide `eq`, `in` and `exists`.

_TEXTS = ["x", "y", "1", "true", "2025-01-01T00:00:00Z", "2025-01-01T01:00:00.0+01:00"]
_SCALARS = st.sampled_from([None, True, False, 0, 1, 2, 0.5, -7, *_TEXTS])
_PLACED = [
    FIELDS[name]
    for name in (
        "payload.gateway",
        "payload.items.sku",
        "payload.before.qty",
        "payload.amount_minor",
        "payload.risk_score",
        "payload.void",
        "payload.promised_delivery_at",
        "metadata.correlation_id",
    )
]


_LEAVES = (
    _SCALARS
    | st.lists(_SCALARS, max_size=3)
    | st.lists(st.lists(_SCALARS, max_size=2), max_size=2)
    | st.dictionaries(st.just("x"), _SCALARS)
)


def placed(field: Field, first: Json, second: Json) -> dict[str, Json]:
    """A payload or metadata with a value at the path of a field, and another beside it, in a list
    on the way there if there is room for one."""
    body: Json = {field.path[-1]: first}
    for name in reversed(field.path[:-1]):
        body = {name: [body, {field.path[-1]: second}, second]}
    assert isinstance(body, dict)
    return body


def asked_of(field: Field) -> st.SearchStrategy[Scalar]:
    values: dict[str, list[Scalar]] = {
        "text": [*_TEXTS],
        "integer": [0, 1, 2, -7],
        "boolean": [True, False],
        "time": [parse_us("2025-01-01T00:00:00Z"), 1],
        "any": [True, False, 0, 1, 0.5, *_TEXTS],
    }
    return st.sampled_from(values[field.kind])


@given(st.data())
def test_the_terms_of_an_event_say_the_same(data: st.DataObject) -> None:
    field = data.draw(st.sampled_from(_PLACED))
    body = placed(field, data.draw(_LEAVES), data.draw(_LEAVES))
    event = replace(CREATED, **{"payload": {}, "metadata": {}, field.scope: body})
    terms = terms_of(event.type, event.source, None, event.payload, event.metadata)
    wanted = data.draw(st.lists(asked_of(field), min_size=1, max_size=3))
    pairs = {("pair", field.name, pair_value(field, value)) for value in wanted}
    found = not pairs.isdisjoint(terms)
    assert matches(Match(field, "in", tuple(wanted)), event) is found
    single = {("pair", field.name, pair_value(field, wanted[0]))}
    assert matches(Match(field, "eq", wanted[0]), event) is (single <= terms)
    exists = ("exists", field.name, "") in terms
    assert matches(Match(field, "exists", True), event) is exists
    assert matches(Match(field, "exists", False), event) is not exists


# And a second account of ranges and prefixes, plain and slow.


def holds(field: Field, op: Op, value: Json, wanted: Json) -> bool:
    if field.kind == "time":
        try:
            value = parse_us(value)
        except (ValueError, TypeError):
            return False
    if isinstance(value, str) != isinstance(wanted, str) or isinstance(value, bool):
        return False
    if op == "prefix":
        return bool(value[: len(wanted)] == wanted)
    below, above = bool(value < wanted), bool(value > wanted)
    return {"gt": above, "lt": below, "gte": not below, "lte": not above}[op]


@given(st.data())
def test_ranges_and_prefixes(data: st.DataObject) -> None:
    field = data.draw(st.sampled_from([one for one in _PLACED if one.kind != "boolean"]))
    body = placed(field, data.draw(_LEAVES), data.draw(_LEAVES))
    op = data.draw(st.sampled_from([op for op in OPS[field.kind] if op[:2] in {"gt", "lt", "pr"}]))
    wanted = data.draw(asked_of(field).filter(lambda value: not isinstance(value, bool)))
    if op == "prefix":
        wanted = data.draw(st.sampled_from(["", "x", "2025-01"]))
    event = replace(CREATED, **{field.scope: body})
    values = list(values_at(body, field.path))
    expected = any(holds(field, op, value, wanted) for value in values)
    assert matcher(Match(field, op, wanted))(event) is expected
