"""Saving, sharing, changing and deleting searches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from uuid import uuid4

import msgspec

from application.ports import Clock
from domain.access.caller import Caller
from domain.access.permissions import Permission
from domain.errors import NotFound
from domain.search.saved import Draft, SavedSearch


class SavedSearchStore(Protocol):
    """The saved searches of tenants. All methods raise Unavailable while the database is away."""

    async def add(self, saved: SavedSearch) -> None:
        """Durable on return. Raises Conflict for a name that is taken, Invalid when there are
        MOST_SAVED already."""
        ...

    async def get(self, tenant_id: str, search_id: str) -> SavedSearch | None: ...

    async def listed(
        self, tenant_id: str, offset: int, limit: int
    ) -> tuple[Sequence[SavedSearch], int]:
        """By name, from an offset on, each with an empty `draft.search`, for a thousand may have
        many megabytes of it; and how many there are in all."""
        ...

    async def replace(self, saved: SavedSearch, *, only: int | None) -> SavedSearch | None:
        """Make it what is given, its version one more than what it was; durable on return. None
        when there is none, or none of the version `only`. Raises Conflict for a name that another
        has."""
        ...

    async def delete(self, tenant_id: str, search_id: str, *, only: int | None) -> bool:
        """Whether there was one, of the version `only` if given."""
        ...


class SavedSearches:
    """The one place where saved searches are written. All of a tenant read them; who saved one, or
    may manage all, changes and deletes it."""

    def __init__(self, store: SavedSearchStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def save(self, caller: Caller, draft: Draft) -> SavedSearch:
        """Raises Conflict and Invalid as the store."""
        now = self._clock()
        saved = SavedSearch(
            tenant_id=caller.tenant_id,
            search_id=f"search_{uuid4().hex}",
            draft=draft,
            version=1,
            created_by=caller.subject,
            created_us=now,
            changed_by=caller.subject,
            changed_us=now,
        )
        await self._store.add(saved)
        return saved

    async def get(self, caller: Caller, search_id: str) -> SavedSearch:
        """Raises NotFound."""
        saved = await self._store.get(caller.tenant_id, search_id)
        if saved is None:
            raise NotFound("there is no such saved search")
        return saved

    async def changeable(self, caller: Caller, search_id: str) -> SavedSearch:
        """One that the caller may change and delete. Raises NotFound; Forbidden."""
        saved = await self.get(caller, search_id)
        if saved.created_by != caller.subject:
            caller.require(Permission.SEARCHES_MANAGE)
        return saved

    async def listed(
        self, caller: Caller, page: int, limit: int
    ) -> tuple[Sequence[SavedSearch], int]:
        """A page, the first being 1, as the store lists it; and how many there are in all."""
        return await self._store.listed(caller.tenant_id, (page - 1) * limit, limit)

    async def replace(
        self, caller: Caller, saved: SavedSearch, draft: Draft, *, unchanged: bool
    ) -> SavedSearch | None:
        """Change one that is `changeable`, the last to do so winning. unchanged: only if it is
        still as given, else None. Raises NotFound for one that is gone; Conflict as the store."""
        new = msgspec.structs.replace(
            saved, draft=draft, changed_by=caller.subject, changed_us=self._clock()
        )
        changed = await self._store.replace(new, only=saved.version if unchanged else None)
        if changed is None and not unchanged:
            raise NotFound("there is no such saved search")
        return changed

    async def delete(self, saved: SavedSearch, *, unchanged: bool) -> bool:
        """Delete one that is `changeable`. unchanged: only if it is still as given, else False.
        Raises NotFound for one that is gone."""
        only = saved.version if unchanged else None
        gone = await self._store.delete(saved.tenant_id, saved.search_id, only=only)
        if not gone and not unchanged:
            raise NotFound("there is no such saved search")
        return gone
