"""What a condition on a payload or on metadata means, said of one event after the other."""

from __future__ import annotations

from typing import Any as Json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.search.fields import FIELDS, Field, field_named
from domain.search.matching import body_matcher
from domain.search.query import Match, Op, Scalar
from domain.search.reading import OPS
from domain.search.terms import pair_value, said_by, values_at
from domain.times import parse_us

FAILED: Json = {
    "payload": {
        "gateway": "stripe",
        "amount_minor": 5194,
        "currency": "GBP",
        "note": {"_sd": "x" * 43},
        "risk": {"score": 0.75, "flags": ["velocity", "Größe", None, ["deep"]], "final": False},
        "seen_at": "2025-08-29T14:34:56.5+02:00",
        "empty": [],
        "nothing": None,
    },
    "metadata": {"correlation_id": "corr-1", "retries": 2},
}
CREATED: Json = {
    "payload": {
        "items": [
            {"sku": "SKU-03828", "qty": 1},
            {"sku": "SKU-00674", "qty": 30},
        ],
        "promised_delivery_at": "2025-01-05T01:00:00+01:00",
        "void": True,
        "risk_score": 1,
        "customer": {"id": "Cust_150691"},
    },
    "metadata": None,
}
MOMENT = parse_us("2025-01-05T00:00:00Z")


def one(field: str, op: Op, value: Scalar | tuple[Scalar, ...]) -> Match:
    return Match(field_named(field), op, value)


@pytest.mark.parametrize(
    ("body", "node", "expected"),
    [
        (FAILED, one("payload.amount_minor", "eq", 5194), True),
        (FAILED, one("payload.amount_minor", "in", (1, 5194)), True),
        (FAILED, one("payload.amount_minor", "in", (1, 2)), False),
        (FAILED, one("payload.amount_minor", "gt", 5193), True),
        (FAILED, one("payload.amount_minor", "gt", 5194), False),
        (FAILED, one("payload.amount_minor", "gte", 5194), True),
        (FAILED, one("payload.amount_minor", "gte", 5195), False),
        (FAILED, one("payload.amount_minor", "lt", 5195), True),
        (FAILED, one("payload.amount_minor", "lt", 5194), False),
        (FAILED, one("payload.amount_minor", "lte", 5194), True),
        (FAILED, one("payload.amount_minor", "lte", 5193), False),
        (FAILED, one("payload.currency", "eq", "GBP"), True),
        (FAILED, one("payload.currency", "eq", "gbp"), False),
        (FAILED, one("payload.currency", "in", ("EUR", "GBP")), True),
        (FAILED, one("payload.currency", "in", ("EUR", "GB")), False),
        (FAILED, one("payload.currency", "gt", "GBO"), True),
        (FAILED, one("payload.currency", "lt", "GBPA"), True),
        (FAILED, one("payload.currency", "lt", "GBP"), False),
        (FAILED, one("payload.currency", "prefix", "GB"), True),
        (FAILED, one("payload.currency", "prefix", "gb"), False),
        (FAILED, one("payload.currency", "prefix", "BP"), False),
        (FAILED, one("payload.currency", "exists", True), True),
        (FAILED, one("payload.currency", "exists", False), False),
        (FAILED, one("payload.carrier", "exists", True), False),
        (FAILED, one("payload.carrier", "exists", False), True),
        (FAILED, one("payload.carrier", "prefix", ""), False),
        (CREATED, one("payload.items.sku", "eq", "SKU-00674"), True),
        (CREATED, one("payload.items.sku", "eq", "SKU-3"), False),
        (CREATED, one("payload.items.qty", "gt", 20), True),
        (CREATED, one("payload.items.qty", "lt", 30), True),
        (CREATED, one("payload.items.qty", "eq", 2), False),
        (CREATED, one("payload.promised_delivery_at", "eq", MOMENT), True),
        (CREATED, one("payload.promised_delivery_at", "in", (1, MOMENT)), True),
        (CREATED, one("payload.promised_delivery_at", "in", (1, MOMENT + 1)), False),
        (CREATED, one("payload.promised_delivery_at", "gt", MOMENT), False),
        (CREATED, one("payload.promised_delivery_at", "gte", MOMENT), True),
        (CREATED, one("payload.promised_delivery_at", "lt", MOMENT + 1), True),
        (CREATED, one("payload.promised_delivery_at", "exists", True), True),
        (CREATED, one("payload.void", "eq", True), True),
        (CREATED, one("payload.void", "eq", False), False),
        (CREATED, one("payload.risk_score", "eq", 1.0), True),
        (CREATED, one("payload.risk_score", "in", (True, 1)), True),
        (CREATED, one("payload.risk_score", "eq", True), False),
        (CREATED, one("payload.risk_score", "in", (True, "1")), False),
        (CREATED, one("payload.customer.id", "prefix", "Cust_"), True),
        (FAILED, one("metadata.correlation_id", "eq", "corr-1"), True),
        (CREATED, one("metadata.correlation_id", "eq", "corr-1"), False),
        (CREATED, one("metadata.correlation_id", "prefix", ""), False),
        (CREATED, one("metadata.correlation_id", "exists", True), False),
        (CREATED, one("metadata.correlation_id", "exists", False), True),
        # Paths that are not indexed.
        (FAILED, one("payload.risk.score", "gt", 0.5), True),
        (FAILED, one("payload.risk.score", "gt", "0.5"), False),
        (FAILED, one("payload.risk.score", "lt", 1), True),
        (FAILED, one("payload.risk.score", "prefix", "0."), False),
        (FAILED, one("payload.risk.flags", "eq", "velocity"), True),
        (FAILED, one("payload.risk.flags", "eq", "deep"), True),
        (FAILED, one("payload.risk.flags", "eq", "Größe"), True),
        (FAILED, one("payload.risk.flags", "eq", "grösse"), False),
        (FAILED, one("payload.risk.flags", "prefix", "velo"), True),
        (FAILED, one("payload.risk.flags.x", "exists", True), False),
        (FAILED, one("payload.risk.final", "eq", False), True),
        (FAILED, one("payload.risk.final", "eq", 0), False),
        (FAILED, one("payload.risk.final", "in", (0, "")), False),
        (FAILED, one("payload.risk.final", "lt", 5), False),
        (FAILED, one("payload.amount_minor", "eq", True), False),
        # No field of times: a text.
        (FAILED, one("payload.seen_at", "eq", "2025-08-29T14:34:56.5+02:00"), True),
        (FAILED, one("payload.seen_at", "eq", "2025-08-29T12:34:56.5Z"), False),
        (FAILED, one("payload.gateway.x", "exists", True), False),
        (FAILED, one("payload.risk", "exists", True), False),  # an object is no value
        (FAILED, one("payload.note", "exists", True), False),  # nor is what is personal
        (FAILED, one("payload.nothing", "exists", True), False),
        (FAILED, one("payload.nothing", "exists", False), True),
        (FAILED, one("payload.nothing", "eq", "None"), False),
        (FAILED, one("payload.empty", "exists", True), False),
        (FAILED, one("metadata.retries", "eq", 2), True),
        (FAILED, one("metadata.retries", "eq", "2"), False),
    ],
)
def test_a_condition_holds(body: Json, node: Match, expected: bool) -> None:
    assert body_matcher(node)(body) is expected


@pytest.mark.parametrize("sent", ["soon", "", MOMENT, True, ["2025-01-05"], {}, None])
def test_what_is_no_time_fits_nothing(sent: Json) -> None:
    payload = {"promised_delivery_at": sent}
    field = FIELDS["payload.promised_delivery_at"]
    wanted: tuple[tuple[Op, Scalar | tuple[Scalar, ...]], ...] = (
        ("eq", MOMENT),
        ("in", (MOMENT, 1)),
        ("gt", MOMENT - 1),
        ("lte", MOMENT),
    )
    for op, value in wanted:
        assert not body_matcher(Match(field, op, value))({"payload": payload, "metadata": None})
    terms = said_by("", "", None, payload, None).terms()
    assert ("pair", field.name, str(MOMENT)) not in terms


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
    sent = placed(field, data.draw(_LEAVES), data.draw(_LEAVES))
    body: Json = {"payload": {}, "metadata": {}, field.scope: sent}
    terms = set(said_by("order.created", "shop", None, body["payload"], body["metadata"]).terms())
    wanted = data.draw(st.lists(asked_of(field), min_size=1, max_size=3))
    pairs = {("pair", field.name, pair_value(field, value)) for value in wanted}
    found = not pairs.isdisjoint(terms)
    assert body_matcher(Match(field, "in", tuple(wanted)))(body) is found
    single = {("pair", field.name, pair_value(field, wanted[0]))}
    assert body_matcher(Match(field, "eq", wanted[0]))(body) is (single <= terms)
    exists = ("exists", field.name, "") in terms
    assert body_matcher(Match(field, "exists", True))(body) is exists
    assert body_matcher(Match(field, "exists", False))(body) is not exists


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
    sent = placed(field, data.draw(_LEAVES), data.draw(_LEAVES))
    op = data.draw(st.sampled_from([op for op in OPS[field.kind] if op[:2] in {"gt", "lt", "pr"}]))
    wanted = data.draw(asked_of(field).filter(lambda value: not isinstance(value, bool)))
    if op == "prefix":
        wanted = data.draw(st.sampled_from(["", "x", "2025-01"]))
    expected = any(holds(field, op, value, wanted) for value in values_at(sent, field.path))
    assert body_matcher(Match(field, op, wanted))({field.scope: sent}) is expected
