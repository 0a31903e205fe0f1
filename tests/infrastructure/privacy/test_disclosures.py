"""Personal values beside the ledger: back for those who may see them, in the clear nowhere."""

from __future__ import annotations

import base64
import shutil
from pathlib import Path
from typing import Any

import psycopg
import pytest

from domain.errors import KeyUnavailable
from domain.orders.events import Draft
from domain.privacy.disclosing import Kept
from domain.privacy.revealing import digests
from infrastructure.event_store.keys import unopenable_keys
from infrastructure.key_store.files import FileKeyStore
from infrastructure.postgres.connect import Pool, open_pool
from infrastructure.privacy.disclosures import StoredDisclosures
from infrastructure.privacy.keyring import Keyring
from infrastructure.pseudonyms.kept import KeptBeside
from infrastructure.pseudonyms.mappings import FileMappings
from tests.infrastructure.event_store.kit import (
    Ledger,
    accepted,
    committing,
    fresh,
    personal,
    plans,
)

pytestmark = pytest.mark.anyio

SECRETS = ["Ada Lovelace", "ada@example.org", "12 Analytical Row", "192.0.2.77", "fragile, please"]
ADDRESS = {"name": SECRETS[0], "line1": SECRETS[2], "country": "GB"}
PAYLOAD: dict[str, Any] = {
    "note": SECRETS[4],
    "customer": {"id": "c1", "email": SECRETS[1]},
    "shipping_address": ADDRESS,
}


def letter(event_id: str, order_id: str, tenant: str) -> Draft:
    return personal(
        event_id, order_id, tenant, metadata={"actor_id": "u1", "ip": SECRETS[3]}, **PAYLOAD
    )


@pytest.fixture
def tenant() -> str:
    return fresh("personal")


@pytest.fixture
async def stored(database_url: str, key_store: FileKeyStore, tenant: str) -> str:
    """Three events with personal values: two of one order, one of another."""
    async with committing(database_url, key_store) as door:
        for event_id, order_id in (("e1", "o1"), ("e2", "o1"), ("e3", "o2")):
            accepted(await door.submit([letter(event_id, order_id, tenant)]))
    return tenant


def opening(pool: Pool, key_store: FileKeyStore) -> StoredDisclosures:
    """As a process would that has just started."""
    return StoredDisclosures(pool, Keyring(key_store))


def keeping(pool: Pool, key_store: FileKeyStore, data_dir: Path) -> KeptBeside:
    mappings = FileMappings(data_dir, key_store, data_dir / "lock")
    return KeptBeside(opening(pool, key_store), mappings)


async def test_what_was_sealed_comes_back(
    pool: Pool, key_store: FileKeyStore, stored: str, ledger: Ledger
) -> None:
    disclosed = await opening(pool, key_store).of(stored, [1, 2, 3])
    for (state,) in ledger.rows("select state from events where tenant_id = %s", stored):
        values = [disclosed[digest] for digest in digests(state)]
        assert sorted(map(str, values)) == sorted(SECRETS)
    assert len(disclosed) == 3 * len(SECRETS)


async def test_of_these_events_alone(pool: Pool, key_store: FileKeyStore, stored: str) -> None:
    disclosures = opening(pool, key_store)
    assert len(await disclosures.of(stored, [2])) == len(SECRETS)
    assert await disclosures.of(stored, []) == {}
    assert await disclosures.of(stored, [99]) == {}
    assert await disclosures.of(fresh("stranger"), [1, 2, 3]) == {}


async def test_one_plan_serves_pages_of_any_length(
    database_url: str, key_store: FileKeyStore, stored: str, ledger: Ledger
) -> None:
    ledger.connection.execute("analyze disclosures")
    alone = await open_pool(database_url, "cell_0", min=1, max=1, name="test plans")
    try:
        for sequences in [[1], [1, 2, 3], [2]] * 4:
            disclosed = await opening(alone, key_store).of(stored, sequences)
            assert len(disclosed) == len(sequences) * len(SECRETS)
        kept, new = await plans(alone, "from disclosures d")
    finally:
        await alone.close()
    assert kept > 0, "planned anew for each page"
    assert new == 5, "the server tries so often before it keeps a plan"


async def test_of_an_order_without_its_actors(
    pool: Pool, key_store: FileKeyStore, stored: str
) -> None:
    disclosed = await opening(pool, key_store).of_order(stored, "o1")
    assert len(disclosed) == 2 * (len(SECRETS) - 1)
    assert SECRETS[3] not in disclosed.values()
    assert await opening(pool, key_store).of_order(stored, "o9") == {}
    assert await opening(pool, key_store).of_order(fresh("stranger"), "o1") == {}


async def test_an_erased_order_discloses_nothing_and_hides_nothing_else(
    pool: Pool, key_store: FileKeyStore, stored: str, ledger: Ledger
) -> None:
    erase = "update data_keys set wrapped = null where tenant_id = %s and subject = 'o1'"
    ledger.connection.execute(erase, (stored,))
    disclosures = opening(pool, key_store)
    assert await disclosures.of_order(stored, "o1") == {}
    assert list((await disclosures.of(stored, [1])).values()) == [SECRETS[3]]
    assert len(await disclosures.of(stored, [3])) == len(SECRETS)


async def test_a_keyring_that_knows_a_key_obeys_its_erasure(
    pool: Pool, key_store: FileKeyStore, stored: str, ledger: Ledger
) -> None:
    disclosures = opening(pool, key_store)
    assert await disclosures.of_order(stored, "o1") != {}
    erase = "update data_keys set wrapped = null where tenant_id = %s and subject = 'o1'"
    ledger.connection.execute(erase, (stored,))
    assert await disclosures.of_order(stored, "o1") == {}


async def test_what_is_kept_is_told_by_name_and_digest(
    pool: Pool, key_store: FileKeyStore, stored: str, ledger: Ledger, tmp_path: Path
) -> None:
    beside = keeping(pool, key_store, tmp_path)
    kept = await beside.kept(stored, 1)
    assert not kept.damaged
    assert sorted(kept.names.values()) == ["email", "ip", "line1", "name", "note"]
    assert kept.names.keys() == (await opening(pool, key_store).of(stored, [1])).keys()
    assert await beside.kept(fresh("stranger"), 1) == Kept({}, replaced=set(), originals=set())
    ledger.connection.execute(
        "update data_keys set wrapped = null where tenant_id = %s and subject = 'o1'", (stored,)
    )
    erased = await beside.kept(stored, 1)
    assert (list(erased.names.values()), erased.damaged) == (["ip"], False)


@pytest.mark.parametrize(
    "damage",
    [
        "update disclosures set sealed = '\\x00' where tenant_id = %s and sequence = 1",
        "update disclosures set sealed = sealed || '\\x00' where tenant_id = %s and sequence = 1",
        "update data_keys set wrapped = '\\x00' where tenant_id = %s",
        "update data_keys set bucket_key_id = gen_random_uuid() where tenant_id = %s",
    ],
)
async def test_what_does_not_open_is_told_of(
    pool: Pool, key_store: FileKeyStore, stored: str, ledger: Ledger, tmp_path: Path, damage: str
) -> None:
    ledger.connection.execute(damage.encode(), (stored,))
    kept = await keeping(pool, key_store, tmp_path).kept(stored, 1)
    assert kept == Kept({}, damaged=True, replaced=set(), originals=set())


@pytest.mark.parametrize(("one", "other"), [(1, 2), (1, 3)])
async def test_rows_swapped_between_events_do_not_open(
    pool: Pool, key_store: FileKeyStore, stored: str, ledger: Ledger, one: int, other: int
) -> None:
    swap = (
        "update disclosures d set sealed = o.sealed from disclosures o"
        " join data_keys k on k.tenant_id = o.tenant_id and k.key_id = o.key_id"
        " where d.tenant_id = %s and o.tenant_id = d.tenant_id and k.kind = 'order'"
        " and d.sequence = any(%s) and o.sequence = %s - d.sequence"
        " and d.key_id in (select key_id from data_keys where kind = 'order')"
    )
    done = ledger.connection.execute(swap, (stored, [one, other], one + other))
    assert done.rowcount == 2
    for sequence in (one, other):
        with pytest.raises(KeyUnavailable):
            await opening(pool, key_store).of(stored, [sequence])


async def test_a_row_moved_to_another_event_does_not_open(
    pool: Pool, key_store: FileKeyStore, stored: str, ledger: Ledger
) -> None:
    ledger.connection.execute(
        "update disclosures set sequence = 9 where tenant_id = %s and sequence = 3", (stored,)
    )
    with pytest.raises(KeyUnavailable):
        await opening(pool, key_store).of(stored, [9])


async def test_a_lost_key_store_is_told_clearly(
    pool: Pool, key_store: FileKeyStore, stored: str, ledger: Ledger, tmp_path: Path
) -> None:
    assert unopenable_keys(ledger.connection, key_store) == _others(ledger, stored)
    shutil.rmtree(tmp_path / "keys")
    fresh_store = FileKeyStore(tmp_path / "keys")
    with pytest.raises(KeyUnavailable, match="key store"):
        await opening(pool, fresh_store).of(stored, [1])
    live = "select count(*) from data_keys where wrapped is not null"
    assert unopenable_keys(ledger.connection, fresh_store) == ledger.rows(live)[0][0]


def _others(ledger: Ledger, tenant: str) -> int:
    """Live keys of other tests' tenants, whose key stores are gone."""
    live = "select count(*) from data_keys where wrapped is not null and tenant_id <> %s"
    return int(ledger.rows(live, tenant)[0][0])


async def test_a_lost_key_store_stops_the_tenants_writes_alone(
    database_url: str, key_store: FileKeyStore, stored: str, tmp_path: Path
) -> None:
    (tmp_path / "keys" / "tenants" / f"{stored}.keys").unlink()
    other = fresh("unharmed")
    async with committing(database_url, FileKeyStore(tmp_path / "keys")) as door:
        with pytest.raises(KeyUnavailable):
            await door.submit([letter("e4", "o1", stored)])
        accepted(await door.submit([letter("e1", "o1", other)]))


async def test_nothing_personal_is_in_a_dump(
    database_url: str, stored: str, ledger: Ledger
) -> None:
    """Every column of every table, as text and as bytes; also not in base64 or hex."""
    ledger.connection.execute("analyze")
    dumped = _dump(database_url)
    assert stored in dumped
    assert '"country":"GB"' in dumped, "what is not personal is there to be read"
    for secret in SECRETS:
        assert secret not in dumped
        assert secret.encode().hex() not in dumped
        for shift in range(3):  # base64 of it wherever it may begin
            coded = base64.b64encode(b"x" * shift + secret.encode())[4:-4].decode()
            assert coded not in dumped


def _dump(url: str) -> str:
    """All rows of all tables as text: bytea in hex, and again as text where it is text."""
    parts: list[str] = []
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "select format('%I.%I', table_schema, table_name) from information_schema.tables"
            " where table_type = 'BASE TABLE'"
            " and table_schema not in ('pg_catalog', 'information_schema')"
        ).fetchall()
        for (table,) in tables:
            for row in connection.execute(f"select t.* from {table} t".encode()).fetchall():
                for value in row:
                    parts.append(str(value))
                    if isinstance(value, bytes):
                        parts += [value.hex(), value.decode("latin-1")]
        rows = connection.execute("select s::text from pg_statistic s").fetchall()
        parts += [row[0] for row in rows]
    return "\n".join(parts)
