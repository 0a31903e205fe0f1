"""A tenant's own roles, and who has which: an aggregate of the tenant's ledger.

    history.role.defined     a role is made, or changed: its permissions, its scope
    history.role.removed     it is gone
    history.role.assigned    what a subject has, in place of what it had

Built-in roles are the same in every tenant and are never defined. A subject has the roles of its
token and those that are assigned to it, together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from domain.access.caller import Caller, Grant
from domain.access.permissions import BUILT_IN, Permission
from domain.access.scope import EVERYTHING, Reach, Scope
from domain.audit.acts import Act, Fact, Values
from domain.errors import Conflict, Forbidden, Invalid, NotFound

DEFINED = "history.role.defined"
REMOVED = "history.role.removed"
ASSIGNED = "history.role.assigned"
STREAM = "roles"

MOST_ROLES = 200
MOST_SUBJECTS = 10_000
MOST_OF_A_SUBJECT = 20
NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}", re.ASCII)


class Role(Struct, frozen=True):
    """What who has it may do, and how far."""

    role: str
    permissions: frozenset[Permission]
    scope: Scope = EVERYTHING

    @property
    def is_built_in(self) -> bool:
        return self.role in BUILT_IN


def built_in_roles() -> list[Role]:
    """By name."""
    return [Role(name, permissions) for name, permissions in sorted(BUILT_IN.items())]


_BUILT_IN = {role.role: Grant(role.permissions) for role in built_in_roles()}
_OF_NAME = {permission.value: permission for permission in Permission}


class Roles:
    """The roles of one tenant. Decisions return what is to be done, None where it is so already,
    or raise; only `apply` changes it."""

    def __init__(self) -> None:
        self.stream = STREAM
        self.version = 0
        self.own: dict[str, Role] = {}
        self.assigned: dict[str, frozenset[str]] = {}

    # -- what it says -----------------------------------------------------------------------------

    def role(self, name: str) -> Role | None:
        """A built-in role, or one of the tenant's own."""
        if name in BUILT_IN:
            return Role(name, BUILT_IN[name])
        return self.own.get(name)

    def grants_of(self, names: Iterable[str]) -> tuple[Grant, ...]:
        """All that these roles give together. One that is not known gives nothing."""
        found = [_BUILT_IN.get(name) or self._granted(name) for name in sorted(set(names))]
        return tuple(grant for grant in found if grant is not None)

    def _granted(self, name: str) -> Grant | None:
        role = self.own.get(name)
        return None if role is None else Grant(role.permissions, role.scope)

    # -- what may be done -------------------------------------------------------------------------

    def define(self, role: Role, caller: Caller, *, replace: bool) -> Act | None:
        """Make a role, or with `replace` change one. Raises Conflict, NotFound, Invalid, and
        Forbidden for what the caller may not do itself."""
        there = self.own.get(role.role)
        if role.is_built_in:
            raise Conflict(f"{role.role!r} is a built-in role, which cannot be changed")
        if replace and there is None:
            raise NotFound("there is no such role")
        _refuse_more(role, caller)
        if there == role:
            return None
        if there is not None and not replace:
            raise Conflict(f"there is a role {role.role!r} with other content; PUT changes it")
        if there is None and len(self.own) >= MOST_ROLES:
            raise Invalid.field("/role", f"there are {MOST_ROLES} roles, which is the most")
        return Act(DEFINED, f"role/{role.role}", _said(there), _said(role))

    def remove(self, name: str) -> Act:
        """Raises NotFound, and Conflict while somebody has it."""
        if name in BUILT_IN:
            raise Conflict(f"{name!r} is a built-in role, which cannot be removed")
        there = self.own.get(name)
        if there is None:
            raise NotFound("there is no such role")
        having = [subject for subject, names in self.assigned.items() if name in names]
        if having:
            raise Conflict(f"{len(having)} subjects have this role; take it from them first")
        return Act(REMOVED, f"role/{name}", _said(there))

    def assign(self, subject: str, names: frozenset[str], caller: Caller) -> Act | None:
        """Give a subject these roles in place of what was assigned to it. Raises Invalid for a role
        that is not there, Forbidden for one that gives more than the caller may do itself."""
        had = self.assigned.get(subject, frozenset())
        for name in sorted(names - had):
            role = self.role(name)
            if role is None:
                raise Invalid.field("/roles", f"there is no role {name!r}")
            _refuse_more(role, caller)
        if names == had:
            return None
        if len(names) > MOST_OF_A_SUBJECT:
            raise Invalid.field("/roles", f"must be at most {MOST_OF_A_SUBJECT} roles")
        if not had and len(self.assigned) >= MOST_SUBJECTS:
            detail = f"{MOST_SUBJECTS:,} subjects have roles, which is the most"
            raise Invalid.field("/roles", detail)
        return Act(ASSIGNED, f"subject/{subject}", _names(had), _names(names))

    # -- what has been done -----------------------------------------------------------------------

    def apply(self, fact: Fact) -> None:
        """Take a fact."""
        name = fact.target.partition("/")[2]
        if fact.type == DEFINED and fact.after is not None:
            self.own[name] = _role(name, fact.after)
        elif fact.type == REMOVED:
            self.own.pop(name, None)
        elif fact.type == ASSIGNED:
            roles = frozenset((fact.after or {}).get("roles", ()))
            self.assigned.pop(name, None)
            if roles:
                self.assigned[name] = roles


def refuse_more_than_own(
    what: str, permissions: frozenset[Permission], scope: Scope, caller: Caller
) -> None:
    """Nobody gives away what he has not: else who manages roles could do anything. Raises Forbidden
    for `what`, such as `The role 'desk'`."""
    given = Reach((scope,))
    for permission in sorted(permissions):
        if not given.within(caller.reach(permission)):
            raise Forbidden(f"{what} gives {permission.value} further than you have it.")


def _refuse_more(role: Role, caller: Caller) -> None:
    refuse_more_than_own(f"The role {role.role!r}", role.permissions, role.scope, caller)


def _said(role: Role | None) -> Values | None:
    if role is None:
        return None
    return {"permissions": permissions_said(role.permissions), "scope": said_of(role.scope)}


def permissions_said(permissions: frozenset[Permission]) -> list[str]:
    """Permissions as JSON has them."""
    return sorted(permission.value for permission in permissions)


def said_of(scope: Scope) -> dict[str, list[str]]:
    """A scope as JSON has it."""
    said: dict[str, tuple[str, ...]] = msgspec.to_builtins(scope)
    return {name: list(values) for name, values in said.items()}


def _names(roles: frozenset[str]) -> Values | None:
    return {"roles": sorted(roles)} if roles else None


def _role(name: str, said: Values) -> Role:
    """What was once a permission, and is none any more, permits nothing."""
    known = (_OF_NAME.get(one) for one in said["permissions"])
    scope: dict[str, Any] = said.get("scope", {})
    return Role(
        name,
        frozenset(one for one in known if one is not None),
        msgspec.convert(scope, Scope),
    )
