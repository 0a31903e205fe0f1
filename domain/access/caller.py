"""Who is asking, for which tenant, and what they may do, how far."""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct

from domain.access.permissions import Permission
from domain.access.scope import ANYTHING, EVERYTHING, NOTHING, Reach, Scope, of_any_class
from domain.errors import Forbidden

SERVICE = "order-history"
"""The subject of what the service does by itself, such as what a schedule asks for. No token holds
that has it: its jobs are nobody else's."""

_TENANT_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}", re.ASCII)
_LIMITED = "This needs a role that is not limited to some sources or types of events."


def is_tenant_id(text: str) -> bool:
    """Whether a text can name a tenant: 1 to 63 of a-z, 0-9, `.`, `_`, `-`; the first no mark."""
    return _TENANT_ID.fullmatch(text) is not None


class Grant(Struct, frozen=True):
    """What is permitted within a scope."""

    permissions: frozenset[Permission]
    scope: Scope = EVERYTHING


class Caller(Struct, frozen=True):
    """One subject in one tenant, as a verified token or key says. Valid before `expires_us`.

    `roles` are its token's and those assigned to it, the unknown ones too; only `permissions`
    decide, each as far as the `grants` that have it go, or, if none are given, without a limit.
    """

    subject: str
    tenant_id: str
    roles: frozenset[str]
    permissions: frozenset[Permission]
    expires_us: int
    grants: tuple[Grant, ...] = ()

    def may(self, permission: Permission) -> bool:
        return permission in self.permissions

    def require(self, permission: Permission) -> None:
        """Raise Forbidden, naming the permission, unless the caller has it."""
        if permission not in self.permissions:
            raise Forbidden(f"This needs the permission {permission.value}.")

    def reach(self, permission: Permission) -> Reach:
        """How far the caller has this permission. Classes of personal data limit nothing but
        `personal.read`."""
        if permission not in self.permissions:
            return NOTHING
        if not self.grants:
            return ANYTHING
        scopes = tuple(one.scope for one in self.grants if permission in one.permissions)
        if permission is not Permission.PERSONAL_READ:
            scopes = tuple(map(of_any_class, scopes))
        return Reach(scopes)

    def reach_of_orders(self, permission: Permission) -> Reach:
        """How far, for what tells of whole orders. Raises Forbidden for who may have parts of
        orders alone."""
        whole = self.reach(permission).of_whole_orders
        if not whole.scopes:
            self.require(permission)
            raise Forbidden(_LIMITED)
        return whole

    @property
    def sees_personal(self) -> bool:
        """Whether any personal values are shown to this caller, or all masked."""
        return Permission.PERSONAL_READ in self.permissions

    @property
    def sees_all_personal(self) -> bool:
        """Whether no personal value is masked for this caller, whatever it may read."""
        return any(
            one.personal is None and one.is_of_all_events
            for one in self.reach(Permission.PERSONAL_READ).scopes
        )

    def require_all_personal(self) -> None:
        """Raise Forbidden unless no personal value is masked for this caller."""
        self.require(Permission.PERSONAL_READ)
        if not self.sees_all_personal:
            raise Forbidden("This needs the permission personal.read, not limited in any way.")

    @property
    def may_look_for_persons(self) -> bool:
        """Whether it may ask for events by an email address or a telephone number: of all that it
        may read, it sees who has them."""
        persons = self.reach(Permission.PERSONAL_READ).scopes
        shown = [one for one in persons if one.personal is None or "contact" in one.personal]
        who = Reach(tuple(map(of_any_class, shown)))
        return self.sees_personal and self.reach(Permission.EVENTS_READ).within(who)


def together(grants: Iterable[Grant]) -> frozenset[Permission]:
    """All that these grants permit, each within its scope."""
    return frozenset().union(*(grant.permissions for grant in grants))
