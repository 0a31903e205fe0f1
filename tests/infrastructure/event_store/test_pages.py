"""Pages: bodies and what is disclosed of them, as reader and disclosures would answer apart."""

from __future__ import annotations

import pytest

from infrastructure.event_store.pages import Pages
from infrastructure.event_store.reader import Reader
from infrastructure.key_store.files import FileKeyStore
from infrastructure.postgres.connect import Pool
from infrastructure.privacy.disclosures import StoredDisclosures
from infrastructure.privacy.keyring import Keyring
from tests.infrastructure.event_store.kit import accepted, committing, fresh, personal

pytestmark = pytest.mark.anyio


async def test_a_page_is_what_both_would_answer(
    database_url: str, key_store: FileKeyStore, pool: Pool
) -> None:
    tenant = fresh("paged")
    async with committing(database_url, key_store) as door:
        drafts = [personal(f"e{number}", "o1", tenant) for number in range(3)]
        events = [outcome.event for outcome in accepted(await door.submit(drafts))]
    disclosures = StoredDisclosures(pool, Keyring(key_store))
    pages = Pages(pool, disclosures)
    positions = [events[number].position for number in (2, 0)]
    bodies = await Reader(pool).bodies(tenant, positions)
    assert [row.sequence for row in bodies] == [3, 1]
    rows, disclosed = await pages.page(tenant, positions, [3, 1])
    assert rows == bodies
    assert disclosed == await disclosures.of(tenant, [3, 1])
    assert sorted(map(str, disclosed.values())) == ["about e0", "about e2"]
    assert await pages.page(tenant, positions, ()) == (bodies, {})
    assert await pages.page(tenant, [], []) == ([], {})


async def test_a_page_discloses_nothing_of_another_tenant(
    database_url: str, key_store: FileKeyStore, pool: Pool
) -> None:
    tenant, stranger = fresh("paged"), fresh("stranger")
    async with committing(database_url, key_store) as door:
        accepted(await door.submit([personal("e1", "o1", tenant)]))
        (other,) = accepted(await door.submit([personal("e1", "o1", stranger)]))
    pages = Pages(pool, StoredDisclosures(pool, Keyring(key_store)))
    with pytest.raises(KeyError):
        await pages.page(tenant, [other.event.position], [1])
    _, disclosed = await pages.page(stranger, [other.event.position], [1])
    assert list(disclosed.values()) == ["about e1"]
