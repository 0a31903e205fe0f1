"""Who may change and delete what is saved, and what changes with it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import msgspec
import pytest

from application.search.saving import SavedSearches
from domain.access.caller import Caller
from domain.access.permissions import permissions_of
from domain.errors import Forbidden, NotFound
from domain.search.saved import Draft, SavedSearch

pytestmark = pytest.mark.anyio

DRAFT = Draft("failed", None, b"{}", None)
OTHER = Draft("other", "Another", b'{"limit":1}', "P1D")


class InMemory:
    """A SavedSearchStore."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], SavedSearch] = {}

    def _there(self, key: tuple[str, str], only: int | None) -> bool:
        return key in self.rows and only in (None, self.rows[key].version)

    async def add(self, saved: SavedSearch) -> None:
        self.rows[saved.tenant_id, saved.search_id] = saved

    async def get(self, tenant_id: str, search_id: str) -> SavedSearch | None:
        return self.rows.get((tenant_id, search_id))

    async def listed(
        self, tenant_id: str, offset: int, limit: int
    ) -> tuple[Sequence[SavedSearch], int]:
        rows = [row for row in self.rows.values() if row.tenant_id == tenant_id]
        return rows[offset : offset + limit], len(rows)

    async def replace(self, saved: SavedSearch, *, only: int | None) -> SavedSearch | None:
        key = (saved.tenant_id, saved.search_id)
        if not self._there(key, only):
            return None
        version = self.rows[key].version + 1
        self.rows[key] = msgspec.structs.replace(saved, version=version)
        return self.rows[key]

    async def delete(self, tenant_id: str, search_id: str, *, only: int | None) -> bool:
        if not self._there((tenant_id, search_id), only):
            return False
        del self.rows[tenant_id, search_id]
        return True


@pytest.fixture
def saving() -> SavedSearches:
    clock = count(100)
    return SavedSearches(InMemory(), lambda: next(clock))


def caller(subject: str, role: str = "history_reader", tenant: str = "acme") -> Caller:
    return Caller(subject, tenant, frozenset({role}), permissions_of([role]), 2**60)


ANNA, BOB = caller("anna"), caller("bob")


async def test_all_of_a_tenant_read_it_and_no_other(saving: SavedSearches) -> None:
    made = await saving.save(ANNA, DRAFT)
    assert (made.tenant_id, made.draft, made.version) == ("acme", DRAFT, 1)
    assert (made.created_by, made.created_us) == (made.changed_by, made.changed_us) == ("anna", 100)
    assert await saving.get(BOB, made.search_id) == made
    assert await saving.listed(BOB, 1, 10) == ([made], 1)
    elsewhere = caller("anna", "admin", "globex")
    assert await saving.listed(elsewhere, 1, 10) == ([], 0)
    for ask in (saving.get, saving.changeable):
        with pytest.raises(NotFound):
            await ask(elsewhere, made.search_id)


async def test_pages_begin_with_one(saving: SavedSearches) -> None:
    made = [await saving.save(ANNA, DRAFT) for _ in range(5)]
    assert await saving.listed(ANNA, 1, 2) == (made[:2], 5)
    assert await saving.listed(ANNA, 3, 2) == (made[4:], 5)


async def test_who_saved_it_or_may_manage_all_changes_it(saving: SavedSearches) -> None:
    made = await saving.save(ANNA, DRAFT)
    assert await saving.changeable(ANNA, made.search_id) == made
    assert await saving.changeable(caller("root", "admin"), made.search_id) == made
    with pytest.raises(Forbidden, match=r"searches\.manage"):
        await saving.changeable(BOB, made.search_id)


async def test_a_change_says_who_and_when(saving: SavedSearches) -> None:
    made = await saving.save(ANNA, DRAFT)
    changed = await saving.replace(caller("root", "admin"), made, OTHER, unchanged=False)
    assert changed == msgspec.structs.replace(
        made, draft=OTHER, version=2, changed_by="root", changed_us=101
    )
    assert await saving.get(ANNA, made.search_id) == changed


async def test_only_if_it_is_unchanged(saving: SavedSearches) -> None:
    made = await saving.save(ANNA, DRAFT)
    assert await saving.replace(ANNA, made, OTHER, unchanged=True) is not None
    assert await saving.replace(ANNA, made, DRAFT, unchanged=True) is None
    assert await saving.delete(made, unchanged=True) is False
    assert (await saving.get(ANNA, made.search_id)).draft == OTHER
    assert await saving.delete(made, unchanged=False) is True


async def test_what_is_gone_is_not_found(saving: SavedSearches) -> None:
    made = await saving.save(ANNA, DRAFT)
    await saving.delete(made, unchanged=False)
    with pytest.raises(NotFound):
        await saving.get(ANNA, made.search_id)
    with pytest.raises(NotFound):
        await saving.replace(ANNA, made, DRAFT, unchanged=False)
    with pytest.raises(NotFound):
        await saving.delete(made, unchanged=False)
