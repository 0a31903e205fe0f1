"""The hashes of the access log, which can never change: by hand, and by another implementation."""

from __future__ import annotations

import json
from hashlib import sha256
from uuid import UUID

import msgspec
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from domain.access.log import Batch, Entry, batch_id, batch_of, digested, entry_hash, entry_id
from tests.domain.ledger.reference import Tree

ENTRY = Entry(
    entry_id=UUID("0199c1a0-0000-7000-8000-000000000001"),
    tenant_id="acme",
    at_us=1_760_000_000_000_001,
    subject="u1",
    roles=("support",),
    operation="get_timeline",
    endpoint="GET /orders/{order_id}/timeline",
    orders=("ord_1", "örd_2"),
    fields=("email", "phone"),
    events=3,
    personal_values=6,
    size_bytes=900,
    reason="A" * 43,
    address=None,
)


def test_an_entry_is_hashed_as_it_always_was() -> None:
    said = (
        '{"address":null,"at_us":1760000000000001,"endpoint":"GET /orders/{order_id}/timeline",'
        '"entry_id":"0199c1a0-0000-7000-8000-000000000001","events":3,"fields":["email","phone"],'
        '"number":7,"operation":"get_timeline","orders":["ord_1","örd_2"],"personal_values":6,'
        f'"reason":"{"A" * 43}","roles":["support"],"size_bytes":900,"subject":"u1",'
        '"tenant_id":"acme"}'
    )
    assert rfc8785.dumps(json.loads(said)) == said.encode()
    assert entry_hash(7, ENTRY) == sha256(said.encode()).digest()


@pytest.mark.parametrize("name", Entry.__struct_fields__)
def test_every_field_counts(name: str) -> None:
    value = getattr(ENTRY, name)
    other: object = ("x",) if isinstance(value, tuple) else 1 if isinstance(value, int) else "x"
    if name == "entry_id":
        other = UUID(int=1)
    changed = msgspec.structs.replace(ENTRY, **{name: other})
    assert entry_hash(7, changed) != entry_hash(7, ENTRY) != entry_hash(8, ENTRY)


@given(st.integers(1, 2**40), st.integers(1, 40))
def test_the_root_is_that_of_rfc_6962(first: int, count: int) -> None:
    entries = [msgspec.structs.replace(ENTRY, events=n) for n in range(count)]
    hashes = [entry_hash(first + n, one) for n, one in enumerate(entries)]
    tree = Tree(lambda n: sha256(b"\x00" + hashes[n]).digest())
    expected = Batch(first, first + count - 1, tree.mth(0, count))
    assert batch_of(first, entries) == expected


def test_the_event_of_a_batch_says_what_it_covers_and_tells_of_nobody() -> None:
    now = "2025-01-01T00:00:00.000000Z"
    draft = digested("acme", Batch(11, 20, b"\x01" * 32), now=now, random_bytes=bytes)
    assert draft.event_id == batch_id(11) == "oh_evt_history.access.digested/11"
    assert draft.disclosed == ()
    again = digested("acme", Batch(11, 12, b"\x02" * 32), now=now, random_bytes=bytes)
    assert again.event_id == draft.event_id


@given(st.integers(0, 2**52), st.binary(min_size=10, max_size=10))
def test_an_id_is_a_uuid_of_version_7_and_sorted_by_time(at_us: int, drawn: bytes) -> None:
    found = entry_id(at_us, drawn)
    assert (found.version, found.variant) == (7, "specified in RFC 4122")
    assert found.int >> 80 == at_us // 1000
    assert entry_id(at_us + 1000, bytes(10)) > found
