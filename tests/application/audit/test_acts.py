"""Acts on a real ledger: decided once, kept once, however many decide at the same time."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from itertools import count
from typing import Any

import msgspec
import pytest

from application.audit.acts import Acts
from application.ports import Door, Outcome
from domain.audit.acts import Act, Doer, Fact
from domain.errors import Conflict
from domain.orders.events import Draft, decode_body
from infrastructure.event_store.histories import Histories
from infrastructure.event_store.reader import Reader
from infrastructure.key_store.files import FileKeyStore
from infrastructure.postgres.connect import Pool, open_pool
from infrastructure.privacy.disclosures import StoredDisclosures
from infrastructure.privacy.keyring import Keyring
from tests.infrastructure.event_store.kit import committing

pytestmark = pytest.mark.anyio
ANN = Doer("ann", "192.0.2.7")
NOW = 1_750_000_000_000_000
_tenants = count(1)


class Tally:
    """An aggregate that counts, up to ten."""

    stream = "tally"

    def __init__(self) -> None:
        self.version = 0
        self.counted: list[int] = []

    def apply(self, fact: Fact) -> None:
        assert fact.after is not None
        self.counted.append(fact.after["number"])

    def count(self) -> Act:
        if len(self.counted) >= 10:
            raise Conflict("ten are enough")
        before = {"number": self.counted[-1]} if self.counted else None
        return Act("history.tally.counted", "tally", before, {"number": len(self.counted) + 1})


@pytest.fixture
def tenant() -> str:
    return f"acts-{next(_tenants)}"


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    pool = await open_pool(database_url, "cell_0", min=1, max=4, name="acts")
    yield pool
    await pool.close()


@pytest.fixture
async def acts(database_url: str, pool: Pool, key_store: FileKeyStore) -> AsyncIterator[Acts]:
    keyring = Keyring(key_store)
    async with committing(database_url, key_store, clock=lambda: NOW) as committer:
        yield Acts(committer, Histories(pool), lambda: NOW, os.urandom, keyring.warm)


async def test_an_act_is_an_event_with_who_and_from_where(
    acts: Acts, pool: Pool, tenant: str, key_store: FileKeyStore
) -> None:
    tally, act = await acts.act(tenant, ANN, Tally, Tally.count)
    assert act is not None
    assert (tally.counted, tally.version) == ([1], 1)
    row = await Reader(pool).by_id(tenant, "oh_evt_tally/1")
    assert row is not None
    body = decode_body(row.state)
    assert (body.type, body.stream, body.stream_version) == ("history.tally.counted", "tally", 1)
    assert body.order_id is None
    assert msgspec.json.decode(body.payload) == {
        "target": "tally", "before": None, "after": {"number": 1},
    }  # fmt: skip
    assert b"192.0.2.7" not in row.state  # an address is personal
    disclosed = await StoredDisclosures(pool, Keyring(key_store)).of(tenant, [row.sequence])
    assert list(disclosed.values()) == ["192.0.2.7"]


async def test_what_was_done_is_loaded_again(acts: Acts, tenant: str) -> None:
    for _ in range(3):
        await acts.act(tenant, ANN, Tally, Tally.count)
    assert (await acts.load(tenant, Tally())).counted == [1, 2, 3]
    assert await acts.version(tenant, "tally") == 3
    assert await acts.version(tenant, "another") == 0
    assert (await acts.load(f"{tenant}-other", Tally())).counted == []


async def test_of_many_at_once_each_decides_on_what_the_others_did(acts: Acts, tenant: str) -> None:
    asked = [acts.act(tenant, ANN, Tally, Tally.count) for _ in range(14)]
    done = await asyncio.gather(*asked, return_exceptions=True)
    assert (await acts.load(tenant, Tally())).counted == list(range(1, 11))
    assert sum(isinstance(one, Conflict) for one in done) == 4


async def test_what_is_so_already_is_not_done(acts: Acts, tenant: str) -> None:
    tally, act = await acts.act(tenant, ANN, Tally, lambda _: None)
    assert act is None
    assert tally.version == await acts.version(tenant, "tally") == 0


async def test_what_stands_beside_is_written_with_the_act_alone(
    acts: Acts, pool: Pool, tenant: str
) -> None:
    statement = "insert into dead_letters values ('acts', %s, %s, 1, 'x', 1)"
    position = 1_000_000 + int(tenant.removeprefix("acts-"))

    await acts.act(tenant, ANN, Tally, Tally.count, lambda _: [(statement, (position, tenant))])
    await acts.act(tenant, ANN, Tally, lambda _: None, lambda _: [("select nonsense", ())])
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "select count(*) from dead_letters where tenant_id = %s", (tenant,)
        )
        assert await cursor.fetchone() == (1,)


async def test_somebody_who_was_faster_is_decided_upon(acts: Acts, pool: Pool, tenant: str) -> None:
    """The door says that the id is taken: by another process, after this one had looked."""
    real: Door = acts._door
    asked = 0

    class Slower:
        async def submit(self, drafts: Sequence[Draft], **given: Any) -> list[Outcome]:
            nonlocal asked
            asked += 1
            if asked == 1:
                acts._door = real
                await acts.act(tenant, Doer("bob"), Tally, Tally.count)
                acts._door = self
            outcomes: list[Outcome] = await real.submit(drafts, **given)
            return outcomes

    acts._door = Slower()
    tally, _ = await acts.act(tenant, ANN, Tally, Tally.count)
    assert tally.counted == [1, 2]
    assert asked == 2
