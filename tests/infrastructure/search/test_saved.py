from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import psycopg
import pytest

from domain.errors import Conflict, Invalid
from domain.search.saved import MOST_SAVED, Draft, SavedSearch
from infrastructure.postgres import backup, search_tables
from infrastructure.postgres.connect import address, open_pool
from infrastructure.search.saved import PostgresSavedSearches
from projections.registry import read_models
from tests.projections.indexing import INDEXING

pytestmark = pytest.mark.anyio


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[PostgresSavedSearches]:
    with psycopg.connect(address(database_url, "cell_0", name="test")) as connection:
        connection.execute("delete from saved_searches")
    pool = await open_pool(database_url, "cell_0", min=1, max=4, name="test saved searches")
    yield PostgresSavedSearches(pool)
    await pool.close()


def saved(number: int = 1, tenant: str = "t", **changed: object) -> SavedSearch:
    draft = Draft(f"name {number:03}", "What failed", b'{"query":{"text":"failed"}}', "P7D")
    draft = msgspec.structs.replace(draft, **changed)
    return SavedSearch(tenant, f"search_{number}", draft, 1, "anna", 5, "anna", 5)


def listed(*found: SavedSearch) -> list[SavedSearch]:
    """As a list tells them: without what they search for."""
    bare = [msgspec.structs.replace(one.draft, search=b"") for one in found]
    return [
        msgspec.structs.replace(one, draft=draft) for one, draft in zip(found, bare, strict=True)
    ]


async def test_what_is_saved_is_there_for_its_tenant_alone(store: PostgresSavedSearches) -> None:
    bare = saved(2, description=None, last=None)
    for one in (saved(), bare):
        await store.add(one)
        assert await store.get("t", one.search_id) == one
        assert await store.get("u", one.search_id) is None
    assert await store.listed("u", 0, 10) == ([], 0)
    assert await store.replace(saved(tenant="u"), only=None) is None
    assert await store.delete("u", "search_1", only=None) is False
    assert await store.listed("t", 0, 10) == (listed(saved(), bare), 2)


async def test_pages_are_by_name(store: PostgresSavedSearches) -> None:
    for number in (3, 1, 2):
        await store.add(saved(number))
    assert await store.listed("t", 0, 2) == (listed(saved(1), saved(2)), 3)
    assert await store.listed("t", 2, 2) == (listed(saved(3)), 3)
    assert await store.listed("t", 4, 2) == ([], 3)


async def test_a_name_is_one_tenants_once(store: PostgresSavedSearches) -> None:
    await store.add(saved(1))
    await store.add(saved(1, tenant="u"))
    await store.add(saved(2))
    with pytest.raises(Conflict, match="name 001"):
        await store.add(msgspec.structs.replace(saved(1), search_id="another"))
    with pytest.raises(Conflict, match="name 001"):
        await store.replace(saved(2, name="name 001"), only=None)
    assert await store.listed("t", 0, 10) == (listed(saved(1), saved(2)), 2)


async def test_a_change_counts_the_version_and_keeps_who_made_it(
    store: PostgresSavedSearches,
) -> None:
    await store.add(saved())
    new = msgspec.structs.replace(
        saved(), draft=Draft("other", None, b"{}", None), changed_by="bob", changed_us=9,
        created_by="nobody", created_us=0,
    )  # fmt: skip
    expected = msgspec.structs.replace(new, created_by="anna", created_us=5, version=2)
    assert await store.replace(new, only=2) is None
    assert await store.get("t", "search_1") == saved()
    assert await store.replace(new, only=1) == expected
    assert await store.get("t", "search_1") == expected
    again = await store.replace(new, only=None)
    assert again is not None
    assert again.version == 3


async def test_of_changes_to_one_version_one_is_made(store: PostgresSavedSearches) -> None:
    await store.add(saved())
    new = [saved(name=f"new {number}") for number in range(6)]
    made = await asyncio.gather(*(store.replace(one, only=1) for one in new))
    assert sum(one is not None for one in made) == 1


async def test_what_is_deleted_is_gone(store: PostgresSavedSearches) -> None:
    await store.add(saved())
    assert await store.delete("t", "search_1", only=2) is False
    assert await store.delete("t", "search_1", only=1) is True
    assert await store.delete("t", "search_1", only=None) is False
    assert await store.get("t", "search_1") is None


async def test_a_tenant_saves_so_many_and_no_more_at_once(
    store: PostgresSavedSearches, database_url: str
) -> None:
    with psycopg.connect(address(database_url, "cell_0", name="test")) as connection:
        connection.execute(
            "insert into saved_searches"
            " select 't', 's' || n, 'n' || n, null, '{}', null, 1, 'a', 1, 'a', 1"
            " from generate_series(1, %s) n",
            (MOST_SAVED - 1,),
        )
    made = await asyncio.gather(
        *(store.add(saved(number)) for number in range(4)), return_exceptions=True
    )
    refused = [error for error in made if error is not None]
    assert len(refused) == 3
    assert all(isinstance(error, Invalid) and "1,000" in str(error) for error in refused)
    await store.add(saved(tenant="u"))


async def test_it_is_in_a_backup_and_restored(
    store: PostgresSavedSearches, database_url: str, empty_url: str, tmp_path: Path
) -> None:
    await store.add(saved())
    (tmp_path / "data").mkdir()
    backup.backup(database_url, tmp_path / "data", tmp_path / "backup")
    backup.restore(tmp_path / "backup", empty_url, tmp_path / "restored")
    pool = await open_pool(empty_url, "cell_0", min=1, max=1, name="test restored searches")
    assert await PostgresSavedSearches(pool).get("t", "search_1") == saved()
    await pool.close()


def test_no_read_model_has_the_table_so_a_rebuild_leaves_it() -> None:
    tables = [table for model in read_models(INDEXING) for table in model.tables]
    assert search_tables.idents in tables
    assert search_tables.saved_searches not in tables
