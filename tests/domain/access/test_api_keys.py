"""What a key is as text, and what may be done with it."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from domain.access.api_keys import (
    MOST_KEYS,
    NO_KEY,
    PERMITTED,
    ApiKey,
    ApiKeys,
    Secret,
    read_key,
    write_key,
)
from domain.access.caller import Caller, Grant
from domain.access.permissions import LIMITABLE, Permission, permissions_of
from domain.access.reading_keys import DAY, YEAR, read_key_asked, read_rotation
from domain.access.scope import EVERYTHING, Scope
from domain.audit.acts import Act, Fact
from domain.errors import Forbidden, Invalid, NotFound
from domain.times import SECOND, format_us

P = Permission
NOW = 1_750_000_000 * SECOND
ADMIN = Caller("root", "acme", frozenset({"admin"}), permissions_of(["admin"]), 1)
KEY_ID, SECRET = "key_" + "0" * 32, "s" * 43


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def key(**changed: Any) -> ApiKey:
    fields: dict[str, Any] = {
        "key_id": KEY_ID,
        "label": "stripe connector",
        "permissions": frozenset({P.EVENTS_APPEND}),
        "scope": Scope(sources=("stripe",)),
        "secrets": (Secret(sha256(SECRET), NOW + DAY),),
        "created_by": None,
        "created_us": NOW,
    }
    return ApiKey(**fields | changed)


def done(*acts: Act | None) -> ApiKeys:
    keys = ApiKeys()
    for version, act in enumerate(acts, 1):
        assert act is not None
        keys.apply(Fact(act.type, version, version, NOW, "root", act.target, act.before, act.after))
    return keys


def created(**changed: Any) -> Act:
    return ApiKeys().create(key(**changed), ADMIN, NOW)


def test_a_key_reads_back() -> None:
    text = write_key("acme-2.eu", KEY_ID, SECRET)
    read = read_key(text)
    assert read is not None
    assert (read.tenant_id, read.key_id, read.secret) == ("acme-2.eu", KEY_ID, SECRET)


@pytest.mark.parametrize("at", range(5, 100, 7))
def test_a_key_with_a_wrong_character_is_none(at: int) -> None:
    text = write_key("acme", KEY_ID, SECRET)
    wrong = "1" if text[at] != "1" else "2"
    assert read_key(text[:at] + wrong + text[at + 1 :]) is None


@pytest.mark.parametrize(
    "text", ["", "ohk1~", "ohk1~acme", "x" * 100, write_key("ACME", KEY_ID, SECRET), "ohk1~~~~~"]
)
def test_what_is_no_key(text: str) -> None:
    assert read_key(text) is None
    assert read_key(write_key("acme", KEY_ID, SECRET) + "\n") is None


def test_what_the_ledger_has_of_a_key_does_not_tell_it() -> None:
    act = created()
    assert act.type == "history.api_key.created"
    assert act.after is not None
    assert act.after["secrets"] == [{"sha256": sha256(SECRET), "expires_at": format_us(NOW + DAY)}]
    assert SECRET not in str(act)
    assert done(act).key(KEY_ID) == key(created_by="root")


def test_a_secret_holds_until_it_expires_or_is_revoked() -> None:
    keys = done(created())
    assert keys.key(KEY_ID).expiry_of(SECRET, NOW) == NOW + DAY
    assert keys.key(KEY_ID).expiry_of(SECRET, NOW + DAY) is None
    assert keys.key(KEY_ID).expiry_of("t" * 43, NOW) is None
    assert keys.key(KEY_ID).expiry_of("", NOW) is None
    revoked = done(created(), keys.revoke(KEY_ID))
    assert revoked.key(KEY_ID).expiry_of(SECRET, NOW) is None
    assert revoked.revoke(KEY_ID) is None
    with pytest.raises(NotFound):
        revoked.revoke("key_1")


def test_no_key_holds_no_secret() -> None:
    for secret in ("", SECRET):
        assert NO_KEY.expiry_of(secret, -1) is None


def test_after_a_rotation_both_secrets_hold_for_the_overlap() -> None:
    new = Secret(sha256("n" * 43), NOW + YEAR)
    keys = done(created(), done(created()).rotate(KEY_ID, new, ADMIN, NOW + 60 * SECOND, NOW))
    rotated = keys.key(KEY_ID)
    assert rotated.expiry_of(SECRET, NOW) == NOW + 60 * SECOND
    assert rotated.expiry_of(SECRET, NOW + 60 * SECOND) is None
    assert rotated.expiry_of("n" * 43, NOW + 60 * SECOND) == NOW + YEAR
    assert (rotated.permissions, rotated.label) == (key().permissions, key().label)


def test_a_rotation_never_lengthens_and_a_third_secret_ends_the_first() -> None:
    second, third = Secret(sha256("2"), NOW + YEAR), Secret(sha256("3"), NOW + YEAR)
    keys = done(created(), done(created()).rotate(KEY_ID, second, ADMIN, NOW + YEAR, NOW))
    assert keys.key(KEY_ID).expiry_of(SECRET, NOW) == NOW + DAY
    twice = keys.rotate(KEY_ID, third, ADMIN, NOW + YEAR, NOW)
    keys.apply(Fact(twice.type, 3, 3, NOW, None, twice.target, twice.before, twice.after))
    assert keys.key(KEY_ID).expiry_of(SECRET, NOW) is None
    assert [one.sha256 for one in keys.key(KEY_ID).secrets] == [sha256("2"), sha256("3")]


def test_what_expired_or_was_revoked_is_not_rotated() -> None:
    keys = done(created())
    new = Secret(sha256("n"), NOW + YEAR)
    with pytest.raises(Invalid, match="make a new one"):
        keys.rotate(KEY_ID, new, ADMIN, NOW, NOW + DAY)
    with pytest.raises(Invalid, match="make a new one"):
        done(created(), keys.revoke(KEY_ID)).rotate(KEY_ID, new, ADMIN, NOW, NOW)


def test_nobody_makes_a_key_that_may_more_than_itself() -> None:
    may = frozenset({P.EVENTS_APPEND, P.API_KEYS_MANAGE})
    limited = Grant(frozenset({P.EVENTS_APPEND}), Scope(sources=("stripe",)))
    maker = Caller("ann", "acme", frozenset(), may, 1, (limited, Grant(frozenset())))
    assert ApiKeys().create(key(), maker, NOW).target == f"api_key/{KEY_ID}"
    with pytest.raises(Forbidden, match=r"events\.append"):
        ApiKeys().create(key(scope=EVERYTHING), maker, NOW)


def test_there_are_so_many_keys_and_no_more() -> None:
    keys = ApiKeys()
    keys.keys = {f"k{number}": key() for number in range(MOST_KEYS)}
    with pytest.raises(Invalid, match="which is the most"):
        keys.create(key(), ADMIN, NOW)
    assert keys.create(key(), ADMIN, NOW + DAY).after is not None  # those have expired


def test_what_is_asked_for_is_read() -> None:
    asked = read_key_asked({"label": "shop"}, NOW)
    assert (asked.permissions, asked.scope) == (PERMITTED, EVERYTHING)
    assert asked.expires_us == NOW + YEAR
    limited = read_key_asked({"label": "shop", "scope": {"sources": ["shop"]}}, NOW)
    assert limited.permissions == PERMITTED & LIMITABLE


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"label": None}, "/label"),
        ({"label": "ann@example.com"}, "/label"),
        ({"label": "l" * 101}, "/label"),
        ({"permissions": ["events.read"]}, "/permissions"),
        ({"permissions": []}, "/permissions"),
        ({"permissions": ["snapshots.upload"], "scope": {"sources": ["a"]}}, "/permissions"),
        ({"expires_at": "yesterday"}, "/expires_at"),
        ({"expires_at": format_us(NOW)}, "/expires_at"),
        ({"expires_at": format_us(NOW + 5 * YEAR + 1)}, "/expires_at"),
        ({"expires_at": 7}, "/expires_at"),
        ({"secret": "mine"}, "/secret"),
    ],
)
def test_what_is_wrong_with_a_key_is_told(changed: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_key_asked({"label": "shop", **changed}, NOW)
    assert [error.pointer for error in refused.value.errors] == [pointer]


def test_rotations_are_read() -> None:
    assert read_rotation({}, NOW) == (DAY, NOW + YEAR)
    assert read_rotation({"overlap": "PT0S"}, NOW) == (0, NOW + YEAR)
    for overlap in ("P31D", "a day", 7, "-PT1H"):
        with pytest.raises(Invalid) as refused:
            read_rotation({"overlap": overlap}, NOW)
        assert refused.value.errors[0].pointer == "/overlap"
