"""Roles of a tenant's own, and who has which: seeing, making, assigning."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from application.audit.acts import Acts
from application.audit.newest import Newest
from domain.access.caller import Caller
from domain.access.reading import read_assignment, read_role
from domain.access.roles import Role, Roles, built_in_roles
from domain.audit.acts import Act, Doer
from domain.errors import NotFound
from domain.privacy.classify import holds_email


class Assigned(Struct, frozen=True):
    """The roles that are assigned to a subject, beside those of its token."""

    subject: str
    roles: list[str]


class ManageRoles:
    """Every change is an act on the tenant's ledger. It takes effect at once where it was made, and
    within a second in other processes.

    `pseudonym`: what a subject that is an email address goes by here, for it would stay on the
    ledger; the same as callers go by.
    """

    def __init__(
        self, acts: Acts, newest: Newest[Roles], pseudonym: Callable[[str], str] = str
    ) -> None:
        self._acts = acts
        self._newest = newest
        self._pseudonym = pseudonym

    async def listed(self, tenant_id: str) -> list[Role]:
        """The built-in roles, then the tenant's own, each by name."""
        roles = await self._load(tenant_id)
        return [*built_in_roles(), *(roles.own[name] for name in sorted(roles.own))]

    async def get(self, tenant_id: str, name: str) -> Role:
        """Raises NotFound."""
        role = (await self._load(tenant_id)).role(name)
        if role is None:
            raise NotFound("there is no such role")
        return role

    async def define(self, caller: Caller, doer: Doer, value: object) -> tuple[Role, bool]:
        """Make a role; whether it was there already, just so. Raises Invalid, Conflict,
        Forbidden."""
        role = read_role(value)
        act = await self._act(caller, doer, lambda all_: all_.define(role, caller, replace=False))
        return role, act is None

    async def replace(self, caller: Caller, doer: Doer, name: str, value: object) -> Role:
        """Change a role, for all who have it. Raises Invalid, NotFound, Conflict, Forbidden."""
        role = read_role(value, name)
        await self._act(caller, doer, lambda all_: all_.define(role, caller, replace=True))
        return role

    async def remove(self, caller: Caller, doer: Doer, name: str) -> None:
        """Raises NotFound, and Conflict while somebody has it."""
        await self._act(caller, doer, lambda roles: roles.remove(name))

    async def assignments(self, tenant_id: str) -> list[Assigned]:
        """By subject."""
        assigned = (await self._load(tenant_id)).assigned
        return [Assigned(subject, sorted(assigned[subject])) for subject in sorted(assigned)]

    async def assignment(self, tenant_id: str, subject: str) -> Assigned:
        """What is assigned to a subject: no roles, if nothing is."""
        known = self._known_as(subject)
        assigned = (await self._load(tenant_id)).assigned
        return Assigned(known, sorted(assigned.get(known, ())))

    async def assign(self, caller: Caller, doer: Doer, subject: str, value: object) -> Assigned:
        """Give a subject these roles in place of what was assigned to it. Raises Invalid, Forbidden
        for a role that gives more than the caller may do itself."""
        names, known = read_assignment(value), self._known_as(subject)
        await self._act(caller, doer, lambda roles: roles.assign(known, names, caller))
        return Assigned(known, sorted(names))

    def _known_as(self, subject: str) -> str:
        return self._pseudonym(subject) if holds_email(subject) else subject

    async def _load(self, tenant_id: str) -> Roles:
        return self._newest.put(tenant_id, await self._acts.load(tenant_id, Roles()))

    async def _act(
        self, caller: Caller, doer: Doer, decide: Callable[[Roles], Act | None]
    ) -> Act | None:
        """What was done, if anything was to be."""
        roles, act = await self._acts.act(caller.tenant_id, doer, Roles, decide)
        self._newest.put(caller.tenant_id, roles)
        return act
