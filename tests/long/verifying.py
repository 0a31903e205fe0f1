"""What was promised, against what is stored and recomputed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg

from infrastructure.event_store.auditing import audit, gaps
from infrastructure.postgres.connect import address, connect_one
from interfaces.composition.models import models as read_models
from interfaces.settings import Settings
from projections.progress import status
from projections.rebuild import compare
from projections.reconciling.place import reconciled
from projections.registry import NAMES
from tests.long.harness import PATIENCE
from tests.long.load import Promise

STORED = "select tenant_id, event_id, sequence, entry, ledger_hash from events"
WHOLE = """
select tenant_id, count(*), max(sequence), count(distinct event_id) from events group by tenant_id
"""


def verify(url: str, promised: Mapping[tuple[str, str], Promise]) -> int:
    """Every promise is kept, no sequence or position is missing, every chain recomputes from the
    stored bytes. Returns how many events there are."""
    kept = dict(promised)  # before anything is read: what was promised until now
    with psycopg.connect(address(url, "cell_0", name="verify", as_owner=True)) as connection:
        stored = {
            (row[0], row[1]): Promise(row[2], row[3].hex(), row[4].hex())
            for row in connection.execute(STORED)
        }
        broken = [key for key, promise in kept.items() if stored.get(key) != promise]
        assert not broken, f"{len(broken)} broken promises, the first: {broken[0]}"
        for tenant, count, last, distinct in connection.execute(WHOLE).fetchall():
            assert count == last == distinct, f"{tenant}: {count} events up to sequence {last}"
        held, differences = audit(connection)
        assert differences == []
        assert held >= len(stored)
        assert gaps(connection) == 0
    return len(stored)


async def verify_followed(url: str) -> None:
    """The read models reach the end of the store, nothing was left out, and the reconciler had
    nothing to put right."""
    started = time.monotonic()
    async with await connect_one(url, "cell_0", name="verify models", as_owner=True) as connection:
        while True:
            models = await status(connection, NAMES)
            assert all(model.dead_letters == 0 for model in models)
            assert (await reconciled(connection)).healed == 0
            if all(model.lag == 0 for model in models):
                return
            assert time.monotonic() - started < PATIENCE, f"the read models stay behind: {models}"
            await asyncio.sleep(0.1)


async def verify_read_models(url: str, data_dir: Path) -> None:
    """The same, and they are what a rebuild would make of the store."""
    await verify_followed(url)

    async def connect() -> Any:
        return await connect_one(url, "cell_0", name="verify models", as_owner=True)

    assert await compare(connect, read_models(Settings(url, data_dir))) == []
