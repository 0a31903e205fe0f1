"""Given what was done, when something is asked for, then it is done, or refused."""

from __future__ import annotations

from typing import Any

import pytest

from domain.access.caller import Caller, Grant
from domain.access.permissions import BUILT_IN, Permission, permissions_of
from domain.access.reading import read_assignment, read_role
from domain.access.roles import (
    MOST_OF_A_SUBJECT,
    MOST_ROLES,
    Role,
    Roles,
)
from domain.access.scope import EVERYTHING, Scope
from domain.audit.acts import Act, Fact
from domain.errors import Conflict, Forbidden, Invalid, NotFound

P = Permission
ADMIN = Caller("root", "acme", frozenset({"admin"}), permissions_of(["admin"]), 1)
READS = Role("desk", frozenset({P.EVENTS_READ, P.ORDERS_READ}), Scope(sources=("stripe",)))


def done(*acts: Act | None) -> Roles:
    """Roles, after these acts."""
    roles = Roles()
    for version, act in enumerate(acts, 1):
        assert act is not None
        roles.apply(Fact(act.type, version, version, 0, "root", act.target, act.before, act.after))
    return roles


def defined(role: Role = READS) -> Act | None:
    return Roles().define(role, ADMIN, replace=False)


def assigned(roles: Roles, subject: str, *names: str) -> Act | None:
    return roles.assign(subject, frozenset(names), ADMIN)


def test_a_role_is_what_was_said_of_it() -> None:
    roles = done(defined())
    assert roles.role("desk") == READS
    assert roles.grants_of(["desk"]) == (Grant(READS.permissions, READS.scope),)


def test_a_role_says_before_and_after() -> None:
    roles = done(defined())
    changed = Role("desk", frozenset({P.EVENTS_READ}))
    act = roles.define(changed, ADMIN, replace=True)
    assert act is not None
    assert (act.type, act.target) == ("history.role.defined", "role/desk")
    assert act.before == {
        "permissions": ["events.read", "orders.read"], "scope": {"sources": ["stripe"]},
    }  # fmt: skip
    assert act.after == {"permissions": ["events.read"], "scope": {}}


def test_the_same_again_is_nothing_to_do() -> None:
    assert done(defined()).define(READS, ADMIN, replace=False) is None
    assert done(defined()).define(READS, ADMIN, replace=True) is None


def test_what_refuses_a_role() -> None:
    roles = done(defined())
    with pytest.raises(Conflict, match="other content"):
        roles.define(Role("desk", frozenset({P.EVENTS_READ})), ADMIN, replace=False)
    with pytest.raises(NotFound):
        roles.define(Role("other", frozenset({P.EVENTS_READ})), ADMIN, replace=True)
    for name in BUILT_IN:
        with pytest.raises(Conflict, match="built-in"):
            roles.define(Role(name, frozenset({P.EVENTS_READ})), ADMIN, replace=True)
        with pytest.raises(Conflict, match="built-in"):
            roles.remove(name)
    with pytest.raises(NotFound):
        roles.remove("other")


def test_nobody_gives_away_what_it_has_not() -> None:
    """Else who manages roles could do anything."""
    may = frozenset({P.ROLES_MANAGE, P.EVENTS_READ})
    limited = (Grant(frozenset({P.EVENTS_READ}), Scope(sources=("stripe", "adyen"))),)
    granter = Caller("ann", "acme", frozenset(), may, 1, (Grant(frozenset({P.ROLES_MANAGE})),
                                                          *limited))  # fmt: skip
    within = Role("a", frozenset({P.EVENTS_READ}), Scope(sources=("stripe",)))
    assert Roles().define(within, granter, replace=False) is not None
    for too_much in (
        Role("b", frozenset({P.EVENTS_READ})),
        Role("b", frozenset({P.EVENTS_READ}), Scope(channels=("web",))),
        Role("b", frozenset({P.EVENTS_READ, P.ORDERS_READ}), Scope(sources=("stripe",))),
        Role("b", frozenset(Permission)),
    ):
        with pytest.raises(Forbidden, match=r"gives (events|orders|\w+)\.\w+ further"):
            Roles().define(too_much, granter, replace=False)
    with pytest.raises(Forbidden):
        Roles().assign("ann", frozenset({"admin"}), granter)
    assert Roles().assign("bob", frozenset(), granter) is None


def test_roles_come_together() -> None:
    roles = done(defined())
    roles = done(defined(), assigned(roles, "ann", "desk", "auditor"))
    names = ["operator", *roles.assigned["ann"]]
    permitted = {one for grant in roles.grants_of(names) for one in grant.permissions}
    assert permitted == BUILT_IN["operator"] | BUILT_IN["auditor"] | READS.permissions
    assert "bob" not in roles.assigned
    assert roles.grants_of(["nonsense", "Desk"]) == ()


def test_roles_are_taken_away() -> None:
    roles = done(defined())
    roles = done(defined(), assigned(roles, "ann", "desk"))
    with pytest.raises(Conflict, match="1 subjects have this role"):
        roles.remove("desk")
    act = assigned(roles, "ann")
    assert act is not None
    assert (act.before, act.after) == ({"roles": ["desk"]}, None)
    roles = done(defined(), assigned(roles, "ann", "auditor"), act)
    assert roles.assigned == {}
    assert roles.remove("desk").type == "history.role.removed"


def test_a_removed_role_gives_nothing() -> None:
    roles = done(defined(), done(defined()).remove("desk"))
    assert roles.role("desk") is None
    assert roles.grants_of(["desk"]) == ()


def test_bounds() -> None:
    roles = Roles()
    for number in range(MOST_ROLES):
        roles.own[f"r{number}"] = Role(f"r{number}", READS.permissions)
    with pytest.raises(Invalid, match="which is the most"):
        roles.define(READS, ADMIN, replace=False)
    names = frozenset(f"r{number}" for number in range(MOST_OF_A_SUBJECT + 1))
    with pytest.raises(Invalid, match="at most 20 roles"):
        roles.assign("ann", names, ADMIN)
    with pytest.raises(Invalid, match="there is no role 'nobody'"):
        roles.assign("ann", frozenset({"nobody"}), ADMIN)


def test_a_permission_that_is_none_any_more_permits_nothing() -> None:
    roles = Roles()
    said = {"permissions": ["events.read", "orders.sing"], "scope": {}}
    roles.apply(Fact("history.role.defined", 1, 1, 0, None, "role/old", None, said))
    assert roles.role("old") == Role("old", frozenset({P.EVENTS_READ}), EVERYTHING)


def test_a_fact_of_another_kind_changes_nothing() -> None:
    roles = done(defined())
    roles.apply(Fact("history.role.sung", 2, 2, 0, None, "role/desk", None, None))
    assert roles.role("desk") == READS


GOOD: dict[str, Any] = {"role": "desk", "permissions": ["events.read"]}


@pytest.mark.parametrize(
    ("changed", "pointers"),
    [
        ({"role": "Desk"}, ["/role"]),
        ({"role": "d" * 64}, ["/role"]),
        ({"role": None}, ["/role"]),
        ({"permissions": None}, ["/permissions"]),
        ({"permissions": []}, ["/permissions"]),
        ({"permissions": "events.read"}, ["/permissions"]),
        ({"permissions": ["events.sing", 7]}, ["/permissions/0", "/permissions/1"]),
        ({"scope": []}, ["/scope"]),
        ({"scope": {"source": ["a"]}}, ["/scope/source"]),
        ({"scope": {"sources": []}}, ["/scope/sources"]),
        ({"scope": {"sources": ["a@example.com"]}}, ["/scope/sources/0"]),
        ({"scope": {"channels": ["4111111111111111"]}}, ["/scope/channels/0"]),
        ({"scope": {"types": ["Order", "a.*.b"]}}, ["/scope/types/0", "/scope/types/1"]),
        ({"scope": {"personal": ["shoes"]}}, ["/scope/personal/0"]),
        ({"scope": {"sources": ["a"] * 101}}, ["/scope/sources"]),
        ({"permisions": []}, ["/permisions"]),
        ({"permissions": ["ledger.prove"], "scope": {"sources": ["a"]}}, ["/permissions"]),
    ],
)
def test_what_is_wrong_with_a_role_is_told(changed: dict[str, Any], pointers: list[str]) -> None:
    with pytest.raises(Invalid) as refused:
        read_role({**GOOD, **changed})
    assert [error.pointer for error in refused.value.errors] == pointers


def test_a_role_is_read() -> None:
    scope = {"sources": ["b", "a", "a"], "types": ["order.*"], "personal": ["name"]}
    read = read_role({**GOOD, "scope": scope})
    assert read.scope == Scope(("a", "b"), None, ("order.*",), ("name",))
    assert read_role({"permissions": ["events.read"]}, "desk") == Role("desk", read.permissions)
    with pytest.raises(Invalid, match="as in the path"):
        read_role(GOOD, "another")


@pytest.mark.parametrize("value", [[], {}, {"roles": "admin"}, {"roles": ["no role!"]}, None])
def test_what_is_no_assignment(value: Any) -> None:
    with pytest.raises(Invalid):
        read_assignment(value)
