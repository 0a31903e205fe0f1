"""What `doctor` says of what is signed, beside a running service."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import psycopg
import pytest

from infrastructure.postgres.migrate import upgrade
from interfaces.composition.findings import signed_findings
from interfaces.settings import LedgerSettings, Settings
from tests.interfaces.cli.program import run
from tests.interfaces.http.journeys.house import House, Shop

pytestmark = pytest.mark.anyio

PATIENCE = 60


def superuser(settings: Settings, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        connection.execute("set search_path = cell_0")
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


async def found(house: House, name: str) -> list[tuple[bool, str]]:
    findings = await asyncio.to_thread(signed_findings, house.settings)
    return [(one.ok, one.detail) for one in findings if one.name == name]


def object_of(house: House, number: int) -> Path:
    return house.settings.data_dir / "published" / "_global" / "1" / "checkpoint" / str(number)


@pytest.fixture
async def newest(house: House, shop: Shop) -> int:
    """The number of the newest round, which is published, at rest."""
    await shop.record()
    unsigned = (
        "select (select max(position) from events) - (select max(position) from ledger_rounds)"
    )

    async def waits() -> bool:
        if await asyncio.to_thread(superuser, house.settings, unsigned) != [(0,)]:
            return True
        return not object_of(house, number()).exists()

    def number() -> int:
        ((size,),) = superuser(house.settings, "select max(round) from ledger_rounds")
        return int(size)

    async with asyncio.timeout(PATIENCE):
        while await waits():  # noqa: ASYNC110  # the worker's end is not told to a test
            await asyncio.sleep(0.05)
    return number()


async def test_all_is_well(house: House, newest: int) -> None:
    assert await found(house, "alarms") == [(True, "none stands")]
    assert await found(house, "signing keys") == [(True, "the file has mode 600")]
    said = f"that of round {newest} verifies and is published"
    assert await found(house, "newest checkpoint") == [(True, said)]
    ((ok, detail),) = await found(house, "self-audit")
    assert ok
    assert detail.startswith("in pass ")
    assert "off" not in detail


def test_before_anything_is_signed(empty_url: str, tmp_path: Path) -> None:
    """Nothing is made by looking: neither keys nor anything that is published."""
    upgrade(empty_url)
    settings = Settings(empty_url, tmp_path, ledger=LedgerSettings(audit_rate=0))
    findings = signed_findings(settings)
    assert [(one.name, one.ok, one.detail) for one in findings] == [
        ("alarms", True, "none stands"),
        ("signing keys", True, "nothing signed yet, no key made"),
        ("newest checkpoint", True, "nothing is signed yet"),
        ("self-audit", True, "in pass 1, and off (ORDER_HISTORY_AUDIT_RATE=0)"),
    ]
    assert list(tmp_path.iterdir()) == []


async def test_alarms(house: House, newest: int) -> None:
    superuser(
        house.settings,
        "insert into ledger_alarms values ('t', 'probe', 7, 'it differs', 1),"
        " ('_global', 'probe', null, 'it is behind', 2)",
    )
    try:
        told = [
            (False, "tenant t, probe, sequence 7: it differs"),
            (False, "tenant _global, probe: it is behind"),
        ]
        assert await found(house, "alarm") == told
        assert await found(house, "alarms") == []
        url, data_dir = house.settings.database_url, house.settings.data_dir
        done = await asyncio.to_thread(run, "doctor", "--database-url", url, "--data-dir", data_dir)
        assert done.returncode == 1
        assert "FAIL  alarm: tenant t, probe, sequence 7: it differs\n" in done.stdout
        assert "ok    self-audit: in pass " in done.stdout
    finally:
        superuser(house.settings, "delete from ledger_alarms where kind = 'probe'")


async def test_keys_that_others_may_read(house: House, newest: int) -> None:
    path = house.settings.data_dir / "signing" / "keys"
    path.chmod(0o644)
    try:
        said = "the file is open to others (mode 644)"
        assert await found(house, "signing keys") == [(False, said)]
    finally:
        path.chmod(0o600)


async def test_keys_that_are_gone(house: House, newest: int) -> None:
    path = house.settings.data_dir / "signing" / "keys"
    path.rename(path.with_name("away"))
    try:
        said = "they cannot be looked at: No such file or directory"
        assert await found(house, "signing keys") == [(False, said)]
        said = f"that of round {newest} cannot be verified: there is no key"
        assert await found(house, "newest checkpoint") == [(False, said)]
        assert not path.exists()
    finally:
        path.with_name("away").rename(path)


async def test_a_newest_checkpoint_that_is_published_otherwise_or_not(
    house: House, shop: Shop, newest: int
) -> None:
    path, before = object_of(house, newest), object_of(house, max(1, newest - 1))
    there = {one: one.read_bytes() for one in (path, before)}
    try:
        path.chmod(0o600)
        path.write_bytes(b"something else")
        said = f"that of round {newest} is published with other content"
        assert await found(house, "newest checkpoint") == [(False, said)]
        for one in there:
            one.unlink(missing_ok=True)
        said = f"that of round {newest} is not published, nor the one before"
        assert await found(house, "newest checkpoint") == [(False, said)]
        before.write_bytes(there[before])
        if before != path:
            said = f"that of round {newest} verifies and is being published"
            assert await found(house, "newest checkpoint") == [(True, said)]
    finally:
        for one, content in there.items():
            one.write_bytes(content)


async def test_a_newest_checkpoint_that_nobody_signed(house: House, newest: int) -> None:
    with psycopg.connect(house.settings.database_url) as connection:
        connection.execute("set search_path = cell_0")
        connection.execute("alter table ledger_checkpoints disable trigger all")
        connection.execute(
            "update ledger_checkpoints set note = replace(note, %s, %s)"
            " where tenant_id = '_global' and size = %s",
            (f"\n{newest}\n", f"\n{newest + 1}\n", newest),
        )
        connection.commit()
        ((ok, detail),) = await found(house, "newest checkpoint")
        connection.execute(
            "update ledger_checkpoints set note = replace(note, %s, %s)"
            " where tenant_id = '_global' and size = %s",
            (f"\n{newest + 1}\n", f"\n{newest}\n", newest),
        )
        connection.execute("alter table ledger_checkpoints enable trigger all")
    assert not ok
    assert detail.startswith(f"that of round {newest} does not verify: ")
