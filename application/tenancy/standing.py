"""Whether tenants are served here, asked at each request."""

from __future__ import annotations

from application.audit.newest import Newest
from application.tenancy.ports import Leavings
from domain.errors import Unavailable
from domain.tenancy.closing import Closing


class Standing:
    """As it was a second ago at most. For one event loop.

    `left` are the tenants that had left when this process began: the database may be a backup from
    before, and not know it.
    """

    def __init__(self, newest: Newest[Closing], leavings: Leavings, left: frozenset[str]) -> None:
        self._newest = newest
        self._leavings = leavings
        self._left = left

    def known_to_be_here(self, tenant_id: str) -> bool:
        """Whether it was looked at just now, and is served; without waiting."""
        known = self._newest.known(tenant_id)
        return known is not None and known.closed is None and tenant_id not in self._left

    async def is_here(self, tenant_id: str) -> bool:
        """Whether it is served. While the store does not tell, who was not known to be closed is,
        unless its export is whole: what there is to read is in the store."""
        if tenant_id in self._left:
            return False
        try:
            return (await self._newest.of(tenant_id)).closed is None
        except Unavailable:
            return self._leavings.of(tenant_id) is None
