"""A tenant leaves, at the command line, while the service runs: all of it is exported, its keys are
destroyed, and that is certified."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from application.ports import KeysDestroyed
from infrastructure.key_store.files import FileKeyStore
from infrastructure.privacy.keyring import Keyring, KeyRow
from infrastructure.tenancy.leavings import FileLeavings
from tests.infrastructure.ledger.cell import until
from tests.interfaces.cli.program import run
from tests.interfaces.http.journeys.erasing import found
from tests.interfaces.http.journeys.house import BASE, House, Shop
from tests.interfaces.http.journeys.leaving import (
    GONE,
    Leaver,
    certified,
    counts,
    exported_whole,
    folded,
    given,
    left,
    lines,
    off_board,
    rows,
)

pytestmark = pytest.mark.anyio

KEPT = {"events", "jobs", "orders", "order_events", "actors", "audit_log", "access_log"}
"""Some tables of whose rows the ledger or the log is made, or which are made of it."""


@pytest.fixture
def leaver(shop: Shop) -> Leaver:
    return Leaver(shop)


async def test_the_whole_way(house: House, leaver: Leaver, tmp_path: Path) -> None:
    shop, other = leaver.shop, Leaver(house.shop())
    await leaver.lives()
    await other.lives()
    assert counts(house, other.shop.tenant)["disclosures"]
    await until(lambda: rows(house, "access_log_personal", shop.tenant)[0][0] == 1)
    await until(lambda: folded(house, shop) == 1)
    there = counts(house, shop.tenant)
    assert all(there[name] for name in GONE if name != "job_chunks"), there
    wrapped = rows(
        house, "data_keys", shop.tenant,
        "tenant_id, kind, subject, key_id, bucket, bucket_key_id, wrapped",
    )  # fmt: skip
    directory = tmp_path / "export"
    said = await left(shop, directory, "--reason", "contract ended")
    assert str(directory / "certificate.txt") in said

    await refused_everywhere(shop)
    now = counts(house, shop.tenant)
    assert {name: now[name] for name in GONE} == dict.fromkeys(GONE, 0)
    assert all(now[name] >= there[name] for name in KEPT)
    assert folded(house, shop) == 0
    keys = FileKeyStore(house.settings.data_dir / "keys")
    assert keys.tenant_keys(shop.tenant) == 0
    for *owner, key_id, bucket, bucket_key_id, sealed in wrapped:
        row = KeyRow((owner[0], owner[1], owner[2]), key_id, bucket, bucket_key_id, sealed)
        with pytest.raises(KeysDestroyed):
            Keyring(keys).cipher(row)
    assert await found(other.shop, other.customer["email"]) == ["ord_1"]
    timeline = await other.shop.get("/orders/ord_1/timeline", "support")
    assert other.customer["name"] in timeline.text

    exported_whole(leaver, directory)
    await certified(shop, directory, tmp_path)
    again = await left(shop, directory)
    assert "nothing left" in again
    audited = await asyncio.to_thread(run, "verify", "ledger", "--tenant", shop.tenant,
                                      *given(house))  # fmt: skip
    assert audited.returncode == 0, audited.stdout


async def refused_everywhere(shop: Shop) -> None:
    """By tokens as for a tenant that they do not hold."""
    foreign = shop.house.client("admin", "somebody-else")
    strange = await foreign.get(f"{BASE}/orders", headers={"X-Tenant-ID": shop.tenant})
    asked = await shop.as_role("admin").get(f"{BASE}/orders", headers={"X-Tenant-ID": shop.tenant})
    assert asked.status_code == strange.status_code == 403
    assert asked.json() == strange.json()
    assert (await shop.send(shop.event())).status_code == 403
    ended = await asyncio.to_thread(run, "tenant", "add", shop.tenant, *given(shop.house))
    assert ended.returncode == 1
    assert "has left" in ended.stderr
    assert ended.stderr.count("\n") == 1
    ended = await asyncio.to_thread(run, "import", __file__, "--tenant", shop.tenant,
                                    *given(shop.house))  # fmt: skip
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "has left" in ended.stderr


async def test_what_is_refused(house: House, shop: Shop, tmp_path: Path) -> None:
    directory = tmp_path / "export"
    ended = await off_board(shop, directory)
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "nothing is recorded" in ended.stderr
    await shop.record()
    ended = await off_board(shop, directory, confirm="another")
    assert ended.returncode == 2
    assert "is not the tenant" in ended.stderr
    ended = await off_board(shop, directory, "--by", "ann@example.org")
    assert ended.returncode == 2
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    ended = await off_board(shop, tmp_path / "full")
    assert (ended.returncode, ended.stdout) == (1, ""), "it is not closed before its export can be"
    assert "is not empty" in ended.stderr
    beside_keys = house.settings.data_dir / "export"
    ended = await off_board(shop, beside_keys)
    assert (ended.returncode, ended.stdout, beside_keys.exists()) == (1, "", False)
    assert "in the data directory" in ended.stderr
    with FileLeavings(house.settings.data_dir).alone(shop.tenant):
        ended = await off_board(shop, directory)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "by another run" in ended.stderr
    body = {"target": "order", "target_id": "ord_1", "case_id": "case_77"}
    held = await shop.as_role("admin").post(f"{BASE}/legal-hold", json=body)
    ended = await off_board(shop, directory)
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1), ended.stderr
    assert held.json()["hold_id"] in ended.stderr
    assert "case_77" in ended.stderr
    assert not directory.exists()
    assert (await shop.send(shop.event())).status_code == 201
    refusals = await shop.walk("/audit", "admin", type="history.hold.refused")
    assert [one["target"] for one in refusals] == [f"tenant/{shop.tenant}"]


async def test_what_races_the_closing_is_before_it_or_refused(
    house: House, shop: Shop, tmp_path: Path
) -> None:
    """Nothing is acknowledged that the export has not, and nothing is recorded behind it."""
    await shop.record()
    recorded: set[str] = set()
    refused: list[int] = []
    over = asyncio.Event()

    async def writes() -> None:
        while not over.is_set():
            event = shop.event()
            answer = await shop.send(event)
            if answer.status_code == 201:
                recorded.add(event["event_id"])
            else:
                refused.append(answer.status_code)
                await asyncio.sleep(0.01)

    writers = [asyncio.ensure_future(writes()) for _ in range(4)]
    await left(shop, tmp_path / "export")
    over.set()
    await asyncio.gather(*writers)
    assert set(refused) == {403}
    exported = [
        one for one in lines(tmp_path / "export" / "ledger" / "events.ndjson")
        if not one["type"].startswith("history.")
    ]  # fmt: skip
    assert {one["event_id"] for one in exported} >= recorded
    newest = rows(house, "events", shop.tenant, "max(sequence)")[0][0]
    (closing,) = rows(house, "audit_log", shop.tenant, "sequence, type")
    assert closing == (newest, "history.tenant.closed")
    with_key = FileKeyStore(house.settings.data_dir / "keys")
    await until(lambda: with_key.tenant_keys(shop.tenant) == 0)
