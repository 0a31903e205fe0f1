"""Who is asking, for which tenant, and what they may do."""

from __future__ import annotations

import re

from msgspec import Struct

from domain.access.permissions import Permission
from domain.errors import Forbidden

_TENANT_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}", re.ASCII)


def is_tenant_id(text: str) -> bool:
    """Whether a text can name a tenant: 1 to 63 of a-z, 0-9, `.`, `_`, `-`; the first no mark."""
    return _TENANT_ID.fullmatch(text) is not None


class Caller(Struct, frozen=True):
    """One subject in one tenant, as a verified token says. Valid before `expires_us`.

    `roles` are the token's, the unknown ones too; only `permissions` decide.
    """

    subject: str
    tenant_id: str
    roles: frozenset[str]
    permissions: frozenset[Permission]
    expires_us: int

    def may(self, permission: Permission) -> bool:
        return permission in self.permissions

    def require(self, permission: Permission) -> None:
        """Raise Forbidden, naming the permission, unless the caller has it."""
        if permission not in self.permissions:
            raise Forbidden(f"This needs the permission {permission.value}.")

    @property
    def sees_personal(self) -> bool:
        """Whether personal values are shown to this caller, or masked."""
        return Permission.PERSONAL_READ in self.permissions
