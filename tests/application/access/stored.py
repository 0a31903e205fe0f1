"""What an authenticator asks, in memory."""

from __future__ import annotations

from domain.access.caller import Caller
from domain.access.roles import Roles
from domain.errors import Unauthenticated, Unavailable


class StoredRoles:
    """The roles of every tenant; none of its own to begin with."""

    def __init__(self) -> None:
        self.stored = Roles()
        self.fresh = True
        self.away = False

    def known(self, tenant_id: str) -> Roles | None:
        return self.stored if self.fresh and not self.away else None

    async def of(self, tenant_id: str) -> Roles:
        if self.away:
            raise Unavailable
        return self.stored


class HeldKeys:
    """API keys that hold, by their text."""

    def __init__(self, **callers: Caller) -> None:
        self.callers = callers

    async def caller(self, text: str, tenant: str | None) -> Caller:
        if text not in self.callers:
            raise Unauthenticated
        return self.callers[text]


class Served:
    """Every tenant but those that have left."""

    def __init__(self, *left: str) -> None:
        self.left = set(left)

    def known_to_be_here(self, tenant_id: str) -> bool:
        return tenant_id not in self.left

    async def is_here(self, tenant_id: str) -> bool:
        return tenant_id not in self.left
