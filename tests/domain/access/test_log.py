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

from domain.access.log import (
    DRAWN,
    Batch,
    Entry,
    Noted,
    batch_id,
    batch_of,
    digested,
    entry_hash,
    entry_id,
    kept_of,
)
from domain.privacy.sealing import open_disclosures
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


NOTED = Noted(
    drawn=bytes(range(DRAWN)),
    at_us=ENTRY.at_us,
    tenant_id="acme",
    subject="u1",
    roles=frozenset(["tier 2", "support", "\0"]),
    operation="get_timeline",
    endpoint="GET /orders/{order_id}/timeline",
    orders=frozenset(["örd_2", "ord_1"]),
    fields=frozenset(["phone", "email"]),
    events=3,
    personal_values=6,
    size_bytes=900,
    reason="ticket 4",
    address="192.0.2.1",
)


def test_whoever_makes_the_entry_of_what_was_noted_makes_the_same() -> None:
    entry, disclosures = kept_of(NOTED).entry, kept_of(NOTED).disclosures
    assert kept_of(NOTED) == kept_of(msgspec.structs.replace(NOTED))
    assert entry.entry_id == entry_id(NOTED.at_us, NOTED.drawn[:10])
    assert entry.roles == ("support", "tier 2"), "no column holds U+0000"
    assert (entry.orders, entry.fields) == (("ord_1", "örd_2"), ("email", "phone"))
    opened = open_disclosures(disclosures)
    assert opened == {entry.reason: "ticket 4", entry.address: "192.0.2.1"}
    assert opened.names == {entry.reason: "reason", entry.address: "address"}


@pytest.mark.parametrize("name", ["reason", "address"])
def test_a_digest_is_salted_by_what_was_drawn(name: str) -> None:
    same = msgspec.structs.replace(NOTED, reason="192.0.2.1")
    assert kept_of(same).entry.reason != kept_of(same).entry.address
    other = msgspec.structs.replace(NOTED, drawn=bytes(DRAWN))
    assert getattr(kept_of(other).entry, name) != getattr(kept_of(NOTED).entry, name)
    without = msgspec.structs.replace(NOTED, **{name: None})
    assert getattr(kept_of(without).entry, name) is None


def test_without_reason_and_address_nothing_is_disclosed() -> None:
    without = msgspec.structs.replace(NOTED, reason=None, address=None)
    assert kept_of(without).disclosures == ""
