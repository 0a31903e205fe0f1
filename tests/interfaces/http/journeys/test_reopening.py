"""New origins for a store that lies behind: it goes on, and says what it had signed before."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from application.ledger.verifying import verify_proof
from domain.errors import Conflict
from domain.ledger.checkpoints import Checkpoint
from domain.ledger.notes import VerifierKey
from infrastructure.ledger.reopening import Reopened, Reopening
from interfaces.composition.maintenance import audit_ledgers, rebuild_models
from interfaces.composition.proving import log_keys, verifier_keys
from interfaces.composition.reopening import reopen_ledger
from interfaces.settings import Settings
from tests.interfaces.http.journeys.house import BASE, House, Shop, opened
from tests.interfaces.http.journeys.proving import signed, superuser
from tests.interfaces.http.journeys.restoring import settings, signed_and_published

pytestmark = pytest.mark.anyio


def the_shop(house: House) -> Shop:
    """The tenant that was there before."""
    shop = house.shop()
    with psycopg.connect(house.settings.database_url) as connection:
        ((shop.tenant,),) = connection.execute(
            "select tenant_id from cell_0.events where position = 1"
        ).fetchall()
    return shop


def links(restored: Settings) -> list[dict[str, Any]]:
    with psycopg.connect(restored.database_url) as connection:
        rows = connection.execute(
            "select state from cell_0.events where event_id like 'oh_evt_history.ledger.reopened%'"
            " order by position"
        ).fetchall()
    return [msgspec.json.decode(state)["payload"] for (state,) in rows]


async def keys(of: Settings, tenant: str) -> tuple[VerifierKey, ...]:
    return tuple(VerifierKey.parse(line) for line in await verifier_keys(of, tenant))


def published_head(of: Settings, log: str) -> Checkpoint:
    """The newest published checkpoint of the first origin."""
    directory = of.data_dir / "published" / log / "1" / "checkpoint"
    newest = max(directory.iterdir(), key=lambda path: int(path.name))
    return Checkpoint.parse(newest.read_text().partition("\n\n")[0] + "\n")


async def stopped_reopening(of: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the links are recorded, before the heads are moved."""

    def stop(*_: object) -> None:
        raise OSError("stopped")

    with monkeypatch.context() as patched:
        patched.setattr(Reopening, "_move", stop)
        with pytest.raises(OSError, match="stopped"):
            await reopen_ledger(of)


async def test_a_restored_store_goes_on_under_new_origins(restored: Settings) -> None:
    assert await reopen_ledger(restored) == Reopened(2, 1, stale=False)
    async with opened(restored) as house:
        shop = the_shop(house)
        (link,) = links(restored)
        service_origin = log_keys(restored).service_origin
        before = published_head(restored, shop.tenant)
        assert link["origin"] == f"{service_origin}/{shop.tenant}/2"
        assert link["previous"]["origin"] == before.origin == f"{service_origin}/{shop.tenant}"
        assert link["previous"]["size"] == before.size
        assert b64decode(link["previous"]["root"]) == before.root
        await shop.record(event_id="evt_new")
        status = await signed(shop)
        assert (status["sequence"], status["checkpoint_size"]) == (3, 3)
        trusted = await keys(restored, shop.tenant)
        for event_id, sequence in (("oh_evt_000000000001", 1), ("evt_new", 3)):
            raw = (await shop.get(f"/events/{event_id}/bytes")).content
            receipt = (await shop.get(f"/events/{event_id}/receipt")).content
            assert verify_proof(receipt, raw, trusted).sequence == sequence
            assert (await shop.read(f"/events/{event_id}/verify"))["verified"]
        new = house.shop()
        await new.record()
        assert f"/{new.tenant}/2\n" in (await signed(new))["checkpoint"]
    assert await asyncio.to_thread(audit_ledgers, restored, None, lambda _done, _all: None) == (
        4,
        [],
    )
    with pytest.raises(Conflict, match="nothing to reopen"):
        await reopen_ledger(restored)


async def test_stopped_in_the_middle_it_is_begun_again(
    restored: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stopped_reopening(restored, monkeypatch)
    assert len(links(restored)) == 1
    assert (await reopen_ledger(restored)).epoch == 2
    assert len(links(restored)) == 1
    async with opened(restored) as house:
        shop = the_shop(house)
        await shop.record(event_id="evt_new")
        assert (await signed(shop))["checkpoint_size"] == 3


@pytest.mark.parametrize("stopped", [False, True])
async def test_events_that_were_cut_off(
    original: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, stopped: bool
) -> None:
    """The tree begins with what is left, also where the first try was stopped; read models are
    rebuilt."""
    async with opened(settings(original, tmp_path)) as house:
        shop = house.shop()
        await shop.record_all(shop.event(f"ord_{number}") for number in range(300))
        await signed_and_published(house)
    with superuser(house) as connection:
        connection.execute("delete from events where position > 250")
    if stopped:
        await stopped_reopening(house.settings, monkeypatch)
    assert await reopen_ledger(house.settings) == Reopened(2, 1, stale=True)
    await rebuild_models(house.settings, [], lambda _done, _all: None)
    async with opened(house.settings) as house:
        again = house.shop()
        again.tenant = shop.tenant
        await again.record_all(
            again.event(f"new_{number}", event_id=f"n{number}") for number in range(20)
        )
        assert (await signed(again))["checkpoint_size"] == 271
        for event_id in ("oh_evt_000000000001", "oh_evt_000000000256", "n19"):
            answer = await again.as_role("auditor").get(f"{BASE}/events/{event_id}/verify")
            assert answer.json()["verified"], answer.text
        assert len(await again.walk("/events", limit=100)) == 270
        alarms = (await again.as_role("operator").get(f"{BASE}/health")).json()
        assert alarms["subsystems"]["ledger"]["status"] == "ok"


async def test_a_witness_that_has_seen_more_is_reason_enough(original: str, tmp_path: Path) -> None:
    """Where what was published is lost as well."""
    async with opened(settings(original, tmp_path)) as house:
        await house.shop().record()
        await signed_and_published(house)
    with pytest.raises(Conflict, match="nothing to reopen"):
        await reopen_ledger(house.settings)
    with superuser(house) as connection:
        connection.execute(
            "insert into ledger_alarms (tenant_id, kind, detail, raised_us)"
            " values ('_global', 'witness', 'it has seen more', 1)"
        )
    assert (await reopen_ledger(house.settings)).epoch == 2
    async with opened(house.settings) as house:
        shop = the_shop(house)
        await shop.record(event_id="evt_new")
        assert "/2\n" in (await signed(shop))["checkpoint"]
