from __future__ import annotations

import base64
import hashlib
import json
import os
import uuid
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import canonical
from domain.orders.events import Incoming
from domain.privacy.revealing import mask
from domain.privacy.sealing import (
    HISTORY,
    ORDERS,
    history_originator,
    open_disclosures,
    originator,
    reveal,
    seal,
)

NAMES = st.sampled_from(
    ["email", "name", "customer", "note", "shipping_address", "before", "items", "a", "é/~", "ip"]
)
SCALARS = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=6)
VALUES = st.recursive(
    SCALARS | st.just("ann@example.org") | st.just(0.5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=15,
)
BODIES = st.dictionaries(NAMES, VALUES, max_size=5)


def incoming(
    payload: dict[str, Any], metadata: dict[str, Any] | None = None, **changes: Any
) -> Incoming:
    fields: dict[str, Any] = {
        "event_id": "evt_1",
        "order_id": "ord_1",
        "occurred_at": "2025-08-29T12:34:56Z",
        "occurred_us": 1756470896000000,
        "source": "shop",
        "type": "order.created",
        "schema_version": "v1",
    }
    return Incoming(**fields | changes, payload=payload, metadata=metadata)


def counting(size: int) -> bytes:
    return bytes(index % 256 for index in range(size))


def sealed(event: Incoming, **options: Any) -> Any:
    return seal(event, "acme", random_bytes=counting, **options)


def test_known_answer() -> None:
    draft = sealed(incoming({"customer": {"email": "ann@example.org", "id": "c1"}}))
    text = base64.urlsafe_b64encode(b'["EBESExQVFhcYGRobHB0eHw","email","ann@example.org"]').rstrip(
        b"="
    )
    digest = base64.urlsafe_b64encode(hashlib.sha256(text).digest()).rstrip(b"=")
    assert draft.payload == b'{"customer":{"email":{"_sd":"%b"},"id":"c1"}}' % digest
    assert [(found.owner, found.text) for found in draft.disclosures] == [
        (("order", "ord_1"), text.decode())
    ]
    assert draft.salt == "AAECAwQFBgcICQoLDA0ODw"
    assert digest == b"lWe6FhFsgSVm5cCQ7wg_Q0W52vw88GEdUv2TeI5BMhE"
    assert str(draft.originator_id) == "c0b2eb0f-83a3-5e64-b7e1-f5ac04963a73"


def test_an_originator_is_a_uuid5_of_a_uuid5() -> None:
    for tenant, order in [("acme", "ord_1"), ("a", ""), ("b", "ü/é"), ("acme", "x" * 200)]:
        assert originator(tenant, order) == uuid.uuid5(uuid.uuid5(ORDERS, tenant), order)
        assert history_originator(tenant, order) == uuid.uuid5(uuid.uuid5(HISTORY, tenant), order)
    assert originator("a", "bc") != originator("ab", "c")


@given(BODIES, st.none() | BODIES)
def test_revealing_gives_back_what_was_sealed(
    payload: dict[str, Any], metadata: dict[str, Any] | None
) -> None:
    event = incoming(payload, metadata)
    before = json.dumps([payload, metadata])
    draft = seal(event, "acme", random_bytes=os.urandom)
    disclosed = open_disclosures(found.text for found in draft.disclosures)
    assert len(disclosed) == len(draft.disclosures)
    for encoded, body in ((draft.payload, payload), (draft.metadata, metadata)):
        stored = None if encoded is None else canonical.decode(encoded)
        assert reveal(stored, disclosed, otherwise=None) == body
        assert encoded is None or canonical.encode(stored) == encoded
    assert json.dumps([payload, metadata]) == before


@given(BODIES)
def test_nothing_personal_stays(payload: dict[str, Any]) -> None:
    draft = seal(incoming(payload, payload), "acme", random_bytes=os.urandom)
    for encoded in (draft.payload, draft.metadata or b""):
        assert b"ann@example.org" not in encoded
        assert_bare(json.loads(mask(encoded)))


def assert_bare(value: Any) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            if key in {"email", "note", "ip"}:
                assert item in (None, {"masked": True})
            assert_bare(item)
    elif isinstance(value, list):
        for item in value:
            assert_bare(item)


def test_equal_values_have_unequal_digests() -> None:
    draft = seal(incoming({"email": "x", "phone": "x"}), "acme", random_bytes=os.urandom)
    again = seal(incoming({"email": "x", "phone": "x"}), "acme", random_bytes=os.urandom)
    digests = {value["_sd"] for d in (draft, again) for value in json.loads(d.payload).values()}
    assert len(digests) == 4
    assert draft.salt != again.salt


@pytest.mark.parametrize(
    ("metadata", "owner"),
    [
        ({"actor_id": "u1", "ip": "192.0.2.1"}, ("actor", "u1")),
        ({"ip": "192.0.2.1"}, ("order", "ord_1")),
        ({"actor_id": None, "ip": "192.0.2.1"}, ("order", "ord_1")),
    ],
)
def test_each_value_belongs_to_somebody(metadata: Any, owner: tuple[str, str]) -> None:
    draft = sealed(incoming({"note": "n"}, metadata))
    assert [found.owner for found in draft.disclosures] == [("order", "ord_1"), owner]


def test_list_elements_are_named_by_their_index() -> None:
    (found,) = sealed(incoming({"a": ["x", "ann@example.org"]})).disclosures
    text = found.text + "=" * (-len(found.text) % 4)
    assert json.loads(base64.urlsafe_b64decode(text))[1:] == ["1", "ann@example.org"]


def test_the_rest_of_the_draft() -> None:
    event = incoming({"b": 1, "a": 1.5}, None, redactions=("/payload/x",), correction_of="evt_0")
    draft = sealed(event, marks={("b",): True})
    assert canonical.decode(draft.payload).keys() == {"a", "b"}
    assert [found.owner for found in draft.disclosures] == [("order", "ord_1")]
    assert (draft.tenant_id, draft.topic, draft.stream) == ("acme", "order.recorded", None)
    assert (draft.metadata, draft.redactions) == (None, b'["/payload/x"]')
    assert (draft.event_id, draft.order_id, draft.correction_of) == ("evt_1", "ord_1", "evt_0")
    assert (draft.occurred_at, draft.type) == (event.occurred_at, event.type)


def test_random_bytes_are_asked_for_once() -> None:
    asked: list[int] = []

    def random_bytes(size: int) -> bytes:
        asked.append(size)
        return bytes(size)

    seal(incoming({"email": "x", "phone": 1}, {"ip": "y"}), "acme", random_bytes=random_bytes)
    assert asked == [64]


def test_a_value_that_is_not_disclosed_reads_otherwise() -> None:
    masked = {"masked": True}
    body = {"a": [{"_sd": "x"}, 1], "b": {"_sd": "y"}}
    assert reveal(body, {"y": None}, otherwise=masked) == {"a": [masked, 1], "b": None}


@pytest.mark.parametrize("text", ["", "e30", "WyJhIiwiYiJd", "***"])
def test_a_damaged_disclosure_is_an_error(text: str) -> None:
    with pytest.raises((ValueError, msgspec.DecodeError)):
        open_disclosures([text])
