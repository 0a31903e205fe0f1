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
from domain.orders.events import Disclosed, Incoming
from domain.privacy.revealing import mask
from domain.privacy.sealing import (
    HISTORY,
    ORDERS,
    conceal,
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
    return conceal(event, "acme", random_bytes=counting, **options)


def test_known_answer() -> None:
    event = incoming({"customer": {"email": "ann@example.org", "id": "c1"}})
    content, disclosed = sealed(event)
    text = base64.urlsafe_b64encode(b'["EBESExQVFhcYGRobHB0eHw","email","ann@example.org"]').rstrip(
        b"="
    )
    digest = base64.urlsafe_b64encode(hashlib.sha256(text).digest()).rstrip(b"=")
    assert content.payload == b'{"customer":{"email":{"_sd":"%b"},"id":"c1"}}' % digest
    assert disclosed == (Disclosed(("order", "ord_1"), text.decode()),)
    assert content.salt == "AAECAwQFBgcICQoLDA0ODw"
    assert digest == b"lWe6FhFsgSVm5cCQ7wg_Q0W52vw88GEdUv2TeI5BMhE"
    draft = seal(event, "acme", random_bytes=os.urandom)
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
    content, hidden = conceal(event, "acme", random_bytes=os.urandom)
    disclosed: dict[str, Any] = {}
    for one in hidden:
        disclosed |= open_disclosures(one.text)
    assert len(disclosed) == sum(one.text.count(".") + 1 for one in hidden)
    for encoded, body in ((content.payload, payload), (content.metadata, metadata)):
        stored = None if encoded is None else canonical.decode(encoded)
        assert reveal(stored, disclosed, otherwise=None) == body
        assert encoded is None or canonical.encode(stored) == encoded
    assert json.dumps([payload, metadata]) == before


@given(BODIES)
def test_nothing_personal_stays(payload: dict[str, Any]) -> None:
    content, _ = conceal(incoming(payload, payload), "acme", random_bytes=os.urandom)
    for encoded in (content.payload, content.metadata or b""):
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
    event = incoming({"email": "x", "phone": "x"})
    first, _ = conceal(event, "acme", random_bytes=os.urandom)
    again, _ = conceal(event, "acme", random_bytes=os.urandom)
    digests = {value["_sd"] for d in (first, again) for value in json.loads(d.payload).values()}
    assert len(digests) == 4
    assert first.salt != again.salt


@pytest.mark.parametrize(
    ("metadata", "owner"),
    [
        ({"actor_id": "u1", "ip": "192.0.2.1"}, ("actor", "u1")),
        ({"ip": "192.0.2.1"}, ("order", "ord_1")),
        ({"actor_id": None, "ip": "192.0.2.1"}, ("order", "ord_1")),
    ],
)
def test_each_value_belongs_to_somebody(metadata: Any, owner: tuple[str, str]) -> None:
    _, disclosed = sealed(incoming({"note": "n"}, metadata))
    values = [(one.owner, list(open_disclosures(one.text).values())) for one in disclosed]
    if owner[0] == "order":
        assert values == [(owner, ["n", "192.0.2.1"])]
    else:
        assert values == [(("order", "ord_1"), ["n"]), (owner, ["192.0.2.1"])]


def test_list_elements_are_named_by_their_index() -> None:
    _, (found,) = sealed(incoming({"a": ["x", "ann@example.org"]}))
    text = found.text + "=" * (-len(found.text) % 4)
    assert json.loads(base64.urlsafe_b64decode(text))[1:] == ["1", "ann@example.org"]


def test_the_rest_of_the_draft() -> None:
    event = incoming({"b": 1, "a": 1.5}, None, redactions=("/payload/x",), correction_of="evt_0")
    said, disclosed = sealed(event, marks={("b",): True})
    assert canonical.decode(said.payload).keys() == {"a", "b"}
    assert [found.owner for found in disclosed] == [("order", "ord_1")]
    assert (said.tenant_id, said.stream) == ("acme", None)
    assert (said.metadata, said.redactions) == (None, b'["/payload/x"]')
    assert (said.event_id, said.order_id, said.correction_of) == ("evt_1", "ord_1", "evt_0")
    assert (said.occurred_at, said.type) == (event.occurred_at, event.type)
    draft = seal(event, "acme", {("b",): True}, random_bytes=os.urandom)
    assert (draft.tenant_id, draft.topic) == ("acme", "order.recorded")
    assert (draft.event_id, draft.correction_of) == ("evt_1", "evt_0")


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
        open_disclosures(text)
