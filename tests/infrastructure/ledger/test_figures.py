from __future__ import annotations

from collections.abc import Mapping

import pytest

from domain.errors import Unavailable
from infrastructure.ledger.figures import ledger_figures
from infrastructure.ledger.signed_store import published_key
from infrastructure.postgres.connect import open_pool
from infrastructure.postgres.migrate import upgrade

pytestmark = pytest.mark.anyio

NOW_US = 2_000_000_000_000_000
HASH = bytes(32)


class Published:
    """Storage that holds the rounds up to one."""

    def __init__(self, up_to: int | None) -> None:
        self._up_to = up_to
        self.asked = 0

    async def put(self, objects: Mapping[str, bytes]) -> None:
        raise NotImplementedError

    async def get(self, key: str) -> bytes | None:
        self.asked += 1
        if self._up_to is None:
            raise Unavailable
        number = int(key.rpartition("/")[2])
        assert key == published_key("_global", 2, number)
        return b"note" if number <= self._up_to else None

    async def largest(self, prefix: str) -> int | None:
        raise NotImplementedError


@pytest.fixture
async def filled(database_url: str) -> str:
    """Three events of which the first is signed, in a second epoch's round 5."""
    pool = await open_pool(database_url, "cell_0", min=1, max=1, name="test filling")
    async with pool.connection() as connection:
        for position in (1, 2, 3):
            await connection.execute(
                "insert into events values (%s, gen_random_uuid(), 1, 't', 'acme', %s, %s, null,"
                " %s, %s, %s, '')",
                (position, position, f"e{position}", NOW_US - 9_000_000 + position, HASH, HASH),
            )
        for epoch, number, position, signed_us in ((1, 9, 0, 1), (2, 5, 1, NOW_US - 8_000_000)):
            await connection.execute(
                "insert into ledger_rounds values (%s, %s, '', %s, %s, %s)",
                (epoch, number, HASH, position, signed_us),
            )
        for tenant, kind in (("acme", "audit"), ("other", "audit"), ("_global", "signer")):
            await connection.execute(
                "insert into ledger_alarms values (%s, %s, null, '', 1)", (tenant, kind)
            )
        for tenant, sequence, passes in (("a", 10, 4), ("b", 20, 4), ("c", 500, 3)):
            await connection.execute(
                "insert into ledger_audits values (%s, %s, %s, 1, 1, '', %s, 1)",
                (tenant, sequence, HASH, passes),
            )
    await pool.close()
    return database_url


async def test_an_installation_that_has_just_begun(empty_url: str) -> None:
    upgrade(empty_url)
    pool = await open_pool(empty_url, "cell_0", min=1, max=1, name="test figures")
    figures = await ledger_figures(pool, Published(0), lambda: NOW_US)
    await pool.close()
    assert (figures.alarms, figures.unsigned_events, figures.signed_age_us) == ({}, 0, 0)
    assert (figures.unpublished_rounds, figures.audited_events, figures.audit_passes) == (0, 0, 0)


async def test_what_waits_and_what_was_looked_at(filled: str) -> None:
    pool = await open_pool(filled, "cell_0", min=1, max=1, name="test figures")
    published = Published(5)
    figures = await ledger_figures(pool, published, lambda: NOW_US)
    assert figures.alarms == {"audit": 2, "signer": 1}
    assert figures.unsigned_events == 2
    assert figures.signed_age_us == 8_000_000  # the checkpoint's, for the event is older
    assert (figures.unpublished_rounds, published.asked) == (0, 1)  # the usual look is one
    assert (figures.audited_events, figures.audit_passes) == (30, 3)
    for up_to in range(6):
        figures = await ledger_figures(pool, Published(up_to), lambda: NOW_US)
        assert figures.unpublished_rounds == 5 - up_to
    silent = await ledger_figures(pool, Published(None), lambda: NOW_US)
    assert silent.unpublished_rounds is None
    await pool.close()
