"""What `GET /health` says of the real parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from infrastructure.postgres.migrate import upgrade
from interfaces.settings import Settings
from tests.interfaces.http.journeys.house import BASE, Shop, opened

pytestmark = pytest.mark.anyio


async def key_store(shop: Shop) -> dict[str, Any]:
    answer = await shop.as_role("operator").get(f"{BASE}/health")
    return dict(answer.json()["subsystems"]["key_store"])


async def test_a_key_store_that_lost_its_keys(empty_url: str, tmp_path: Path) -> None:
    upgrade(empty_url)
    async with opened(Settings(database_url=empty_url, data_dir=tmp_path)) as house:
        shop = house.shop()
        assert await key_store(shop) == {"status": "ok", "reason": None}
        await shop.record(payload={"note": "ring twice"})
        assert await key_store(shop) == {"status": "ok", "reason": None}
        keys = tmp_path / "keys" / "tenants" / f"{shop.tenant}.keys"
        keys.rename(tmp_path / "lost")
        assert await key_store(shop) == {
            "status": "down",
            "reason": "The key store lacks keys that the database names.",
        }
        (tmp_path / "lost").rename(keys)
        assert await key_store(shop) == {"status": "ok", "reason": None}


async def test_alarms_of_the_ledger(database_url: str, tmp_path: Path) -> None:
    """Whoever asks holds one tenant: of the others not even the name is told."""
    async with opened(Settings(database_url=database_url, data_dir=tmp_path)) as house:
        operator = house.shop().as_role("operator")

        async def ledger() -> dict[str, Any]:
            return dict((await operator.get(f"{BASE}/health")).json()["subsystems"]["ledger"])

        assert await ledger() == {"status": "ok", "reason": None}
        with psycopg.connect(database_url) as connection:
            connection.execute(
                "insert into cell_0.ledger_alarms values ('umbrella', 'audit', 7, 'differs', 0),"
                " ('umbrella', 'witness', null, 'differs', 1), ('nova', 'audit', 7, 'differs', 2)"
            )
        told = await ledger()
        assert told["status"] == "degraded"
        assert told["reason"].startswith("3 alarms (audit, witness)")
        assert "umbrella" not in str(told)
