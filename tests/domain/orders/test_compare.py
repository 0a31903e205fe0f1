from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from domain.ledger.sealing import event_bytes
from domain.orders.compare import MAX_POINTERS, differing_pointers
from domain.orders.events import EventBody, Incoming, decode_body
from domain.privacy.sealing import open_disclosures, seal
from domain.times import parse_time

PAYLOAD = {"total_minor": 1999, "customer": {"id": "c1", "email": "a@b.example"}, "items": [1, 2]}
METADATA = {"actor_id": "u1", "ip": "192.0.2.1"}


def incoming(**changes: Any) -> Incoming:
    fields: dict[str, Any] = {
        "event_id": "evt_1",
        "order_id": "ord_1",
        "occurred_at": "2025-08-29T12:34:56Z",
        "source": "shop",
        "type": "order.created",
        "schema_version": "v1",
        "payload": PAYLOAD,
        "metadata": METADATA,
    } | changes
    occurred_at, occurred_us = parse_time(fields.pop("occurred_at"))
    return Incoming(**fields, occurred_at=occurred_at, occurred_us=occurred_us)


def stored(event: Incoming) -> tuple[EventBody, dict[str, Any]]:
    draft = seal(event, "acme", random_bytes=os.urandom)
    body = decode_body(event_bytes(draft, 1, b"2025-08-29T12:34:58.000001Z"))
    disclosed: dict[str, Any] = {}
    for one in draft.disclosed:
        disclosed |= open_disclosures(one.text)
    return body, disclosed


def differing(sent: Incoming, recorded: Incoming) -> list[str]:
    body, disclosed = stored(recorded)
    return differing_pointers(sent, body, disclosed, erased=False)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"payload": dict(reversed(PAYLOAD.items()))},
        {"payload": PAYLOAD | {"total_minor": 1999.0}},
        {"occurred_at": "2025-08-29T14:34:56.000+02:00"},
        {"redactions": ("/payload/x",)},
    ],
)
def test_the_same_said_otherwise(change: dict[str, Any]) -> None:
    assert differing(incoming(**change), incoming()) == []


@pytest.mark.parametrize(
    ("change", "pointers"),
    [
        ({"order_id": "ord_2"}, ["/order_id"]),
        ({"source": "x", "type": "a.b"}, ["/source", "/type"]),
        ({"schema_version": "v2"}, ["/schema_version"]),
        ({"correction_of": "evt_0"}, ["/correction_of"]),
        ({"occurred_at": "2025-08-29T12:34:56.000001Z"}, ["/occurred_at"]),
        ({"payload": PAYLOAD | {"total_minor": 2000}}, ["/payload/total_minor"]),
        ({"payload": PAYLOAD | {"total_minor": None}}, ["/payload/total_minor"]),
        ({"payload": PAYLOAD | {"a/b": 1}}, ["/payload/a~1b"]),
        ({"payload": {"total_minor": 1999}}, ["/payload/customer", "/payload/items"]),
        ({"payload": PAYLOAD | {"items": [1, 3]}}, ["/payload/items/1"]),
        ({"payload": PAYLOAD | {"items": [1, 2, 3]}}, ["/payload/items"]),
        ({"payload": PAYLOAD | {"items": {"0": 1}}}, ["/payload/items"]),
        ({"payload": PAYLOAD | {"items": [True, 2]}}, ["/payload/items/0"]),
        (
            {"payload": PAYLOAD | {"customer": {"id": "c1", "email": "z@b.example"}}},
            ["/payload/customer/email"],
        ),
        ({"payload": PAYLOAD | {"customer": {"id": "c1"}}}, ["/payload/customer/email"]),
        ({"metadata": METADATA | {"ip": "192.0.2.2"}}, ["/metadata/ip"]),
        ({"metadata": None}, ["/metadata"]),
        ({"metadata": {}}, ["/metadata/actor_id", "/metadata/ip"]),
    ],
)
def test_names_what_differs(change: dict[str, Any], pointers: list[str]) -> None:
    assert differing(incoming(**change), incoming()) == pointers


def test_metadata_that_was_not_there() -> None:
    assert differing(incoming(), incoming(metadata=None)) == ["/metadata"]


def test_false_is_not_zero() -> None:
    assert differing(incoming(payload={"a": 0}), incoming(payload={"a": False})) == ["/payload/a"]


def test_names_at_most_twenty() -> None:
    many = {f"f{n}": n for n in range(100)}
    assert len(differing(incoming(payload=many), incoming(payload={}))) == MAX_POINTERS


def test_what_was_erased_is_not_compared() -> None:
    body, _ = stored(incoming())
    changed = PAYLOAD | {"customer": {"id": "c1", "email": "other@b.example"}}
    assert differing_pointers(incoming(payload=changed, metadata=METADATA), body, {}, True) == []
    without = PAYLOAD | {"customer": {"id": "c1"}}
    assert differing_pointers(incoming(payload=without), body, {}, True) == []
    other = changed | {"total_minor": 1}
    found = differing_pointers(incoming(payload=other), body, {}, True)
    assert found == ["/payload/total_minor"]


def test_what_is_missing_without_an_erasure_counts() -> None:
    body, _ = stored(incoming())
    found = differing_pointers(incoming(), body, {}, False)
    assert found == ["/payload/customer/email", "/metadata/ip"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["x", "a@b.example"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["email", "name", "a", "b"]), inner, max_size=3)
    ),
    max_leaves=8,
)
BODIES = st.dictionaries(st.sampled_from(["note", "a", "customer", "c"]), VALUES, max_size=4)


@given(BODIES, BODIES)
def test_differs_exactly_when_the_json_differs(one: dict[str, Any], other: dict[str, Any]) -> None:
    same = repr(_sorted(one)) == repr(_sorted(other))
    found = differing(incoming(payload=one), incoming(payload=other))
    assert (found == []) == same


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


@given(BODIES)
def test_a_redelivery_is_the_same(payload: dict[str, Any]) -> None:
    event = incoming(payload=payload, metadata=payload)
    assert differing(structs.replace(event), event) == []


def test_long_names_do_not_make_the_answer_long() -> None:
    name = "n" * 50_000
    assert differing(incoming(payload={name: [1]}), incoming(payload={name: [2]})) == ["/payload"]
