"""A tenant's off-boarding that is killed on its way, and backups from before that are restored."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from domain.errors import TenantLeft
from infrastructure.key_store.files import FileKeyStore
from infrastructure.postgres.embedded import EmbeddedPostgres
from interfaces.composition.tenancy import destroy_again
from interfaces.composition.writing import bare_preparer, writing
from interfaces.settings import Settings
from tests.interfaces.cli.program import PROGRAM, ROOT, run
from tests.interfaces.http.journeys.house import BASE, House, Shop, opened
from tests.interfaces.http.journeys.leaving import (
    GONE,
    Leaver,
    certified,
    counts,
    exported_whole,
    folded,
    given,
    left,
    off_board,
)
from tests.interfaces.http.journeys.restoring import (
    copied,
    reopened,
    settings,
    signed_and_published,
)

pytestmark = pytest.mark.anyio
STEPS = (
    "closed: ",
    "settled: its jobs",
    "exported: ",
    "personal values\n",
    "saved searches\n",
    "keys of jobs\n",
    "keys of the tenant\n",
    "checked: ",
)
"""What is told of each, so that it is known where a kill comes."""


def killed_at(shop: Shop, directory: Path, step: str) -> None:
    """Off-board, and kill that as soon as it has told of a step."""
    command = [
        *PROGRAM, "tenant", "off-board", shop.tenant, "--export", str(directory),
        "--confirm", shop.tenant, "--by", "ops", "--reason", "contract ended",
        *map(str, given(shop.house)),
    ]  # fmt: skip
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        told = [line for line in iter(process.stderr.readline, "") if _kill_at(process, line, step)]
    assert told, step
    assert process.returncode == -signal.SIGKILL, (step, process.returncode)


def _kill_at(process: subprocess.Popen[str], line: str, step: str) -> bool:
    if step not in line:
        return False
    process.kill()
    return True


async def test_what_was_killed_at_any_step_goes_on(
    house: House, shop: Shop, tmp_path: Path
) -> None:
    """All of them in a row: each attempt goes on from where the one before was killed."""
    leaver, directory = Leaver(shop), tmp_path / "export"
    await leaver.lives()
    for step in STEPS:
        await asyncio.to_thread(killed_at, shop, directory, step)
        assert (await shop.send(shop.event())).status_code == 403
    await left(shop, directory)
    now = counts(house, shop.tenant)
    assert {name: now[name] for name in GONE} == dict.fromkeys(GONE, 0)
    assert folded(house, shop) == 0
    assert now["events"] > 123
    exported_whole(leaver, directory)
    await certified(shop, directory, tmp_path)
    said = (directory / "certificate.txt").read_text()
    for store in ("personal values", "rejected lines of jobs", "saved searches", "keys of jobs"):
        (line,) = [one for one in said.splitlines() if one.endswith(f" 0 {store}")]
        assert int(line.split(" ")[1]) > 0, line
    assert "destroyed 1024 0 keys of the tenant" in said


async def test_its_export_is_asked_for_once_destroying_has_begun(
    shop: Shop, tmp_path: Path
) -> None:
    await shop.record()
    await asyncio.to_thread(killed_at, shop, tmp_path / "export", "personal values\n")
    ended = await off_board(shop, tmp_path / "elsewhere")
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "name the directory whose manifest.json" in ended.stderr
    (tmp_path / "export").rename(tmp_path / "elsewhere")
    assert "nothing left" in await left(shop, tmp_path / "elsewhere")


async def test_an_export_that_was_changed_is_not_gone_on_from(shop: Shop, tmp_path: Path) -> None:
    directory = tmp_path / "export"
    await shop.record(payload={"note": "mine"})
    await asyncio.to_thread(killed_at, shop, directory, "exported: ")
    if (left_ := shop.house.settings.data_dir / "erased" / f"{shop.tenant}.left").exists():
        left_.unlink()  # as if it had been killed a moment earlier
    whole = (directory / "personal.ndjson").read_bytes()
    (directory / "personal.ndjson").write_bytes(b"")
    ended = await off_board(shop, directory)
    assert "personal.ndjson is not what was written" in ended.stderr
    assert counts(shop.house, shop.tenant)["disclosures"]
    (directory / "personal.ndjson").write_bytes(whole)
    await left(shop, directory)


@pytest.mark.parametrize("with_keys", [True, False])
async def test_a_backup_from_before_does_not_bring_it_back(
    postgres: EmbeddedPostgres, original: str, tmp_path: Path, with_keys: bool
) -> None:
    """Whether its keys come back with the database, or the data directory is as it was."""
    data_dir = tmp_path / "data"
    async with opened(settings(original, data_dir)) as house:
        leaver = Leaver(house.shop())
        await leaver.lives()
        tenant = leaver.shop.tenant
        await signed_and_published(house)
    shutil.copytree(data_dir / "keys", tmp_path / "keys")
    with copied(postgres, original) as url:
        async with opened(settings(original, data_dir)) as house:
            await left(Shop(house, tenant), tmp_path / "export")
            await signed_and_published(house)
        if with_keys:
            shutil.rmtree(data_dir / "keys")
            shutil.copytree(tmp_path / "keys", data_dir / "keys")
        restored = settings(url, data_dir)
        async with opened(restored) as house:
            shop = Shop(house, tenant)
            asked = await shop.as_role("support").get(f"{BASE}/orders/ord_1/timeline")
            assert asked.status_code == 403
            assert FileKeyStore(data_dir / "keys").tenant_keys(tenant) == 0
            assert counts(house, tenant)["disclosures"]
        async with writing(restored, "worker") as side:
            again = destroy_again(side)
            assert (await again(), await again()) == (1, 0)
        async with opened(restored) as house:
            now = counts(house, tenant)
            assert {name: now[name] for name in GONE} == dict.fromkeys(GONE, 0)
        await recorded_by_others(restored, tenant)


async def recorded_by_others(restored: Settings, tenant: str) -> None:
    """Others record again, the tenant does not, though its ledger does not say that it left."""
    await reopened(restored)
    where = "--database-url", restored.database_url, "--data-dir", restored.data_dir
    ended = await asyncio.to_thread(run, "tenant", "add", tenant, *where)
    assert "has left" in ended.stderr
    async with opened(restored) as house:
        await house.shop().record()
        event = house.shop().event("ord_1", event_id="late")
        answer = await Shop(house, tenant).send(event)
        assert answer.status_code == 403
    async with writing(restored, "save") as side:
        (outcome,) = await side.door.submit([bare_preparer().prepare_value(tenant, event).draft])
        assert isinstance(getattr(outcome, "error", None), TenantLeft)
