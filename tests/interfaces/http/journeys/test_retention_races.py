"""A run that meets holds, events, policies and other deletions on its way."""

from __future__ import annotations

from typing import Any

import pytest

from application.erasure.ports import Owned
from infrastructure.erasure.owned import StoredOwned
from tests.interfaces.http.journeys.house import BASE, Json, Shop, states
from tests.interfaces.http.journeys.retaining import (
    ACTOR,
    ADDRESS,
    FAILED,
    MAIL,
    enabled,
    ended,
    made,
    place_hold,
    report,
)

pytestmark = pytest.mark.anyio


async def test_a_hold_that_comes_while_it_is_planned_is_in_time(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shop.record("held", **FAILED)
    await shop.record("free", **FAILED)
    policy = await enabled(shop, await made(shop))
    real = StoredOwned.load
    holds: list[str] = []

    async def held_meanwhile(self: StoredOwned, tenant_id: str, owners: Any) -> list[Owned]:
        loaded = await real(self, tenant_id, owners)
        if tenant_id == shop.tenant and not holds:
            holds.append(await place_hold(shop))
        return loaded

    monkeypatch.setattr(StoredOwned, "load", held_meanwhile)
    result = await report(shop, policy, dry_run=False)
    assert result["held"]["holds"] == holds
    assert (result["orders"], result["held"]["orders"]) == (1, 1)
    assert set((await states(shop, "evt_1")).values()) == {"matches"}
    assert set((await states(shop, "evt_2")).values()) == {"erased"}


async def test_what_comes_in_meanwhile_is_not_lost(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither of the order, nor of the actor."""
    await shop.record("ord_1", **FAILED, metadata=ACTOR)
    policy = await enabled(shop, await made(shop))
    real = StoredOwned.of_actors
    note: Json = {"payload": {"note": "Jane asks"}, "metadata": ACTOR}
    came: list[Json] = []

    async def recorded_meanwhile(self: StoredOwned, tenant_id: str, given: Any) -> list[Owned]:
        loaded = await real(self, tenant_id, given)
        if tenant_id == shop.tenant and not came:
            came.append(await shop.record("ord_1", **note))
            came.append(await shop.record("ord_2", **note))
        return loaded

    monkeypatch.setattr(StoredOwned, "of_actors", recorded_meanwhile)
    result = await report(shop, policy, dry_run=False)
    assert (len(came), result["orders"], result["events"]) == (2, 1, 1)
    assert set((await states(shop, "evt_1")).values()) == {"erased"}
    for event_id in ("evt_2", "evt_3"):
        assert set((await states(shop, event_id)).values()) == {"matches"}
    assert (await shop.get("/events", "admin")).text.count(ADDRESS) == 2


async def test_a_person_that_is_erased_meanwhile_does_not_come_back(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the run had seen of the order, and not to let go, is gone."""
    customer = {"id": "cust_1", "email": MAIL}
    await shop.record("ord_1", type="order.created", payload={"customer": customer})
    await shop.record("ord_1", **FAILED)
    policy = await enabled(shop, await made(shop))
    real = StoredOwned.of_actors
    erased: list[Json] = []

    async def erased_meanwhile(self: StoredOwned, tenant_id: str, given: Any) -> list[Owned]:
        loaded = await real(self, tenant_id, given)
        if tenant_id == shop.tenant and not erased:
            erased.append({})
            client = shop.as_role("admin")
            answer = await client.post(f"{BASE}/gdpr/erase-request", json={"subject_id": "cust_1"})
            erased[0] = await ended(shop, answer.json())
        return loaded

    monkeypatch.setattr(StoredOwned, "of_actors", erased_meanwhile)
    await report(shop, policy, dry_run=False)
    assert erased[0]["status"] == "succeeded"
    assert MAIL not in (await shop.get("/events", "admin")).text
    for event_id in ("evt_1", "evt_2"):
        assert set((await states(shop, event_id)).values()) == {"erased"}


async def test_a_policy_made_meanwhile_keeps_what_it_must(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shop.record("ord_1", **FAILED)
    policy = await enabled(shop, await made(shop, retain_for="P7M"))
    real = StoredOwned.of_actors
    keeps: list[Json] = []

    async def kept_meanwhile(self: StoredOwned, tenant_id: str, given: Any) -> list[Owned]:
        if tenant_id == shop.tenant and not keeps:
            duty: Json = {"name": "keep", "duty": True, "action": "archive"}
            keeps.append(await made(shop, **duty, counted_from="received_at"))
        return await real(self, tenant_id, given)

    monkeypatch.setattr(StoredOwned, "of_actors", kept_meanwhile)
    result = await report(shop, policy, dry_run=False)
    assert (len(keeps), result["orders"], result["events"]) == (1, 0, 0)
    assert set((await states(shop, "evt_1")).values()) == {"matches"}
