"""A superuser changes what is stored beside a running service: health, metrics and the tenant's own
ledger tell of it, until it is as it was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from domain.ledger.tiles import WIDTH
from infrastructure.ledger import self_audit
from interfaces.settings import LedgerSettings, Settings
from tests.interfaces.http.journeys.house import BASE, House, Json, Shop, opened

pytestmark = pytest.mark.anyio

PATIENCE = 60
"""Seconds after which something that must come counts as never coming."""


@pytest.fixture(scope="module")
async def house(
    anyio_backend: str, database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    """With a self-audit that begins its passes soon after each other."""
    ledger = LedgerSettings(checkpoint_seconds=0.05, audit_rate=20_000)
    data_dir: Path = tmp_path_factory.mktemp("house")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(self_audit, "REST", 0.05)
        async with opened(Settings(database_url, data_dir, ledger=ledger)) as house:
            yield house


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await holds():  # noqa: ASYNC110  # it is asked over HTTP
            await asyncio.sleep(0.05)


def rows(shop: Shop, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """As a superuser."""
    with psycopg.connect(shop.house.settings.database_url, autocommit=True) as connection:
        connection.execute("set search_path = cell_0")
        cursor = connection.execute(statement.encode(), parameters)
        return cursor.fetchall() if cursor.description else []


def tamper(shop: Shop, table: str, statement: str) -> None:
    """A row of this tenant's, past the triggers that refuse it."""
    with psycopg.connect(shop.house.settings.database_url) as connection:
        connection.execute("set search_path = cell_0")
        connection.execute(f"alter table {table} disable trigger all".encode())
        done = connection.execute(f"{statement} and tenant_id = %s".encode(), (shop.tenant,))
        assert done.rowcount == 1
        connection.execute(f"alter table {table} enable trigger all".encode())


async def health(shop: Shop) -> Json:
    answer = await shop.as_role("operator").get(f"{BASE}/health")
    assert answer.status_code == 200
    return dict(answer.json())


async def alarms_metric(shop: Shop) -> float:
    answer = await shop.as_role("operator").get(f"{BASE}/metrics")
    return next(
        sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if sample.name == "order_history_ledger_alarms" and sample.labels == {"kind": "audit"}
    )


async def told_on_the_ledger(shop: Shop) -> list[Json]:
    items = await shop.walk("/events", "auditor", type="history.ledger.alarm")
    return [item["payload"] for item in items]


def published(shop: Shop, size: int) -> Path:
    return shop.house.settings.data_dir / "published" / shop.tenant / "1/checkpoint" / str(size)


async def is_signed(shop: Shop, size: int) -> None:
    """And published: a row edited before would be published as edited, for ever."""

    async def signed() -> bool:
        newest = "select max(size) from ledger_checkpoints where tenant_id = %s"
        return rows(shop, newest, shop.tenant) == [(size,)] and published(shop, size).exists()

    await until(signed)


async def found(shop: Shop) -> Json:
    """What the alarm on the tenant's ledger says, once health and metrics tell of it as well."""

    async def told() -> bool:
        return await alarms_metric(shop) == 1

    await until(told)
    state = await health(shop)
    assert state["status"] == "degraded"
    assert state["subsystems"]["ledger"]["status"] == "degraded"
    assert "1 alarms (audit)" in state["subsystems"]["ledger"]["reason"]

    async def recorded() -> bool:
        return bool(await told_on_the_ledger(shop))

    await until(recorded)
    (payload,) = await told_on_the_ledger(shop)
    assert payload["kind"] == "audit"
    return payload


async def cleared(shop: Shop) -> None:
    async def silent() -> bool:
        return await alarms_metric(shop) == 0

    await until(silent)
    assert (await health(shop))["subsystems"]["ledger"] == {"status": "ok", "reason": None}


async def test_an_edited_event(shop: Shop) -> None:
    for _ in range(3):
        await shop.record()
    await is_signed(shop, 3)
    edit = "update events set state = set_byte(state, 30, 255 - get_byte(state, 30))"
    tamper(shop, "events", f"{edit} where sequence = 2")
    what = "the stored bytes do not have the stored hash"
    assert await found(shop) == {"kind": "audit", "sequence": 2, "detail": what}
    tamper(shop, "events", f"{edit} where sequence = 2")
    await cleared(shop)
    assert len(await told_on_the_ledger(shop)) == 1


async def test_an_edited_checkpoint(shop: Shop) -> None:
    await shop.record()
    await is_signed(shop, 1)
    tamper(
        shop, "ledger_checkpoints", "update ledger_checkpoints set note = note || ' ' where true"
    )
    what = "the checkpoint stored at size 1 is not one that its log signed"
    assert await found(shop) == {"kind": "audit", "sequence": 1, "detail": what}
    restore = "update ledger_checkpoints set note = rtrim(note, ' ') where size = 1"
    tamper(shop, "ledger_checkpoints", restore)
    await cleared(shop)


async def test_an_edited_tile(shop: Shop) -> None:
    await shop.record_all(shop.event() for _ in range(WIDTH))
    await is_signed(shop, WIDTH)
    edit = "update ledger_tiles set root = set_byte(root, 3, 255 - get_byte(root, 3)) where true"
    tamper(shop, "ledger_tiles", edit)
    what = "tile 0/0 is not what its events give"
    assert await found(shop) == {"kind": "audit", "sequence": 1, "detail": what}
    tamper(shop, "ledger_tiles", edit)
    await cleared(shop)


async def test_an_edited_published_file(shop: Shop) -> None:
    await shop.record()
    await is_signed(shop, 1)
    path = published(shop, 1)
    there = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(there.replace(b"\n1\n", b"\n2\n"))
    what = "the checkpoint published at size 1 is not the one that is stored"
    assert await found(shop) == {"kind": "audit", "sequence": 1, "detail": what}
    path.write_bytes(there)
    await cleared(shop)
