"""Terms of events and of questions meet as hashes, and only with the same secret and tenant."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import pytest

from domain.search.fields import FIELDS
from domain.search.hashing import TermHash
from domain.search.terms import MOST_TERMS, Said, said_by

SECRET = bytes(range(32))


def said(payload: dict[str, Any]) -> Said:
    return said_by("order.created", "shop", "Ord-1", payload, {"correlation_id": "c"})


def hashes(payload: dict[str, Any], tenant: str = "acme", secret: bytes = SECRET) -> list[bytes]:
    return TermHash(secret).of_event(tenant, said(payload))[0]


def asked(hashed: int) -> bytes:
    """As it stands in an index."""
    return hashed.to_bytes(8, signed=True)


def test_a_question_finds_what_an_event_says() -> None:
    one = TermHash(SECRET)
    payload = {"gateway": "Stripe", "void": True, "rma": "R", "total_minor": 1}
    public, idents = one.of_event("acme", said(payload))
    terms = one.with_personal("acme", public, {("email", "", "a@b.c")})
    assert terms == sorted(terms)
    assert idents == {"ord-1", "r"}
    questions = {
        one.word("acme", "stripe"),
        one.ident("acme", "ord-1"),
        one.ident("acme", "r"),
        one.email("acme", "a@b.c"),
        one.pair("acme", FIELDS["payload.void"], True),
        one.pair("acme", FIELDS["payload.total_minor"], 1),
        one.pair("acme", FIELDS["metadata.correlation_id"], "c"),
        one.exists("acme", FIELDS["payload.gateway"]),
    }
    assert set(map(asked, questions)) < set(terms)
    assert asked(one.pair("acme", FIELDS["payload.void"], 1)) not in terms
    assert asked(one.pair("acme", FIELDS["payload.total_minor"], True)) not in terms
    assert asked(one.phone("acme", "123456")) not in terms


def test_the_form_is_the_one_that_is_written_down() -> None:
    digest = blake2b(b'acme\0pair\0payload.gateway\0"x"', digest_size=8, key=SECRET).digest()
    found = TermHash(SECRET).pair("acme", FIELDS["payload.gateway"], "x")
    assert found == int.from_bytes(digest, "big", signed=True)


def test_hashes_are_ascending_and_distinct() -> None:
    found = hashes({"a": "one two one", "b": "two"})
    assert found == sorted(set(found))


def test_what_was_met_before_makes_no_difference() -> None:
    one = TermHash(SECRET)
    payloads: list[dict[str, Any]] = [{"void": True}, {"void": 1}, {"void": 1.0}, {"rma": 1}]
    payloads += [{"rma": "1"}, {"number": True}, {"gateway": "x" * 1000}]
    first = [one.of_event("acme", said(payload)) for payload in payloads]
    assert [one.of_event("acme", said(payload)) for payload in reversed(payloads)] == first[::-1]
    assert [found for found, _ in first] == [hashes(payload) for payload in payloads]


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domain.search.hashing._REMEMBERED", 10)
    one = TermHash(SECRET)
    for number in range(100):
        payload = {"rma": str(number)}
        assert one.of_event(f"t{number % 3}", said(payload))[0] == hashes(payload, f"t{number % 3}")
    assert sum(len(tenant.memory) for tenant in one._tenants.values()) < 30


def test_tenants_and_secrets_share_nothing() -> None:
    payload = {"gateway": "stripe"}
    assert not set(hashes(payload)) & set(hashes(payload, "umbrella"))
    assert not set(hashes(payload)) & set(hashes(payload, secret=bytes(32)))
    assert TermHash(SECRET).fingerprint != TermHash(bytes(32)).fingerprint


def test_of_too_many_terms_the_same_are_kept() -> None:
    many = " ".join(f"w{number}" for number in range(MOST_TERMS))
    one = TermHash(SECRET)
    found, _ = one.of_event("acme", said({"a": many, "z": "last"}))
    assert len(found) == MOST_TERMS
    assert len(one.with_personal("acme", found, {("phone", "", "1")})) == MOST_TERMS + 1
    assert asked(one.word("acme", "last")) not in found
    assert asked(one.word("acme", "w0")) in found


def test_a_secret_has_its_length() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        TermHash(b"short")
