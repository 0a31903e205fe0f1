from __future__ import annotations

import pytest

from domain.access.caller import Caller, is_tenant_id
from domain.access.permissions import Permission, permissions_of
from domain.errors import Forbidden


def caller(*roles: str) -> Caller:
    return Caller("anna", "acme", frozenset(roles), permissions_of(roles), expires_us=1)


def test_a_missing_permission_is_named() -> None:
    with pytest.raises(Forbidden, match=r"events\.append"):
        caller("history_reader").require(Permission.EVENTS_APPEND)


def test_a_permission_that_is_there_lets_pass() -> None:
    reader = caller("history_reader")
    reader.require(Permission.EVENTS_READ)
    assert reader.may(Permission.EVENTS_READ)
    assert not reader.may(Permission.EVENTS_APPEND)


@pytest.mark.parametrize(
    ("role", "sees"),
    [
        ("history_reader", False),
        ("auditor", False),
        ("operator", False),
        ("producer", False),
        ("support", True),
        ("investigator", True),
        ("admin", True),
    ],
)
def test_who_sees_personal_values(role: str, *, sees: bool) -> None:
    assert caller(role).sees_personal is sees


@pytest.mark.parametrize("text", ["a", "0", "acme", "acme-2.eu_west", "a" * 63, "a--..__"])
def test_tenant_ids(text: str) -> None:
    assert is_tenant_id(text)


@pytest.mark.parametrize(
    "text",
    ["", "Acme", "-acme", ".acme", "_a", "a" * 64, "a b", "a/b", "acme\n", "ä", "٣", "*", "a\x00"],
)
def test_what_is_no_tenant_id(text: str) -> None:
    assert not is_tenant_id(text)
